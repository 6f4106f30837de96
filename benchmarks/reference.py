"""The public implementation of the released models, from a checkout that the user supplies, to be measured beside ours.

Nothing of it is kept here. It is imported as it stands, less its packages' start files, which would import every data
set; packages that only reach remote stores may be absent.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openmolmo.model import Molmo
from openmolmo.model.released import released_weights
from openmolmo.prompting.sequence import Tokens

__all__ = [
    "add_reference_option",
    "keep_less",
    "open_reference",
    "reference_batch",
    "reference_model",
    "reference_patches",
    "reference_step",
    "reference_training_batch",
    "usual_terms",
]

_NEEDED = {"model": ("einops", "omegaconf"), "data.model_preprocessor": ("torchvision",)}
_REMOTE = {"boto3": (), "botocore": ("config", "exceptions"), "cached_path": ("schemes",)}
_HELP = "a checkout of github.com/allenai/molmo, to be measured in the same run"


def add_reference_option(parser: Any) -> None:
    """``--reference PATH``."""
    parser.add_argument("--reference", type=Path, metavar="PATH", help=_HELP)


def open_reference(path: Path, name: str) -> Any:
    """Its module ``model`` or ``data.model_preprocessor``; ends the program where that cannot be imported."""
    root = path / "olmo"
    if not (root / "model.py").is_file():
        raise SystemExit(f"--reference {path} has no olmo/model.py; give {_HELP}")
    missing = " ".join(package for package in _NEEDED[name] if find_spec(package) is None)
    if missing:
        raise SystemExit(f"the reference needs packages that are not installed: pip install {missing}")
    for package, folder in (("olmo", root), ("olmo.data", root / "data")):
        module = sys.modules.setdefault(package, ModuleType(package))
        module.__path__ = [str(folder)]
    for package in _REMOTE:
        _stand_in(package)
    try:
        return importlib.import_module(f"olmo.{name}")
    except (ImportError, RuntimeError, AttributeError) as error:
        installed = ", ".join(f"torch {torch.__version__}" if p == "torch" else p for p in ("torch", *_NEEDED[name]))
        raise SystemExit(f"the reference cannot be imported beside {installed}: {error}") from error


def _stand_in(package: str) -> None:
    """Let a package that is not installed be imported."""
    if package in sys.modules or find_spec(package) is not None:
        return
    whole = sys.modules[package] = _Absent(package)
    for part in _REMOTE[package]:
        sys.modules[f"{package}.{part}"] = _Absent(f"{package}.{part}")
        setattr(whole, part, sys.modules[f"{package}.{part}"])


class _Absent(ModuleType):
    """A package whose names exist and do nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (Exception,), {"recoverable_errors": ()})


