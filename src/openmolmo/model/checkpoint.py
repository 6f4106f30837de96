"""Model folders: ``config.json`` and ``model.safetensors`` (or several files and an index), whole or absent.

Names and shapes are compared with the model before any weight is read: a folder that does not fit
names every tensor that is missing, left over or of another shape.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers.initialization import no_init_weights

from openmolmo.core.errors import CheckpointError
from openmolmo.core.files import atomic_file, disk_full_as_error, write_json, write_text
from openmolmo.model.config import MolmoConfig
from openmolmo.model.molmo import Molmo

__all__ = ["load_config", "load_model", "load_weights", "open_weights", "save_model", "weight_files"]

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"


def save_model(
    model: Molmo, folder: Path | str, dtype: torch.dtype | None = None, *, shard_bytes: int = 5_000_000_000
) -> None:
    """Write a model in the library's layout; each file appears whole or not at all.

    Args:
        model: what to write.
        folder: made when it does not exist; other files in it stay.
        dtype: type of the stored weights, such as ``torch.float16``; None keeps the model's.
        shard_bytes: weights beyond this many bytes go into several files.
    """
    folder = Path(folder)
    state = _state(model, dtype)
    shards = _shards(state, shard_bytes)
    for name, part in shards.items():
        with atomic_file(folder / name) as temporary, disk_full_as_error(folder / name):
            _save_file({key: state[key].contiguous() for key in part}, temporary)
    if len(shards) > 1:
        total = sum(tensor.nbytes for tensor in state.values())
        weight_map = {key: name for name, part in shards.items() for key in part}
        write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": weight_map})
    # Last, so that a folder with a config has its weights.
    config = _without_noise(model.config.to_dict()) | {"architectures": ["Molmo"]}
    config["dtype"] = str(dtype or model.dtype).removeprefix("torch.")
    write_text(folder / CONFIG, json.dumps(config, indent=2, sort_keys=True) + "\n")


def load_config(folder: Path | str) -> MolmoConfig:
    """The configuration of a model folder.

    Raises:
        CheckpointError: the file is missing, is not JSON, or describes another kind of model.
    """
    path = Path(folder) / CONFIG
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{folder} is not a model folder: it has no {CONFIG}", fix="give the folder that a training run wrote"
        ) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} is not readable JSON: {error}", fix="copy the folder again") from error
    kind = values.get("model_type") if isinstance(values, dict) else None
    if kind != MolmoConfig.model_type:
        raise CheckpointError(
            f"{path} describes a model of type {kind!r}, not {MolmoConfig.model_type!r}",
            fix="released Molmo weights are converted with openmolmo.model.released.load_released",
        )
    return MolmoConfig(**values)


def load_model(folder: Path | str, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> Molmo:
    """Read a model folder, ready for inference (evaluation mode).

    Args:
        folder: as :func:`save_model` wrote it.
        dtype: type of the weights in memory; None means float32, whatever the file holds.
        device: where to put the model; None means the processor.

    Raises:
        CheckpointError: files are missing or damaged, or names or shapes do not fit the configuration.
    """
    config = load_config(folder)
    with no_init_weights():
        model = Molmo(config)
    model.tie_weights()
    model.to(dtype or torch.float32)
    load_weights(model, folder)
    model.eval()
    return model.to(device) if device is not None else model


def load_weights(model: Molmo, folder: Path | str) -> None:
    """Copy the weights of a model folder into ``model``; nothing is changed when they do not fit.

    Raises:
        CheckpointError: files are missing or damaged, or names or shapes do not fit.
    """
    folder = Path(folder)
    files = weight_files(folder)
    target = _state(model, None)
    found: dict[str, list[int]] = {}
    for path in files:
        with open_weights(path) as stored:
            found.update({name: list(stored.get_slice(name).get_shape()) for name in stored.keys()})  # noqa: SIM118
    _compare(target, found, folder)
    with torch.no_grad():
        for path in files:
            with open_weights(path) as stored:
                for name in stored.keys():  # noqa: SIM118  (not a dictionary)
                    target[name].copy_(stored.get_tensor(name))


#: Entries which the library puts into every configuration and which mean nothing here.
_NOISE = {"_name_or_path", "chunk_size_feed_forward", "id2label", "label2id", "problem_type", "return_dict"}


def _without_noise(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_noise(value) if isinstance(value, dict) else value
        for key, value in values.items()
        if key not in _NOISE
    }


def _save_file(tensors: dict[str, Tensor], path: Path) -> None:
    try:
        save_file(tensors, path, metadata={"format": "pt"})
    except SafetensorError as error:
        if f"os error {errno.ENOSPC}" in str(error):  # the library wraps the system's own error in a text
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise


def _state(model: Molmo, dtype: torch.dtype | None) -> dict[str, Tensor]:
    """Weights by name, each once (a tied head is its embedding table)."""
    state: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        tensor = parameter.detach()
        state[name] = tensor if dtype is None or not tensor.is_floating_point() else tensor.to(dtype)
    return state


def _shards(state: dict[str, Tensor], limit: int) -> dict[str, list[str]]:
    parts: list[list[str]] = [[]]
    size = 0
    for name, tensor in state.items():
        if parts[-1] and size + tensor.nbytes > limit:
            parts.append([])
            size = 0
        parts[-1].append(name)
        size += tensor.nbytes
    if len(parts) == 1:
        return {WEIGHTS: parts[0]}
    return {f"model-{i:05d}-of-{len(parts):05d}.safetensors": part for i, part in enumerate(parts, start=1)}


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a folder: the only one, or those of the index.

    Raises:
        CheckpointError: there is none, or one of the index is missing.
    """
    index = folder / INDEX
    if (folder / WEIGHTS).exists():
        return [folder / WEIGHTS]
    if not index.exists():
        raise CheckpointError(
            f"{folder} has no weights: neither {WEIGHTS} nor {INDEX}", fix="give a folder that save_model wrote"
        )
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{index} is not a weight index: {error!r}", fix="copy the folder again") from error
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        raise CheckpointError(
            f"{folder} lacks {len(missing)} of {len(names)} weight files: {', '.join(missing[:3])}",
            fix="copy the folder again",
        )
    return [folder / name for name in names]


def open_weights(path: Path) -> Any:
    """A safetensors file, to be read tensor by tensor.

    Raises:
        CheckpointError: it is damaged or cut short.
    """
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is damaged or cut short ({path.stat().st_size} bytes): {error}", fix="copy the file again"
        ) from error


def _compare(target: dict[str, Tensor], found: dict[str, list[int]], folder: Path) -> None:
    faults = list(_faults(target, found))
    if faults:
        shown = "; ".join(faults[:5]) + (f"; and {len(faults) - 5} more" if len(faults) > 5 else "")
        raise CheckpointError(
            f"the weights in {folder} do not fit its {CONFIG}: {shown}",
            fix="config.json and the weights must come from the same run; copy the folder again",
        )


def _faults(target: dict[str, Tensor], found: dict[str, list[int]]) -> Iterator[str]:
    for name, tensor in target.items():
        if name not in found:
            yield f"{name} {list(tensor.shape)} is missing"
        elif found[name] != list(tensor.shape):
            yield f"{name} is {found[name]} in the file, {list(tensor.shape)} in the model"
    for name in found.keys() - target.keys():
        yield f"{name} {found[name]} is left over"
