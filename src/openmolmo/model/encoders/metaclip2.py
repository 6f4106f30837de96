"""MetaCLIP 2 encoders: built like CLIP; crops are stretched, not padded. (MetaCLIP 1 checkpoints are CLIP models.)"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import MetaClip2VisionModel

from openmolmo.model.encoders.base import Backbone

__all__ = ["METACLIP2"]


def _build(config: Any, blocks: int) -> nn.Module:
    model = MetaClip2VisionModel(config)
    model.encoder.layers = model.encoder.layers[:blocks]
    model.post_layernorm = nn.Identity()
    return model  # type: ignore[no-any-return]


def _embed(model: Any, pixels: Tensor) -> Tensor:
    embedded: Tensor = model.pre_layrnorm(model.embeddings(pixels))
    return embedded


METACLIP2 = Backbone(
    build=_build,
    embed=_embed,
    blocks=lambda model: model.encoder.layers,
    positions=lambda model: model.embeddings.position_embedding.weight,
    leading_tokens=1,
)
