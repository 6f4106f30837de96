"""What a run takes that teaches the encoder alone: parameters, bytes and operations, without any weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from openmolmo.model.molmo import Molmo
from openmolmo.training.config import PatchRunConfig
from openmolmo.training.estimate.planned import settings_of
from openmolmo.training.estimate.work import Load, Work
from openmolmo.training.patch_labels.head import make_reader, trained_in

__all__ = ["PlannedReader", "planned_reader"]


@dataclass(frozen=True)
class PlannedReader:
    """Parameters trained by part and in all, bytes by kind, operations of a crop by part; ``weights``: whence."""

    weights: str
    trained: Mapping[str, int]
    memory: Mapping[str, float]
    work: Mapping[str, float]


def planned_reader(config: PatchRunConfig, *, half: bool) -> PlannedReader:
    """Sizes and work of a run; ``half`` says whether matrix products are in bfloat16 (on an accelerator).

    Raises what the run would of settings that do not fit.
    """
    settings, crop, weights = settings_of(config)
    with torch.device("meta"):
        model: Molmo = Molmo(settings)
        reader = make_reader(config, model)
    trained = {part: sum(p.numel() for p in members) for part, members in trained_in(reader).items()}
    every = sum(p.numel() for p in model.parameters())
    vision: Any = settings.vision_config
    patches = (vision.image_size // vision.patch_size) ** 2
    tokens = patches // settings.patches_per_token if config.tokens else 0
    load = Load(tokens=0, pairs=0, crops=1, image_tokens=tokens, learnt=0)
    work = Work(model, frozen=() if config.tokens else [n for n, _ in model.named_parameters() if "encoder" not in n])
    item = 2 if half else 4
    # Into norms, attention and MLP, and what they make; scores and weights of attention, which is eager on any device.
    block = (10 * vision.hidden_size + 2 * vision.intermediate_size) * item + 8 * vision.num_attention_heads * patches
    memory = {
        "weights": 4.0 * every,
        "gradients": 4.0 * sum(trained.values()),
        "optimiser states": 8.0 * sum(trained.values()),
        **({"weights in bfloat16": 2.0 * sum(trained.values())} if half else {}),
        "activations": float(config.batch * patches * (settings.last_feature_layer + 1) * block),
        "pictures": 2 * 4.0 * 3 * config.batch * crop.crop_size**2,  # as they come, and normalised
    }
    return PlannedReader(weights, trained, memory, {p: v for p, v in work.step(load).items() if v})
