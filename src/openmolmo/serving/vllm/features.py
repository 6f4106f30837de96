"""Features of several pictures at once, and where they go; plain torch.

Letters: N crops, P patches of a crop, M image tokens, W patches of a window, T tokens of a step, D width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["added", "image_features"]


def image_features(encoder: nn.Module, connector: nn.Module, inputs: Mapping[str, Any]) -> list[Tensor]:
    """(M, D) of each picture, all of them looked at together.

    ``inputs``: ``crops`` (N, 3, S, S), ``patch_mask`` (N, P) and ``pooled_patches`` (M, W) of all pictures one after
    the other, the last as indices into each picture's own patches; ``n_crops`` and ``n_tokens`` of each.
    """
    crops, mask, pooled = inputs["crops"], inputs["patch_mask"], inputs["pooled_patches"]
    n_crops, n_tokens = inputs["n_crops"].flatten().cpu(), inputs["n_tokens"].flatten().cpu()
    starts = (n_crops.cumsum(0) - n_crops) * mask.shape[-1]
    shift = starts.repeat_interleave(n_tokens).to(pooled.device).unsqueeze(1)
    parameter = next(encoder.parameters())
    seen = encoder(crops.to(device=parameter.device, dtype=parameter.dtype))
    features: Tensor = connector(seen, mask, torch.where(pooled < 0, pooled, pooled + shift))
    return list(torch.split(features, n_tokens.tolist()))


def added(embeds: Tensor, features: Tensor, where: Tensor) -> Tensor:
    """(T, D) with (M, D) ``features`` added in the M places that ``where`` (T,) marks, in order."""
    places = where.nonzero().squeeze(1).to(embeds.device)
    return embeds.index_add(0, places, features.to(embeds))
