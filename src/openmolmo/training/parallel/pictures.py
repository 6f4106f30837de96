"""Batches without pictures, on some processes only.

All processes must run the same modules, or those that gather a module's weights wait for ever. So a process
whose batch has no picture sends a black crop through encoder and connector, and adds nothing of it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from openmolmo.model.molmo import Molmo

__all__ = ["has_pictures", "see_in_every_batch"]


def has_pictures(batch: dict[str, Tensor]) -> bool:
    """Whether a batch runs the vision encoder."""
    pooled = batch.get("pooled_patches")
    return pooled is not None and pooled.shape[0] > 0


def see_in_every_batch(model: Molmo) -> None:
    """Let ``model`` run its vision encoder and connector on every batch from now on."""
    blind = False

    def look(_: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        nonlocal blind
        blind = not has_pictures(kwargs)

    def add_nothing(_: nn.Module, args: Any, embeds: Tensor) -> Tensor:
        return embeds + _nothing(model, embeds) if blind else embeds

    model.register_forward_pre_hook(look, with_kwargs=True)
    model.embedding.register_forward_hook(add_nothing)


def _nothing(model: Molmo, like: Tensor) -> Tensor:
    """Zero, whose gradient for every weight of encoder and connector is zero too."""
    config: Any = model.config
    side = config.vision_config.image_size
    features = model.encoder(torch.zeros(1, 3, side, side, device=like.device))
    whole = torch.ones(features.shape[:2], device=like.device)
    window = torch.zeros(1, config.patches_per_token, dtype=torch.long, device=like.device)
    tokens: Tensor = model.connector(features, whole, window)
    return tokens[:0].sum().to(like.dtype)  # no element of it: a feature that is not finite does not matter
