"""A model over several devices: which module goes where, by the library's own rules (``accelerate``)."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import nn

from openmolmo.core.errors import ConfigError
from openmolmo.core.optional import require
from openmolmo.model.materialize import Place, StoredModel, materialized_model
from openmolmo.model.molmo import Molmo

__all__ = ["DeviceMap", "materialized_over_devices"]

DeviceMap = Literal["auto"] | dict[str, str | int]


def materialized_over_devices(stored: StoredModel, dtype: torch.dtype, device_map: DeviceMap) -> Molmo:
    """The stored model with its modules where ``device_map`` says.

    ``"auto"`` fills the accelerators in order, then the processor. Activations are moved between devices by
    hooks.

    Raises:
        ConfigError: the map is no map, leaves a parameter without a place, or asks for the disk.
        MissingDependencyError: ``accelerate`` is not installed.
    """
    accelerate = require("accelerate", extra="devices")
    chosen: dict[str, torch.device] = {}

    def place(model: Molmo) -> Place:
        given = _automatic(accelerate, model, dtype) if device_map == "auto" else device_map
        if not isinstance(given, dict):
            raise ConfigError(
                f"device_map={device_map!r} is neither 'auto' nor a dictionary", fix='e.g. {"": "cuda:0"}'
            )
        chosen.update({module: _device(module, where) for module, where in given.items()})
        return lambda name: chosen[_module_of(name, chosen)]

    model = materialized_model(stored, dtype, place)
    if len(set(chosen.values())) == 1:
        model.to(next(iter(chosen.values())))  # the buffers
    else:
        places = {name: str(device) for name, device in chosen.items()}
        accelerate.dispatch_model(model, places, skip_keys=model._skip_keys_device_placement)
    return model


def _automatic(accelerate: Any, model: Molmo, dtype: torch.dtype) -> dict[str, Any]:
    blocks: set[type[nn.Module]] = {type(layer) for layer in model.decoder.layers}
    whole = {block.__name__ for block in blocks} | {"VisionEncoder", "Connector", "ExtendedEmbedding"}
    found = accelerate.infer_auto_device_map(model, no_split_module_classes=sorted(whole), dtype=dtype)
    return dict(found)


def _device(module: str, where: str | int) -> torch.device:
    if where == "disk":
        raise ConfigError(
            f"device_map puts {module or 'the whole model'} on the disk: it does not fit the memory of this machine",
            fix="load it in dtype bfloat16, or on a larger machine",
        )
    try:
        return torch.device("cuda", where) if isinstance(where, int) else torch.device(where)
    except RuntimeError as error:
        raise ConfigError(f"device_map: {where!r} is not a device", fix="use cpu, cuda:0, cuda:1 ...") from error


def _module_of(parameter: str, places: dict[str, torch.device]) -> str:
    """The longest prefix of a parameter's name that has a place."""
    name = parameter
    while name not in places:
        if not name:
            raise ConfigError(f"device_map has no place for {parameter}", fix='add an entry for it, or "" for the rest')
        name = name.rpartition(".")[0]
    return name
