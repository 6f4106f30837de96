"""What reads the labels off an encoder's features while it is taught, and how wrong that is."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openmolmo.engine.synth.scenes.patches import FACTS
from openmolmo.imaging.config import NORMALIZATIONS, CropConfig
from openmolmo.model.vision import VisionEncoder

__all__ = ["PatchReader", "patch_loss"]

_WEIGHTS = {"shape": 2.0, "colour": 1.0, "pattern": 0.5, "size": 0.5, "offset": 2.0}
"""Shapes are by far the hardest."""

_BACKGROUND = 0.15
"""Weight of a patch without object: there are many, and they are easy."""


class PatchReader(nn.Module):
    """An encoder and one linear layer on each patch's features."""

    def __init__(self, encoder: VisionEncoder, crop: CropConfig) -> None:
        super().__init__()
        self.encoder = encoder
        self._sizes = [len(classes) for classes in FACTS.values()]
        self.head = nn.Linear(encoder.width, sum(self._sizes) + 2)
        mean, std = (torch.tensor(values).view(3, 1, 1) * 255 for values in NORMALIZATIONS[crop.normalize])
        self.register_buffer("_mean", mean, persistent=False)
        self.register_buffer("_std", std, persistent=False)
        self._mean: Tensor
        self._std: Tensor

    def forward(self, pixels: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """(B, 3, S, S) 0-255 -> for each fact (B, P, classes) logits, and offsets (B, P, 2); all float32."""
        read = self.head(self.encoder((pixels - self._mean) / self._std)).float()
        *facts, offsets = read.split([*self._sizes, 2], dim=-1)
        return dict(zip(FACTS, facts, strict=True)), offsets


def patch_loss(
    logits: dict[str, Tensor], found: Tensor, facts: Tensor, offsets: Tensor
) -> tuple[Tensor, dict[str, float]]:
    """The loss of one batch, and the shares of objects' patches whose shape and colour were read rightly.

    Args:
        logits: (B, P, classes) of each of ``FACTS``.
        found: (B, P, 2) offsets as read.
        facts: (B, P, 4) true classes; patches with -1 count nowhere.
        offsets: (B, P, 2) true ones.
    """
    thing = facts[..., 0] > 0
    weight = torch.where(thing, 1.0, _BACKGROUND) * (facts[..., 0] >= 0)
    losses = {}
    for index, (fact, values) in enumerate(logits.items()):
        classes = facts[..., index].clamp(min=0)
        each = F.cross_entropy(values.flatten(0, 1), classes.flatten(), reduction="none").view_as(weight)
        counted = weight if fact in ("shape", "colour") else thing.float()
        losses[fact] = (each * counted).sum() / counted.sum().clamp(min=1)
    away = F.smooth_l1_loss(found, offsets, reduction="none").mean(dim=-1)
    losses["offset"] = (away * thing).sum() / thing.sum().clamp(min=1)
    total = torch.stack([_WEIGHTS[name] * loss for name, loss in losses.items()]).sum()
    figures = {name: float(loss.detach()) for name, loss in losses.items()}
    if thing.any():
        for index, fact in enumerate(("shape", "colour")):
            read = logits[fact][..., 1:].argmax(-1) + 1
            figures[f"{fact}_right"] = float((read == facts[..., index])[thing].float().mean())
    return total, figures
