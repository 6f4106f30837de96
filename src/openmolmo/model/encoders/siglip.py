"""SigLIP encoders: no class token; crops are stretched, not padded."""

from __future__ import annotations

from typing import Any

import transformers
from torch import Tensor, nn

from openmolmo.model.encoders.base import Backbone

__all__ = ["SIGLIP"]


def _build(config: Any, blocks: int) -> nn.Module:
    model = transformers.SiglipVisionModel(config)  # imported for the models that have it
    model.encoder.layers = model.encoder.layers[:blocks]
    model.post_layernorm = nn.Identity()
    model.use_head = False
    model.head = nn.Identity()
    return model  # type: ignore[no-any-return]


def _embed(model: Any, pixels: Tensor) -> Tensor:
    embedded: Tensor = model.embeddings(pixels)
    return embedded


SIGLIP = Backbone(
    build=_build,
    embed=_embed,
    blocks=lambda model: model.encoder.layers,
    positions=lambda model: model.embeddings.position_embedding.weight,
    leading_tokens=0,
)