def reference_model(path: Path, ours: Molmo, *, device: str = "cpu") -> Any:
    """The same model with the same weights, in evaluation mode; ``ours`` has a CLIP encoder and a Qwen2."""
    module = open_reference(path, "model")
    settings = importlib.import_module("olmo.config")
    config, vision, text = ours.config, ours.config.vision_config, ours.config.text_config
    heads = vision.num_attention_heads
    encoder = settings.VisionBackboneConfig(
        image_default_input_size=(vision.image_size, vision.image_size),
        image_patch_size=vision.patch_size,
        image_pos_patch_size=vision.patch_size,
        image_emb_dim=vision.hidden_size,
        image_num_heads=heads,
        image_num_key_value_heads=heads,
        image_num_layers=config.last_feature_layer + 1,
        image_head_dim=vision.hidden_size // heads,
        image_mlp_dim=vision.intermediate_size,
        image_mlp_activations=settings.ActivationType.quick_gelu,
        image_num_pos=(vision.image_size // vision.patch_size) ** 2 + 1,
        image_norm_eps=vision.layer_norm_eps,
    )
    made = settings.ModelConfig(
        d_model=text.hidden_size,
        n_heads=text.num_attention_heads,
        n_kv_heads=text.num_key_value_heads,
        n_layers=text.num_hidden_layers,
        mlp_hidden_size=2 * text.intermediate_size,
        qkv_bias=True,
        rope=True,
        rope_theta=text.rope_parameters["rope_theta"],
        vision_backbone=encoder,
        attention_dropout=0.0,
        residual_dropout=0.0,
        embedding_dropout=0.0,
        layer_norm_type=settings.LayerNormType.rms,
        layer_norm_eps=text.rms_norm_eps,
        max_sequence_length=text.max_position_embeddings,
        include_bias=False,
        bias_for_layer_norm=False,
        vocab_size=text.vocab_size,
        embedding_size=text.vocab_size,
        additional_vocab_size=config.extra_embeddings,
        weight_tying=False,
        init_device=device,
        image_padding_embed="pad_and_partial_pad" if config.padding_embedding else None,
        vit_layers=tuple(layer - config.last_feature_layer - 1 for layer in config.resolved_feature_layers),
        image_pooling_2d=settings.ImagePooling2DType.attention_meanq,
    )
    model = module.Molmo(made, init_params=False)
    model.load_state_dict(released_weights(ours, layout="native"))
    # Only the end token is asked for, and no reply shall end.
    made.get_tokenizer = lambda: SimpleNamespace(eos_token_id=-1)
    return model.eval()


def keep_less(model: Any) -> None:
    """Let it compute each layer anew in the backward pass, as its launch scripts do."""
    strategies = importlib.import_module("olmo.config").ActivationCheckpointingStrategy
    model.set_activation_checkpointing(strategies.whole_layer)


def reference_batch(
    prompts: Sequence[Tokens],
    image_patch_id: int,
    patch: int = 14,
    pool: int = 2,
    *,
    most_crops: int | None = None,
    length: int | None = None,
) -> dict[str, Tensor]:
    """Prompts with at most one picture each as the reference takes them: padded on the right by -1, in crops too.

    ``input_ids`` (B, T), ``images`` (B, N, P, 3 * patch * patch), ``image_masks`` (B, N, P), and for every pooled
    window the place in the row that its feature goes to, ``image_input_idx`` (B, N, P / pool / pool). N and T are
    ``most_crops`` and ``length`` where given. Without any picture there is only the first.
    """
    rows, tokens = len(prompts), length or max(len(prompt) for prompt in prompts)
    ids = np.full((rows, tokens), -1, np.int64)
    for row, prompt in enumerate(prompts):
        ids[row, : len(prompt)] = prompt.input_ids
    images = {row: prompt.images[0] for row, prompt in enumerate(prompts) if prompt.images}
    if not images:
        return {"input_ids": torch.from_numpy(ids)}
    crops = most_crops or max(len(image.pixels) for image in images.values())
    side = next(iter(images.values())).pixels.shape[-1] // patch
    pixels = np.full((rows, crops, side * side, 3 * patch * patch), -1, np.float32)
    masks = np.full((rows, crops, side * side), -1, np.float32)
    places = np.full((rows, crops, (side // pool) ** 2), -100, np.int64)
    for row, image in images.items():
        count = len(image.pixels)
        pixels[row, :count] = reference_patches(image.pixels, patch)
        masks[row, :count] = image.patch_mask
        crop, first = np.divmod(image.pooled_patches[:, 0], side * side)
        window = first // side // pool * (side // pool) + first % side // pool
        places[row, crop, window] = np.flatnonzero(prompts[row].input_ids == image_patch_id)
    named = {"input_ids": ids, "images": pixels, "image_masks": masks, "image_input_idx": places}
    return {name: torch.from_numpy(array) for name, array in named.items()}


def reference_training_batch(
    examples: Sequence[Tokens], image_patch_id: int, *, most_crops: int | None = None, length: int | None = None
) -> dict[str, Tensor]:
    """:func:`reference_batch` with what else it takes of examples to train on: ``position_ids``, ``labels``,
    ``loss_masks`` and ``subsegment_ids``, all (B, T)."""
    batch = reference_batch(examples, image_patch_id, most_crops=most_crops, length=length)
    shape = tuple(batch["input_ids"].shape)
    for name, fill in {"position_ids": 0, "labels": 0, "loss_masks": 0.0, "subsegment_ids": -1}.items():
        batch[name] = torch.full(shape, fill)
    for row, one in enumerate(examples):
        span = slice(0, len(one))
        batch["position_ids"][row, span] = torch.from_numpy(one.position_ids)
        batch["labels"][row, span] = torch.from_numpy(one.labels)
        batch["loss_masks"][row, span] = torch.from_numpy(one.loss_weights)
        branches = torch.from_numpy(one.branch_ids)
        batch["subsegment_ids"][row, span] = torch.where(branches == 0, 10000, branches)  # what all branches see
    return batch


def reference_patches(pixels: np.ndarray, patch: int) -> np.ndarray:
    """(N, 3, S, S) -> (N, patches, patch * patch * 3), each patch by row, column and channel."""
    crops, channels, size, _ = pixels.shape
    side = size // patch
    parts = pixels.reshape(crops, channels, side, patch, side, patch).transpose(0, 2, 4, 3, 5, 1)
    return np.ascontiguousarray(parts.reshape(crops, side * side, patch * patch * channels))


def reference_step(
    model: nn.Module, device: torch.device, rate: float, z_loss: float
) -> Callable[[Sequence[dict[str, Tensor]]], float]:
    """A step over several batches as its trainer takes it, less the figures that it gathers on the way; gives the loss.

    All logits, the library's loss, clipping by component, AdamW; products are in bfloat16 on an accelerator.
    """
    parts: dict[str, list[nn.Parameter]] = {"image_vit": [], "connector": [], "llm": []}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            new = "vision_backbone" in name or "new_embedding" in name
            parts["image_vit" if "image_vit" in name else "connector" if new else "llm"].append(parameter)
    groups = [{"params": members} for members in parts.values()]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95), eps=1e-6, weight_decay=0.0, fused=True)

    def loss_of(batch: dict[str, Tensor]) -> Tensor:  # a function, so that nothing is held longer than there
        given = {name: value.to(device, non_blocking=True) for name, value in batch.items()}
        labels, weights = given.pop("labels"), given.pop("loss_masks")
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits = model(**given, attention_mask=given["input_ids"] != -1).logits
        ce, z = usual_terms(logits, labels, weights)
        return ce + z_loss * z

    def step(batches: Sequence[dict[str, Tensor]]) -> float:
        weight = sum(float(batch["loss_masks"].sum()) for batch in batches)
        total = torch.zeros((), device=device)
        for batch in batches:
            loss = loss_of(batch) / weight
            torch.autograd.backward(loss)
            total += loss.detach()
        for members in parts.values():
            nn.utils.clip_grad_norm_(members, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(total)

    return step


def usual_terms(logits: Tensor, labels: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The library's cross-entropy from all logits, and the z-loss: both sums over the tokens by their weights.

    ``logits`` (B, T, V); ``labels`` and ``weights`` (B, T), of which those of weight 0 may be anything.
    """
    values, weights = logits.float().flatten(0, 1), weights.reshape(-1)
    wanted = labels.reshape(-1).masked_fill(weights == 0, -100)
    ce = F.cross_entropy(values, wanted, ignore_index=-100, reduction="none")
    return (ce * weights).sum(), (values.logsumexp(-1).square() * weights).sum()
