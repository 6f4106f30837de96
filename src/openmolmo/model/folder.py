"""Model folders by their settings: which of the known layouts a folder has, and what its settings say.

    ours       config.json with "model_type": "openmolmo"    *.safetensors   processor_config.json
    released   config.json with "model_type": "molmo"        *.safetensors   preprocessor_config.json
    native     config.yaml with a section "model"            model.pt        no tokenizer of its own
    adapter    adapter/base.json, which names a base model   in adapter/     processor_config.json

The released layout is that of the published models; the native one is that of the checkpoints of their training.
A checkpoint of a run that trains adapters has these alone; its model is the base with them added.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from openmolmo.core.errors import CheckpointError

__all__ = [
    "ADAPTER",
    "ADAPTER_BASE",
    "ADAPTER_SETTINGS",
    "ADAPTER_WEIGHTS",
    "CONFIG",
    "FACTS",
    "INDEX",
    "NATIVE_CONFIG",
    "NATIVE_WEIGHTS",
    "SHARES",
    "Layout",
    "Settings",
    "holds_adapter",
    "holds_model",
    "lacks",
    "no_model",
    "read_settings",
    "steps_done",
]

Layout = Literal["ours", "released", "native", "adapter"]

CONFIG, INDEX = "config.json", "model.safetensors.index.json"
NATIVE_CONFIG, NATIVE_WEIGHTS = "config.yaml", "model.pt"
ADAPTER, ADAPTER_BASE = "adapter", "base.json"
ADAPTER_SETTINGS, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
SHARES = "run/shards"
"""Folder of a checkpoint that several processes wrote together (``training/parallel/saving.py``)."""

FACTS = "training.json"
"""What a final model says of its training (``training/card.py``)."""

_PICKLED = ("pytorch_model*.bin", "*.bin", "*.pth", "*.ckpt")

_LAYOUTS: dict[Any, Layout] = {"openmolmo": "ours", "molmo": "released"}


@dataclass(frozen=True)
class Settings:
    """What a model folder says of itself; of a native folder only its section ``model``, with its tokenizer."""

    layout: Layout
    path: Path
    values: dict[str, Any]


def holds_model(folder: Path) -> bool:
    """Whether a folder has the settings and (some of) the weights of a model, or an adapter that names its base."""
    if holds_adapter(folder):
        return True
    if (folder / NATIVE_CONFIG).is_file() and (folder / NATIVE_WEIGHTS).is_file():
        return True
    return (folder / CONFIG).is_file() and ((folder / INDEX).is_file() or any(folder.glob("*.safetensors")))


def holds_adapter(folder: Path) -> bool:
    """Whether a folder has an adapter in place of a whole model, as checkpoints of adapter runs do."""
    return not (folder / CONFIG).is_file() and (folder / ADAPTER / ADAPTER_BASE).is_file()


def no_model(folder: Path) -> tuple[str, str] | None:
    """What a folder is that has settings and weights of a kind which no model is read from, and what to do.

    None where it is nothing of that kind.
    """
    if (folder / ADAPTER_SETTINGS).is_file():
        above = holds_model(folder.parent) and (folder / ADAPTER_BASE).is_file()
        return f"{folder} is an adapter (PEFT), without the model that it belongs to", (
            f"give the folder above it: {folder.parent}"
            if above
            else "add it to its base model first (PEFT: merge_and_unload), and give the folder of the result"
        )
    if (folder / SHARES).is_dir():
        return f"{folder} is a checkpoint whose weights are in shares, one of each process of its run", (
            f"end the run with a whole model: openmolmo train RECIPE --out {folder.parent} --finish"
        )
    pickled = next((path for pattern in _PICKLED for path in sorted(folder.glob(pattern))), None)
    if (folder / CONFIG).is_file() and pickled is not None:
        return f"{folder} has its weights as {pickled.name}, a form that can run code when it is read", (
            "give a copy with *.safetensors; the library that wrote it makes one: save_pretrained(FOLDER)"
        )
    return None


def lacks(folder: Path) -> str | None:
    """What is missing of a model that ``folder`` has a part of; None where it has no part of any."""
    weights = any(folder.glob("*.safetensors"))
    if (folder / NATIVE_CONFIG).is_file() != (folder / NATIVE_WEIGHTS).is_file():
        has, no = sorted((NATIVE_CONFIG, NATIVE_WEIGHTS), key=lambda name: not (folder / name).is_file())
        return f"it has {has}, but no {no}"
    if (folder / CONFIG).is_file():
        return None if holds_model(folder) else f"it has {CONFIG}, but no weights (*.safetensors)"
    return f"it has weights (*.safetensors), but no {CONFIG}" if weights else None


def steps_done(folder: Path) -> tuple[int, int] | None:
    """Steps that the training of a model took, and how many it was to take; None where the folder does not say."""
    for name in (FACTS, "run/state.json"):
        try:
            values = json.loads((folder / name).read_text(encoding="utf-8"))
            return int(values["step"]), int(values["steps"] if name == FACTS else values["config"]["steps"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # it is a note for people, and nothing else depends on it
    return None


def read_settings(folder: Path | str) -> Settings:
    """The layout and the settings of a model folder.

    Raises:
        CheckpointError: there are no settings, they cannot be read, or they describe another kind of model.
    """
    folder = Path(folder)
    if (folder / CONFIG).is_file():
        return _from_json(folder / CONFIG)
    if holds_adapter(folder):
        return Settings("adapter", folder / ADAPTER / ADAPTER_BASE, _object(folder / ADAPTER / ADAPTER_BASE))
    if (folder / NATIVE_CONFIG).is_file():
        return Settings("native", folder / NATIVE_CONFIG, _from_yaml(folder / NATIVE_CONFIG))
    raise CheckpointError(
        f"{folder} is not a model folder: it has no {CONFIG} (nor {NATIVE_CONFIG})"
        if folder.is_dir()
        else f"{folder} is not a model folder: it does not exist, so it has no {CONFIG}",
        fix="give a folder that a training run wrote, or that of a released Molmo",
    )


def _object(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} is not readable JSON: {error}", fix="copy the folder again") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} holds a {type(values).__name__}, not settings", fix="copy the folder again")
    return values


def _from_json(path: Path) -> Settings:
    values = _object(path)
    kind = values.get("model_type")
    if kind not in _LAYOUTS:
        raise CheckpointError(
            f"{path} describes a model of type {kind!r}; known here: {', '.join(map(repr, _LAYOUTS))}",
            fix="give the folder of a Molmo: a released one, or one that this library wrote",
        )
    return Settings(_LAYOUTS[kind], path, values)


def _from_yaml(path: Path) -> dict[str, Any]:
    import yaml  # rarely needed

    class Loader(yaml.SafeLoader):  # type: ignore[misc, unused-ignore]
        """Plain values only; knows that 1e-06 is a number, which YAML 1.1 does not."""

    number = re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+$")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+0123456789"))
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"{path} is not readable YAML: {' '.join(str(error).split())}", fix="unpack the checkpoint again"
        ) from error
    model = values.get("model") if isinstance(values, dict) else None
    if not isinstance(model, dict):
        raise CheckpointError(f"{path} has no section 'model'", fix="give the folder of a released training checkpoint")
    # Older files keep the tokenizer's name beside the model, newer ones inside.
    return {"tokenizer": values.get("tokenizer"), **model}
