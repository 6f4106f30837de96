"""Model folders: ``config.json`` and ``model.safetensors`` (or several files and an index), whole or absent.

Released folders are read as well; what a folder is, its configuration says. Names and shapes are compared with
the model before any weight is read: a folder that does not fit names every tensor that is missing, left over
or of another shape.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from openmolmo.core.errors import CheckpointError, ConfigError
from openmolmo.core.files import FULL, atomic_file, disk_full_as_error, write_json, write_text
from openmolmo.model.adapter import added_to_base, base_of
from openmolmo.model.config import MolmoConfig
from openmolmo.model.devices import DeviceMap, materialized_over_devices
from openmolmo.model.folder import CONFIG, INDEX, Settings, read_settings
from openmolmo.model.materialize import StoredModel, copy_into, materialized_model
from openmolmo.model.molmo import Molmo
from openmolmo.model.quantize import require_not_quantized
from openmolmo.model.released.load import config_of_released, open_released
from openmolmo.model.released.rules import Rule
from openmolmo.model.weights import WEIGHTS, SafetensorsWeights

__all__ = ["load_config", "load_model", "load_weights", "save_config", "save_model"]


def save_model(
    model: Molmo,
    folder: Path | str,
    dtype: torch.dtype | None = None,
    *,
    shard_bytes: int = 5_000_000_000,
    weights: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a model in the library's layout; each file appears whole or not at all.

    Args:
        model: what to write.
        folder: made when it does not exist; weights of an older model in it go, other files stay.
        dtype: type of the stored weights, such as ``torch.float16``; None keeps the model's.
        shard_bytes: weights beyond this many bytes go into several files.
        weights: by name, instead of the model's own: of one that is spread over several processes.

    Raises CheckpointError for quantised weights.
    """
    if weights is None:
        require_not_quantized(model)
    folder = Path(folder)
    state = _state(dict(model.named_parameters()) if weights is None else weights, dtype)
    shards = _shards(state, shard_bytes)
    for name, part in shards.items():
        with atomic_file(folder / name) as temporary, disk_full_as_error(folder / name):
            _save_file({key: state[key].contiguous() for key in part}, temporary)
    if len(shards) > 1:
        total = sum(tensor.nbytes for tensor in state.values())
        weight_map = {key: name for name, part in shards.items() for key in part}
        write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": weight_map})
    _drop_older(folder, set(shards) | ({INDEX} if len(shards) > 1 else set()))
    save_config(model, folder, dtype)  # last, so that a folder with a config has its weights


def save_config(model: Molmo, folder: Path | str, dtype: torch.dtype | None = None) -> None:
    """Write ``config.json`` alone; ``dtype`` is the type of the weights beside it (None: the model's)."""
    config = _without_noise(model.config.to_dict()) | {"architectures": ["Molmo"]}
    config["dtype"] = str(dtype or model.dtype).removeprefix("torch.")
    write_text(Path(folder) / CONFIG, json.dumps(config, indent=2, sort_keys=True) + "\n")


def load_config(folder: Path | str) -> MolmoConfig:
    """The configuration of a model folder, ours or released.

    Raises:
        CheckpointError: the file is missing, cannot be read, or describes another kind of model.
    """
    return _config(read_settings(folder))


def load_model(
    folder: Path | str,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    device_map: DeviceMap | None = None,
    change: Callable[[MolmoConfig], None] | None = None,
) -> Molmo:
    """Read a model folder, ready for inference (evaluation mode).

    Weights are read tensor by tensor, in ``dtype``, to where they belong: peak memory is that of the loaded
    weights and little more.

    Args:
        folder: as :func:`save_model` wrote it, a released Molmo in the published or the native layout, or a checkpoint
            of adapters, which are added to the weights of its base model.
        dtype: type of the weights in memory; None means float32, whatever the file holds.
        device: where to put the model; None means the processor.
        device_map: ``"auto"`` spreads the model over the accelerators (and the processor), a dictionary says
            which module goes where; instead of ``device``.
        change: changes settings that weights do not depend on, such as dropout, before the model is built.

    Raises:
        CheckpointError: files are missing or damaged, or names or shapes do not fit the configuration.
    """
    stored = _open(read_settings(folder))
    if change is not None:
        change(stored.config)
    dtype = dtype or torch.float32
    if device_map is None:
        target = torch.device(device or "cpu")
        model = materialized_model(stored, dtype, lambda empty: lambda name: target)
        model.to(target)  # the buffers
        return model
    return materialized_over_devices(stored, dtype, device_map)


def load_weights(model: Molmo, folder: Path | str, put: Callable[[Tensor, Tensor], object] = Tensor.copy_) -> None:
    """Copy the weights of a model folder into ``model``; nothing is changed when they do not fit.

    ``put`` copies a whole weight, its second argument, into what the model holds of it, its first.

    Raises:
        CheckpointError: files are missing or damaged, or names or shapes do not fit.
    """
    settings = read_settings(folder)
    copy_into(model, _open(settings), put)


def _config(settings: Settings) -> MolmoConfig:
    if settings.layout == "adapter":
        return load_config(base_of(settings))
    if settings.layout != "ours":
        return config_of_released(settings)
    try:
        return MolmoConfig(**settings.values)
    except (TypeError, ValueError, ConfigError, StrictDataclassError) as error:
        raise CheckpointError(
            f"{settings.path}: {' '.join(str(error).split())}", fix="copy the folder again"
        ) from error


def _open(settings: Settings) -> StoredModel:
    if settings.layout == "adapter":
        base = _open(read_settings(base_of(settings)))
        before, add = base.changed, added_to_base(settings)
        return replace(base, changed=lambda name, weight: add(name, before(name, weight)))
    if settings.layout != "ours":
        return open_released(settings)
    folder = settings.path.parent
    return StoredModel(folder, _config(settings), SafetensorsWeights(folder), _same_names)


def _same_names(model: Molmo) -> list[Rule]:
    return [Rule((name,), (name,)) for name, _ in model.named_parameters()]


#: Entries which the library puts into every configuration and which mean nothing here.
_NOISE = {"_name_or_path", "chunk_size_feed_forward", "id2label", "label2id", "problem_type", "return_dict"}


_OWN_WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")


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
        for number in FULL:
            if f"os error {number})" in str(error):  # the library wraps the system's own error in a text
                raise OSError(number, os.strerror(number), str(path)) from error
        raise


def _state(weights: Mapping[str, Tensor], dtype: torch.dtype | None) -> dict[str, Tensor]:
    """Weights by name in the type they are stored in."""
    state: dict[str, Tensor] = {}
    for name, weight in weights.items():
        tensor = weight.detach()
        state[name] = tensor if dtype is None or not tensor.is_floating_point() else tensor.to(dtype)
    return state


def _drop_older(folder: Path, written: set[str]) -> None:
    """Delete weights of an older model, which would be read in place of or together with those just ``written``."""
    for path in folder.iterdir():
        if path.name not in written and (path.name == INDEX or _OWN_WEIGHTS.fullmatch(path.name)):
            path.unlink()


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
