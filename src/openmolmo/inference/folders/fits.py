"""Does a model fit the released layout, or that of mlx-vlm? Every setting without a place is named, all at once."""

from __future__ import annotations

from typing import Any

from openmolmo.core.errors import ConfigError
from openmolmo.imaging import CropConfig
from openmolmo.model.config import MolmoConfig
from openmolmo.model.released.mlx import mlx_obstacles
from openmolmo.model.released.settings import obstacles
from openmolmo.prompting import FormatConfig

__all__ = ["require_mlx", "require_released"]


def require_mlx(config: MolmoConfig) -> None:
    """Raise ConfigError with all settings that mlx-vlm's code has no place for, of a model that fits the released
    layout."""
    lost = mlx_obstacles(config)
    if lost:
        raise ConfigError(
            f"mlx-vlm's Molmo cannot express {'; '.join(lost)}",
            fix="use the model with openmolmo, or export it with --layout released for other programs",
        )


def require_released(
    config: MolmoConfig,
    crop: CropConfig,
    format: FormatConfig,
    *,
    any_size: bool = False,
    like: dict[str, Any] | None = None,
    fix: str | None = None,
) -> None:
    """Raise ConfigError with all settings that the released layout cannot express, each with both values.

    ``any_size``: sizes that only openmolmo reads from it are no obstacle. ``like``: a published configuration that
    may say the same. ``fix``: the next step, by default what a trained model allows.
    """
    of_model, of_processor = (
        obstacles(config, any_size=any_size, like=like),
        _of_processor(config, crop, format, any_size),
    )
    if not of_model and not of_processor:
        return
    sizes = "" if any_size else "; --any-size (any_size=True) also writes sizes that openmolmo alone reads"
    raise ConfigError(
        f"the released layout cannot express {'; '.join([*of_model, *of_processor])}",
        fix=fix or f"use the model with openmolmo, or train one that openmolmo compose --layout released made{sizes}",
    )


def _of_processor(config: MolmoConfig, crop: CropConfig, format: FormatConfig, any_size: bool) -> list[str]:
    wanted: dict[str, tuple[Any, Any]] = {
        "crop.resize": (crop.resize, "clip"),
        "crop.normalize": (crop.normalize, "clip"),
        "crop.mode": (crop.mode, "overlap"),
        "crop.pool": (crop.pool, 2),
        "crop.shift_patch_mask": (crop.shift_patch_mask, config.padding_embedding),
        "format.message_format": (format.message_format, "role"),
        "format.always_start_with_space": (format.always_start_with_space, True),
    }
    if not any_size:
        wanted["crop.margins"] = (tuple(crop.margins), (4, 4))  # built into the published processor
    return [f"{name}={ours!r}; it has {theirs!r}" for name, (ours, theirs) in wanted.items() if ours != theirs]
