"""The micro model with smaller and larger language models: depth and inner width change, the width stays.

So all of them go on from one encoder and connector, and nothing but the language model differs.
"""

from __future__ import annotations

from typing import Any

from transformers import Qwen2Config

from openmolmo.model.config import MolmoConfig
from openmolmo.model.presets import micro

__all__ = ["micro_1x128", "micro_2x256", "micro_6x768"]


def micro_1x128(vocab_size: int = 1024, image_patch_id: int | None = None, **settings: Any) -> MolmoConfig:
    """The micro model with one layer of 0.2M parameters in place of its four, which have 1.6M together."""
    return _changed(micro(vocab_size, image_patch_id, **settings), 1, 128)


def micro_2x256(vocab_size: int = 1024, image_patch_id: int | None = None, **settings: Any) -> MolmoConfig:
    """The micro model with two layers, which have 0.5M parameters together."""
    return _changed(micro(vocab_size, image_patch_id, **settings), 2, 256)


def micro_6x768(vocab_size: int = 1024, image_patch_id: int | None = None, **settings: Any) -> MolmoConfig:
    """The micro model with six layers, which have 3.3M parameters together."""
    return _changed(micro(vocab_size, image_patch_id, **settings), 6, 768)


def _changed(config: MolmoConfig, layers: int, inner: int) -> MolmoConfig:
    """``config`` with a language model of so many layers, ``inner`` wide inside."""
    values = config.to_dict()
    text = {**values["text_config"], "num_hidden_layers": layers, "intermediate_size": inner}
    for name in ("layer_types", "model_type"):  # one type for each layer: made anew
        text.pop(name, None)
    return MolmoConfig(**{**values, "text_config": Qwen2Config(**text)})
