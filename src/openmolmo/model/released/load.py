"""Reading released checkpoints, published and native, and a Molmo's weights back into their form."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from openmolmo.core.errors import CheckpointError
from openmolmo.model.config import MolmoConfig
from openmolmo.model.folder import Settings, read_settings
from openmolmo.model.materialize import StoredModel, materialized_model
from openmolmo.model.molmo import Molmo
from openmolmo.model.released.config import is_moe, read_config
from openmolmo.model.released.dense import dense_rules
from openmolmo.model.released.moe import moe_rules
from openmolmo.model.released.native import native_rules, published_form
from openmolmo.model.released.rules import Rule
from openmolmo.model.released.shared import ENCODERS, UNUSED_BLOCK
from openmolmo.model.weights import PickledWeights, SafetensorsWeights

__all__ = [
    "config_of_released",
    "is_unused",
    "load_released",
    "open_released",
    "released_rules",
    "released_weights",
    "unused_weights",
]

ReleasedLayout = Literal["published", "native"]


def load_released(folder: Path | str, dtype: torch.dtype | None = None, *, residual_dropout: float = 0.0) -> Molmo:
    """A released checkpoint (MolmoE-1B, Molmo-7B-O, 7B-D, 72B) as a Molmo in evaluation mode, on the processor.

    Args:
        folder: as published (``config.json`` and safetensors, one file or several) or in the native form
            (``config.yaml`` and ``model.pt``). No code in it is run.
        dtype: type of the weights in memory; None means float32.
        residual_dropout: for training on; the published configurations have 0.

    Raises:
        CheckpointError: the folder is not a released Molmo, or its tensors do not fit its configuration.
    """
    stored = open_released(read_settings(folder), residual_dropout)
    return materialized_model(stored, dtype or torch.float32, lambda model: lambda name: torch.device("cpu"))


def config_of_released(settings: Settings, residual_dropout: float = 0.0) -> MolmoConfig:
    """The configuration of a released folder of either layout.

    Raises:
        CheckpointError: it has a setting that this code does not reproduce, or lacks one.
    """
    values = published_form(settings.values) if settings.layout == "native" else settings.values
    try:
        return read_config(values, residual_dropout, native=settings.layout == "native")
    except CheckpointError as error:
        raise CheckpointError(f"{settings.path.parent}: {error.message}", fix=error.fix) from error


def open_released(settings: Settings, residual_dropout: float = 0.0) -> StoredModel:
    """A released folder of either layout, ready to be read."""
    folder = settings.path.parent
    config = config_of_released(settings, residual_dropout)
    if settings.layout == "native":
        return StoredModel(folder, config, PickledWeights(folder), _rules("native"), is_unused(config))
    assert is_moe(settings.values) == (config.text_config.model_type == "olmoe")
    return StoredModel(folder, config, SafetensorsWeights(folder), _rules("published"), is_unused(config))


def released_rules(config: MolmoConfig, layout: ReleasedLayout = "published") -> list[Rule]:
    """The name map that fits a configuration.

    Raises:
        CheckpointError: no released model has such a language model or, in that layout, such an encoder.
    """
    kind = config.text_config.model_type
    if kind not in ("qwen2", "olmo2", "olmoe"):
        raise CheckpointError(
            f"the released layouts have no language model of type {kind!r}; known: qwen2, olmo2, olmoe"
        )
    encoder, encoders = config.vision_config.model_type, ENCODERS if layout == "native" else ENCODERS[:1]
    if encoder not in encoders:
        raise CheckpointError(f"the {layout} layout has no encoder of type {encoder!r}; known: {', '.join(encoders)}")
    if layout == "native":
        return native_rules(config)
    return moe_rules(config) if kind == "olmoe" else dense_rules(config)


def released_weights(
    model: Molmo, unused: dict[str, Tensor] | None = None, layout: ReleasedLayout = "published"
) -> dict[str, Tensor]:
    """The weights of a Molmo under their published (or native) names; ``unused`` is put back beside them.

    ``unused`` are the encoder blocks of :func:`unused_weights`, which a Molmo does not keep.
    """
    ours = dict(model.named_parameters())
    state = dict(unused or {})
    for rule in released_rules(model.config, layout):
        theirs = rule.change.to_theirs([ours[name].detach() for name in rule.ours])
        state.update({name: tensor.contiguous() for name, tensor in zip(rule.theirs, theirs, strict=True)})
    return state


def unused_weights(folder: Path | str) -> dict[str, Tensor]:
    """Stored encoder blocks after the last one whose features are used."""
    stored = open_released(read_settings(folder))
    return {name: stored.weights.read(name) for name in stored.weights.shapes if stored.spare(name)}


def _rules(layout: ReleasedLayout) -> Callable[[Molmo], list[Rule]]:
    return lambda model: released_rules(model.config, layout)


def is_unused(config: MolmoConfig) -> Callable[[str], bool]:
    """Whether a published or native name is of an encoder block after the last one whose features are used."""
    # The native names lack the prefix.
    block = re.compile(f"(?:{re.escape(UNUSED_BLOCK)}|{re.escape(UNUSED_BLOCK.removeprefix('model.'))})" + r"(\d+)\.")

    def spare(name: str) -> bool:
        number = block.match(name)
        return number is not None and int(number[1]) > config.last_feature_layer

    return spare
