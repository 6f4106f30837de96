"""The public implementation of the released models, from a checkout that the user supplies, to be measured beside ours.

Nothing of it is kept here. It is imported as it stands, less its packages' start files, which would import every data
set; packages that only reach remote stores may be absent.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from openmolmo.model import Molmo
from openmolmo.model.released import released_weights
from openmolmo.prompting.sequence import Tokens

__all__ = ["add_reference_option", "open_reference", "reference_batch", "reference_model", "reference_patches"]

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


def reference_model(path: Path, ours: Molmo) -> Any:
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
        init_device="cpu",
        image_padding_embed="pad_and_partial_pad" if config.padding_embedding else None,
        vit_layers=tuple(layer - config.last_feature_layer - 1 for layer in config.resolved_feature_layers),
        image_pooling_2d=settings.ImagePooling2DType.attention_meanq,
    )
    model = module.Molmo(made, init_params=False)
    model.load_state_dict(released_weights(ours, layout="native"))
    # Only the end token is asked for, and no reply shall end.
    made.get_tokenizer = lambda: SimpleNamespace(eos_token_id=-1)
    return model.eval()


def reference_batch(
    prompts: Sequence[Tokens], image_patch_id: int, patch: int = 14, pool: int = 2
) -> dict[str, Tensor]:
    """Prompts with one picture each as the reference takes them: padded on the right by -1, in crops too.

    ``input_ids`` (B, T), ``images`` (B, N, P, 3 * patch * patch), ``image_masks`` (B, N, P), and for every pooled
    window the place in the row that its feature goes to, ``image_input_idx`` (B, N, P / pool / pool).
    """
    rows, tokens = len(prompts), max(len(prompt) for prompt in prompts)
    images = [prompt.images[0] for prompt in prompts]
    crops = max(len(image.pixels) for image in images)
    side = images[0].pixels.shape[-1] // patch
    ids = np.full((rows, tokens), -1, np.int64)
    pixels = np.full((rows, crops, side * side, 3 * patch * patch), -1, np.float32)
    masks = np.full((rows, crops, side * side), -1, np.float32)
    places = np.full((rows, crops, (side // pool) ** 2), -100, np.int64)
    for row, (prompt, image) in enumerate(zip(prompts, images, strict=True)):
        count = len(image.pixels)
        ids[row, : len(prompt)] = prompt.input_ids
        pixels[row, :count] = reference_patches(image.pixels, patch)
        masks[row, :count] = image.patch_mask
        crop, first = np.divmod(image.pooled_patches[:, 0], side * side)
        window = first // side // pool * (side // pool) + first % side // pool
        places[row, crop, window] = np.flatnonzero(prompt.input_ids == image_patch_id)
    named = {"input_ids": ids, "images": pixels, "image_masks": masks, "image_input_idx": places}
    return {name: torch.from_numpy(array) for name, array in named.items()}


def reference_patches(pixels: np.ndarray, patch: int) -> np.ndarray:
    """(N, 3, S, S) -> (N, patches, patch * patch * 3), each patch by row, column and channel."""
    crops, channels, size, _ = pixels.shape
    side = size // patch
    parts = pixels.reshape(crops, channels, side, patch, side, patch).transpose(0, 2, 4, 3, 5, 1)
    return np.ascontiguousarray(parts.reshape(crops, side * side, patch * patch * channels))
