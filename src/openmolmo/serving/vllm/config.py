"""A model's settings as vLLM sees them: one class of models, whatever the layout of its folder.

vLLM pickles configurations, makes them from dictionaries and asks them for a language model; what an engine builds is
in ``molmo``.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from transformers import AutoConfig, PreTrainedConfig

if TYPE_CHECKING:
    from openmolmo.model.config import MolmoConfig

__all__ = ["ARCHITECTURE", "ServedConfig", "ServedReleasedConfig", "register_configurations"]

ARCHITECTURE = "OpenMolmo"
"""What vLLM calls the class. Not the name in a folder's ``config.json``, for vLLM has a class of its own under that of
the released models, which puts pictures in place of the patch tokens instead of adding them."""


class ServedConfig(PreTrainedConfig):  # type: ignore[misc]
    """Our layout. ``molmo``: the values of a :class:`MolmoConfig`; ``text_config``: the language model as vLLM builds
    it, whose vocabulary has the rows of the special tokens too."""

    model_type = "openmolmo"
    has_no_defaults_at_init = True

    molmo: Any = None
    text_config: Any = None

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """Of a folder's ``config.json``, in any layout, or of what :meth:`to_dict` gave.

        Raises:
            CheckpointError: it has a setting that is not reproduced here, or lacks one.
        """
        return super().from_dict(config_dict if "molmo" in config_dict else _served(config_dict), **kwargs)

    def __post_init__(self, **kwargs: Any) -> None:
        if isinstance(self.text_config, dict):
            values = dict(self.text_config)
            self.text_config = AutoConfig.for_model(values.pop("model_type"), **values)
        super().__post_init__(**kwargs)

    def molmo_config(self) -> MolmoConfig:
        """The configuration that this project knows."""
        from openmolmo.model.config import MolmoConfig

        return MolmoConfig(**copy.deepcopy(self.molmo))

    @property
    def layout(self) -> str:
        """The name of the layout that the weights have."""
        return "ours" if self.model_type == "openmolmo" else "released"


class ServedReleasedConfig(ServedConfig):
    """The layout of the released models, dense and mixture of experts."""

    model_type = "molmo"


def register_configurations() -> None:
    """Let ``AutoConfig`` give these for both layouts, also where the model's own configuration was known before."""
    for each in (ServedConfig, ServedReleasedConfig):
        AutoConfig.register(each.model_type, each, exist_ok=True)


def _served(values: dict[str, Any]) -> dict[str, Any]:
    from openmolmo.model.config import MolmoConfig
    from openmolmo.model.released import read_config

    register_configurations()  # importing the model has put its own in their place
    molmo = read_config(values) if values.get("model_type") == "molmo" else MolmoConfig(**values)
    text = molmo.text_config.to_dict()
    text["vocab_size"] += molmo.extra_embeddings
    text["tie_word_embeddings"] = molmo.tie_word_embeddings
    text["architectures"] = None
    return {
        "architectures": [ARCHITECTURE],
        "dtype": values.get("dtype") or values.get("torch_dtype"),
        "model_type": values["model_type"],
        "molmo": molmo.to_dict(),
        "text_config": text,
        "tie_word_embeddings": molmo.tie_word_embeddings,
    }
