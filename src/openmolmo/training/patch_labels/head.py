"""What reads the labels off an encoder's features while it is taught, and how wrong that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openmolmo.core.errors import ConfigError
from openmolmo.core.rng import derive_seed
from openmolmo.engine.synth.patch_labels import FACTS, SPARSE
from openmolmo.imaging.config import NORMALIZATIONS, CropConfig
from openmolmo.imaging.plan import make_plan
from openmolmo.model.molmo import Molmo
from openmolmo.training.config import PatchRunConfig

__all__ = ["PatchReader", "distance", "make_reader", "patch_loss", "trained_in"]

_WEIGHTS = {"shape": 2.0, "pattern": 0.5, "size": 0.5, "thing": 2.0, "word": 2.0}
"""What is not 1; shapes, things and words are by far the hardest."""

_OFFSET_WEIGHT = 2.0

_BACKGROUND = 0.15
"""Weight of a patch without object: there are many, and they are easy."""


class PatchReader(nn.Module):
    """The seeing side of a model, and one linear layer that reads labels off what it gives.

    That is each patch's features behind the encoder or, with ``tokens``, each image token behind the connector.
    """

    def __init__(
        self,
        model: Molmo,
        crop: CropConfig,
        facts: Sequence[str] = tuple(FACTS),
        *,
        tokens: bool,
    ) -> None:
        super().__init__()
        self.encoder, self.facts = model.encoder, tuple(facts)
        self.connector = model.connector if tokens else None
        self._sizes = [len(FACTS[fact]) for fact in self.facts]
        width = model.config.text_config.hidden_size if tokens else self.encoder.width
        self.head = nn.Linear(width, sum(self._sizes) + 2)
        mean, std = (torch.tensor(values).view(3, 1, 1) * 255 for values in NORMALIZATIONS[crop.normalize])
        self.register_buffer("_mean", mean, persistent=False)
        self.register_buffer("_std", std, persistent=False)
        plan = make_plan(crop.crop_size, crop.crop_size, crop.replace(mode="single"))
        self.register_buffer("_windows", torch.from_numpy(plan.pooled_patches.copy()), persistent=False)
        self._mean: Tensor
        self._std: Tensor
        self._windows: Tensor

    def see(self, pixels: Tensor) -> Tensor:
        """(B, 3, S, S) 0-255 -> (B, P, D) features; P counts patches, or tokens."""
        seen: Tensor = self.encoder((pixels - self._mean) / self._std)
        return seen if self.connector is None else self._through(self.connector, seen)

    def read(self, seen: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Features (B, P, D) -> for each fact (B, P, classes) logits, and offsets (B, P, 2); all float32."""
        *facts, offsets = self.head(seen).float().split([*self._sizes, 2], dim=-1)
        return dict(zip(self.facts, facts, strict=True)), offsets

    def forward(self, pixels: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """(B, 3, S, S) 0-255 -> what :meth:`read` says of it."""
        return self.read(self.see(pixels))

    def _through(self, connector: nn.Module, features: Tensor) -> Tensor:
        crops, patches = features.shape[:2]
        first = torch.arange(crops, device=features.device).view(-1, 1, 1) * patches
        windows = torch.where(self._windows < 0, -1, self._windows + first)
        whole = torch.ones(crops, patches, device=features.device)
        tokens: Tensor = connector(features, whole, windows.flatten(0, 1))
        return tokens.view(crops, len(self._windows), -1)


def patch_loss(
    logits: dict[str, Tensor], found: Tensor, facts: Tensor, offsets: Tensor
) -> tuple[Tensor, dict[str, float]]:
    """The loss of one batch, and the share of patches read rightly for each fact (backgrounds apart).

    Args:
        logits: (B, P, classes) of those of ``FACTS`` that are taught.
        found: (B, P, 2) offsets as read.
        facts: (B, P, len(FACTS)) true classes; -1 counts nowhere.
        offsets: (B, P, 2) true ones.
    """
    total, figures = torch.zeros((), device=found.device), {}
    for index, fact in enumerate(FACTS):
        if fact not in logits:
            continue
        true, read = facts[..., index], logits[fact]
        weight = (true >= 0).float()
        if fact in SPARSE:
            weight = torch.where(true == 0, _BACKGROUND, weight)
        each = F.cross_entropy(read.flatten(0, 1), true.clamp(min=0).flatten(), reduction="none").view_as(weight)
        loss = (each * weight).sum() / weight.sum().clamp(min=1)
        total = total + _WEIGHTS.get(fact, 1.0) * loss
        counted = weight == 1
        if counted.any():
            figures[fact] = float(loss.detach())
            figures[f"{fact}_right"] = float((read.argmax(-1) == true)[counted].float().mean())
    names = list(FACTS)
    thing = torch.zeros_like(facts[..., 0], dtype=torch.bool)
    for name, first in (("shape", 1), ("thing", 1), ("word", 1), ("tens", 0)):
        thing |= facts[..., names.index(name)] >= first
    away = F.smooth_l1_loss(found, offsets, reduction="none").mean(dim=-1)
    loss = (away * thing).sum() / thing.sum().clamp(min=1)
    figures["offset"] = float(loss.detach())
    return total + _OFFSET_WEIGHT * loss, figures


def distance(seen: Tensor, before: Tensor) -> Tensor:
    """How far (N, P, D) tokens are from what they were: squared distance over the square of those, a mean; float32."""
    away = (seen.float() - before.float()).pow(2).mean(dim=-1)
    return (away / before.float().pow(2).mean(dim=-1).clamp(min=1e-6)).mean()


def make_reader(config: PatchRunConfig, model: Molmo) -> PatchReader:
    """The model's encoder with a new layer on it. Raises ConfigError if the crops do not fit the encoder."""
    vision: Any = model.config.vision_config
    if (vision.image_size, vision.patch_size) != (config.crop.crop_size, config.crop.patch_size):
        raise ConfigError(
            f"the encoder takes pictures of {vision.image_size} px in patches of {vision.patch_size} px, the crops "
            f"have {config.crop.crop_size} and {config.crop.patch_size}",
            fix="set crop.crop_size and crop.patch_size to the encoder's",
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.seed, "head") % 2**63)
        reader = PatchReader(model, config.crop, config.facts, tokens=config.tokens)
    backbone: Any = reader.encoder.backbone
    backbone.set_attn_implementation("eager")  # crops are short: faster than SDPA on any device
    return reader.train()


def trained_in(reader: PatchReader) -> dict[str, list[torch.nn.Parameter]]:
    """What is trained, by part; the reading layer goes with the part that it reads."""
    parts = {"encoder": list(reader.encoder.parameters())}
    if reader.connector is not None:
        parts["connector"] = list(reader.connector.parameters())
    parts["connector" if reader.connector is not None else "encoder"] += list(reader.head.parameters())
    return parts
