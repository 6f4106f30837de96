"""Tiny random models of every tested architecture, and batches built from plain examples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, CLIPVisionConfig

from openmolmo.model import Molmo, MolmoConfig

VOCAB, PATCH_ID = 64, 66
CROP, PATCHES = 28, 4
#: Architectures whose branches, dropout and generation are tested; olmo3 has sliding-window layers.
ARCHITECTURES = ("llama", "olmo2", "olmo3", "olmoe", "qwen2", "qwen3", "smollm3")


def text_config(kind: str) -> Any:
    options: dict[str, Any] = {
        "vocab_size": VOCAB,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 128,
        "pad_token_id": None,
        "bos_token_id": None,
        "eos_token_id": None,
        "initializer_range": 0.2,
    }
    if kind == "olmoe":
        options |= {"num_experts": 4, "num_experts_per_tok": 2}
    if kind == "qwen3":
        options |= {"head_dim": 8}
    if kind == "olmo3":
        options |= {"sliding_window": 5, "layer_types": ["sliding_attention", "full_attention"]}
    return AutoConfig.for_model(kind, **options)


def config(kind: str = "qwen2", **changes: Any) -> MolmoConfig:
    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=CROP,
        patch_size=14,
        hidden_act="quick_gelu",
    )
    options: dict[str, Any] = {
        "vision_config": vision,
        "text_config": text_config(kind),
        "image_patch_id": PATCH_ID,
        "extra_embeddings": 8,
        "feature_layers": [-2, -4],
        "pooling_heads": 2,
        "pooling_head_dim": 8,
        "projector_hidden": 24,
        "connector_init": None,
    }
    return MolmoConfig(**options | changes)


def model(kind: str = "qwen2", seed: int = 0, **changes: Any) -> Molmo:
    torch.manual_seed(seed)
    made = Molmo(config(kind, **changes))
    with torch.no_grad():
        for name, parameter in made.named_parameters():  # norms and biases off their neutral values
            if parameter.dim() == 1 or "padding" in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return made.eval()


@dataclass
class Sample:
    """One picture with its branches: prefix ids (with image tokens), then token ids of each branch."""

    prefix: list[int]
    branches: list[list[int]]
    crops: Tensor
    mask: Tensor
    windows: Tensor
    unsupervised: int = 1  # leading tokens of each branch without loss

    def alone(self, branch: int) -> Sample:
        return Sample(self.prefix, [self.branches[branch]], self.crops, self.mask, self.windows, self.unsupervised)


def sample(seed: int, branches: tuple[int, ...] = (4, 6), crops: int = 2, tokens: int = 3) -> Sample:
    generator = torch.Generator().manual_seed(seed)

    def ids(count: int) -> list[int]:
        return torch.randint(0, VOCAB, (count,), generator=generator).tolist()

    windows = torch.randint(0, crops * PATCHES, (tokens, 4), generator=generator)
    if tokens:
        windows[-1, -1] = -1
    share = torch.tensor([0.0, 0.5, 1.0, -1.0])
    return Sample(
        prefix=[*ids(1), VOCAB, *[PATCH_ID] * tokens, VOCAB + 1],
        branches=[ids(count) for count in branches],
        crops=torch.randn(crops, 3, CROP, CROP, generator=generator),
        mask=share[torch.randint(0, 4, (crops, PATCHES), generator=generator)],
        windows=windows,
    )


@dataclass
class _Row:
    columns: dict[str, list[float]] = field(default_factory=dict)

    def add(self, **values: float) -> None:
        for key, value in values.items():
            self.columns.setdefault(key, []).append(value)


def batch(rows: list[list[Sample]], left: bool = False, length: int | None = None) -> dict[str, Tensor]:
    """Rows of samples as the keyword arguments of ``Molmo.forward``, padded on the right (or left)."""
    built = [_build(row) for row in rows]
    width = length or max(len(row.columns["input_ids"]) for row in built)
    fill = {"example_ids": -1, "loss_weights": 0.0}
    out: dict[str, Tensor] = {}
    for key in built[0].columns:
        padded = []
        for row in built:
            pad = [fill.get(key, 0)] * (width - len(row.columns[key]))
            padded.append(pad + row.columns[key] if left else row.columns[key] + pad)
        out[key] = torch.tensor(padded, dtype=torch.float32 if key == "loss_weights" else torch.int64)
    samples = [s for row in rows for s in row]
    out["crops"] = torch.cat([s.crops for s in samples])
    out["patch_mask"] = torch.cat([s.mask for s in samples])
    offset, windows = 0, []
    for s in samples:
        windows.append(torch.where(s.windows < 0, s.windows, s.windows + offset))
        offset += s.mask.numel()
    out["pooled_patches"] = torch.cat(windows)
    return out


def _build(row: list[Sample]) -> _Row:
    built = _Row()
    for number, one in enumerate(row):
        for place, token in enumerate(one.prefix):
            built.add(input_ids=token, position_ids=place, example_ids=number, branch_ids=0, labels=0, loss_weights=0.0)
        for index, branch in enumerate(one.branches, start=1):
            for place, token in enumerate(branch):
                supervised = place >= one.unsupervised
                built.add(
                    input_ids=token,
                    position_ids=len(one.prefix) + place,
                    example_ids=number,
                    branch_ids=index,
                    labels=branch[(place + 1) % len(branch)],
                    loss_weights=0.5 + 0.1 * index if supervised else 0.0,
                )
    return built


def prompt_batch(samples: list[Sample]) -> dict[str, Tensor]:
    """Left-padded prompts for ``generate``: one branch each."""
    made = batch([[one] for one in samples], left=True)
    return {key: value for key, value in made.items() if key not in ("labels", "loss_weights")}


def logits(net: Molmo, inputs: dict[str, Tensor]) -> Tensor:
    with torch.no_grad():
        kept = {k: v for k, v in inputs.items() if k not in ("labels", "loss_weights")}
        return net(**kept).logits
