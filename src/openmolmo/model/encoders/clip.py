"""CLIP-style encoders: OpenAI CLIP, MetaCLIP, and small ones from scratch."""

from __future__ import annotations

from typing import Any

import transformers
from torch import Tensor, nn

from openmolmo.model.encoders.base import Backbone

__all__ = ["CLIP", "like_clip"]


def like_clip(library: str) -> Backbone:
    """The backbone of the library's class of that name, which is built as ``CLIPVisionModel`` is."""

    def build(config: Any, blocks: int) -> nn.Module:
        model = getattr(transformers, library)(config)  # imported for the models that have it
        model.encoder.layers = model.encoder.layers[:blocks]
        model.post_layernorm = nn.Identity()
        return model  # type: ignore[no-any-return]

    return Backbone(
        build=build,
        embed=_embed,
        blocks=lambda model: model.encoder.layers,
        positions=lambda model: model.embeddings.position_embedding.weight,
        leading_tokens=1,
    )


def _embed(model: Any, pixels: Tensor) -> Tensor:
    embedded: Tensor = model.pre_layrnorm(model.embeddings(pixels))
    return embedded


CLIP = like_clip("CLIPVisionModel")
