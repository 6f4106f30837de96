"""Adapters of a training run, added to the weights of their base model while these are read; PEFT is not needed.

    run/step-300/adapter/   adapter_config.json and adapter_model.safetensors, as PEFT has them; base.json

``base.json`` says where the base model was, what it was called, and by its fingerprint which it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from openmolmo.core.errors import CheckpointError
from openmolmo.core.hub import fetch_model, is_repository
from openmolmo.model.folder import ADAPTER_SETTINGS, ADAPTER_WEIGHTS, Settings, holds_adapter

__all__ = ["PREFIX", "added_to_base", "base_of", "fingerprint"]

PREFIX = "base_model.model."
"""What PEFT puts before the name of a parameter."""

_EDGE = 1 << 20  # bytes of a file, from each end, that its fingerprint depends on


def base_of(settings: Settings) -> Path:
    """The folder of the base model of an adapter checkpoint: where it was, else by its name.

    Raises:
        CheckpointError: it is no longer there, or is another model by now.
    """
    values, folder = settings.values, settings.path.parent.parent
    where, name, wanted = values.get("model"), values.get("name"), values.get("fingerprint")
    for base in _places(where, name):
        if fingerprint(base) == wanted:
            return base
        raise CheckpointError(
            f"the base model in {base} is not the one that the adapter in {folder} was trained on (that was {where}, "
            f"with fingerprint {wanted}; now it is {fingerprint(base)})",
            fix="put the base model back",
        )
    raise CheckpointError(
        f"{folder} holds an adapter, without the model that it was trained on; that was {where}, which is gone",
        fix="put the base model back there, or use the run's final folder if it has one",
    )


def _places(where: Any, name: Any) -> list[Path]:
    """Where the base model is: at most one place."""
    if isinstance(where, str) and Path(where).is_dir():
        return [Path(where)]
    if not isinstance(name, str) or not name:
        return []
    bundled = Path(__file__).parents[1] / "bundled" / name
    if bundled.is_dir() or Path(name).is_dir():
        return [bundled if bundled.is_dir() else Path(name)]
    return [fetch_model(name)] if is_repository(name) else []


def added_to_base(settings: Settings) -> Callable[[str, Tensor], Tensor]:
    """Gives a weight of the base model with what the adapter adds to it, by its name; in float32, then rounded.

    Raises:
        CheckpointError: the adapter is missing or damaged.
    """
    folder = settings.path.parent
    try:
        values = json.loads((folder / ADAPTER_SETTINGS).read_text(encoding="utf-8"))
        scale = float(values["lora_alpha"]) / int(values["r"])
        state: dict[str, Tensor] = load_file(folder / ADAPTER_WEIGHTS)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(
            f"the adapter in {folder} cannot be read: {error}", fix="copy it again, or use an older checkpoint"
        ) from error

    def add(name: str, weight: Tensor) -> Tensor:
        whole = state.get(PREFIX + name)
        if whole is not None:  # trained whole, not by an adapter
            return whole.to(weight.dtype)
        layer = PREFIX + name.removesuffix(".weight")
        down, up = (state.get(f"{layer}.lora_{side}.weight") for side in "AB")
        if down is None or up is None:
            return weight
        return (weight.float() + (up.float() @ down.float()) * scale).to(weight.dtype)

    return add


def fingerprint(folder: Path) -> str:
    """Changes with the configuration and, in all likelihood, with the weights: of each file size and both ends."""
    digest = hashlib.sha256()
    patterns = ["config.*", "*.safetensors", "*.pt", *(["adapter/*"] if holds_adapter(folder) else [])]
    for path in sorted(path for pattern in patterns for path in folder.glob(pattern)):
        size = path.stat().st_size
        with path.open("rb") as stream:
            digest.update(f"{path.name} {size}".encode())
            digest.update(stream.read(_EDGE))
            stream.seek(max(0, size - _EDGE))
            digest.update(stream.read(_EDGE))
    return digest.hexdigest()[:16]
