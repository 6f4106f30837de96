"""Weights and optimiser states that no process holds whole, to a folder and back.

Each process writes and reads its share; a folder can be read by any number of processes, sharded or not. The
names are those of the parameters, so that nothing depends on the order of groups.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor

from openmolmo.core.errors import CheckpointError, RunError
from openmolmo.core.files import disk_full_as_error
from openmolmo.training.optim import Optimizer
from openmolmo.training.parallel.world import World

__all__ = ["gather_weights", "read_shards", "take_tensors", "write_shards"]

_MODEL, _OPTIMIZER = "model/", "optimizer/"


def take_tensors(model: nn.Module, optimizer: Optimizer, *, copy: bool) -> dict[str, Tensor]:
    """All weights and optimiser states by name, sharded as they are; with ``copy`` copied to the processor."""
    tensors = {f"{_MODEL}{name}": parameter.detach() for name, parameter in _parameters(model)}
    slots = optimizer.slots({parameter: name for name, parameter in _parameters(model)})
    tensors |= {f"{_OPTIMIZER}{key}": value.detach() for key, value in slots.items()}
    return {name: tensor.to("cpu", copy=True) for name, tensor in tensors.items()} if copy else tensors


def write_shards(tensors: Mapping[str, Tensor], folder: Path, world: World) -> None:
    """Write this process's share of ``tensors``; all processes must call it. Raises DiskFullError or RunError."""
    with disk_full_as_error(folder):
        try:
            save(
                dict(tensors),
                storage_writer=FileSystemWriter(folder),
                process_group=world.group,
                no_dist=world.size == 1,
            )
        except CheckpointException as error:
            reasons = [failure for failure, _ in error.failures.values()]
            for reason in reasons:
                if isinstance(reason, OSError):
                    raise reason from error
            raise RunError(f"the checkpoint in {folder} could not be written: {reasons[0]}") from error


def read_shards(folder: Path, model: nn.Module, optimizer: Optimizer, world: World) -> None:
    """Fill model and optimiser from what :func:`write_shards` wrote, by however many processes.

    Raises CheckpointError where that is damaged, or belongs to another model.
    """
    parameters = dict(_parameters(model))
    try:
        found = FileSystemReader(folder).read_metadata().state_dict_metadata
        missing = sorted(name for name in parameters if f"{_MODEL}{name}" not in found)
        if missing:
            raise CheckpointError(f"{folder} lacks {len(missing)} weights of the model, such as {missing[0]}")
        tensors = {f"{_MODEL}{name}": parameter.detach() for name, parameter in parameters.items()}
        tensors |= {key: _room(key, held, parameters) for key, held in found.items() if key.startswith(_OPTIMIZER)}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="torch.distributed is disabled")  # as is meant for one process
            load(tensors, storage_reader=FileSystemReader(folder), process_group=world.group, no_dist=world.size == 1)
    except (OSError, CheckpointException, ValueError) as error:
        raise CheckpointError(
            f"the weights in {folder} cannot be read: {error}", fix="delete that checkpoint and --resume"
        ) from error
    slots = {key.removeprefix(_OPTIMIZER): value for key, value in tensors.items() if key.startswith(_OPTIMIZER)}
    optimizer.load_slots({parameter: name for name, parameter in parameters.items()}, slots)


def gather_weights(model: nn.Module, world: World) -> dict[str, Tensor]:
    """Whole weights by name, in the memory of the first process's machine; nothing in the others."""
    whole: dict[str, Tensor] = {}
    for name, parameter in _parameters(model):
        tensor = parameter.detach()
        if isinstance(tensor, DTensor):
            tensor = tensor.full_tensor()
        if world.first:
            whole[name] = tensor.cpu()
    return whole


def _parameters(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Sharded parameters: a forward pass without a backward pass leaves some of them gathered."""
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()
    yield from model.named_parameters()


def _room(key: str, held: object, parameters: Mapping[str, nn.Parameter]) -> Tensor:
    """An empty tensor for a state, sharded as its parameter is where it has that shape."""
    assert isinstance(held, TensorStorageMetadata)
    name = key.removeprefix(_OPTIMIZER).rpartition("/")[0]
    parameter = parameters.get(name)
    if parameter is not None and held.size == parameter.shape and held.size:
        return torch.zeros_like(parameter.detach())
    return torch.zeros(held.size, dtype=held.properties.dtype)
