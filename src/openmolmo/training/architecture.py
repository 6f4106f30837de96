"""What a run changes of its model's preset: so that one recipe can be tried with other poolings or features."""

from __future__ import annotations

from dataclasses import fields

from openmolmo.core.errors import ConfigError
from openmolmo.model.config import MolmoConfig
from openmolmo.training.config import ArchitectureConfig

__all__ = ["change_architecture"]


def change_architecture(settings: MolmoConfig, wanted: ArchitectureConfig, *, trained: bool) -> MolmoConfig:
    """``settings`` with what is ``wanted``; those of weights that are ``trained`` must have it already.

    Raises ConfigError where they have not, or where the encoder has no such block.
    """
    values = {field.name: value for field in fields(wanted) if (value := getattr(wanted, field.name)) is not None}
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    if not values:
        return settings
    if trained:
        _require_same(settings, values)
        return settings
    return MolmoConfig(**{**settings.to_dict(), **values})


def _require_same(settings: MolmoConfig, values: dict[str, object]) -> None:
    asked = MolmoConfig(**{**settings.to_dict(), **values})  # -1 and 4 may be the same block
    for name in values:
        same = "resolved_feature_layers" if name == "feature_layers" else name
        if getattr(asked, same) != getattr(settings, same):
            raise ConfigError(
                f"architecture.{name} asks for {getattr(asked, name)}, and the model to start from has "
                f"{getattr(settings, name)}",
                fix="train its earlier stages with the same setting, or leave it out",
            )
