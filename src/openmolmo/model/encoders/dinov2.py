"""DINOv2 encoders: one class token; crops are stretched, not padded."""

from __future__ import annotations

from typing import Any

import transformers
from torch import Tensor, nn

from openmolmo.model.encoders.base import Backbone

__all__ = ["DINOV2"]


def _build(config: Any, blocks: int) -> nn.Module:
    model = transformers.Dinov2Model(config)  # imported for the models that have it
    model.encoder.layer = model.encoder.layer[:blocks]
    model.layernorm = nn.Identity()
    model.embeddings.mask_token = None  # for masked pre-training only
    return model  # type: ignore[no-any-return]


def _embed(model: Any, pixels: Tensor) -> Tensor:
    embedded: Tensor = model.embeddings(pixels)
    return embedded


def _run(block: Any, hidden: Tensor) -> Tensor:
    output: Tensor = block(hidden)  # the blocks of older versions of the library take no mask
    return output


DINOV2 = Backbone(
    build=_build,
    embed=_embed,
    blocks=lambda model: model.encoder.layer,
    positions=lambda model: model.embeddings.position_embeddings[0],
    leading_tokens=1,
    run=_run,
)
