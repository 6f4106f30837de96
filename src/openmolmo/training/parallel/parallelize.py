"""A finished model, spread over the processes of a run.

``fsdp`` shards each encoder block, each decoder layer, the rest of the encoder, the connector, and what is left
(embedding, last norm, head) as one group that stays gathered from the forward to the backward pass.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.nn.parallel import DistributedDataParallel

from openmolmo.model.molmo import Molmo, MolmoOutput
from openmolmo.training.parallel.config import ParallelConfig
from openmolmo.training.parallel.layers import layers_of, prepare_layers
from openmolmo.training.parallel.pictures import see_in_every_batch
from openmolmo.training.parallel.world import World

__all__ = ["Parallelized", "parallelize"]


@dataclass
class Parallelized:
    """A model and how to run it: ``forward`` is the model, or what keeps the processes' copies alike.

    ``shards`` is the group over which weights are sharded (None: each process has all), ``every_batch`` whether
    their gradients are sharded after every batch of a step, not only after the last.
    """

    model: Molmo
    forward: Callable[..., MolmoOutput]
    shards: Any = None
    every_batch: bool = False

    def backward_of(self, *, last: bool) -> AbstractContextManager[Any]:
        """Around forward and backward of one batch: gradients meet those of other processes at the last one only.

        With ``every_batch`` those of one group of shards meet before.
        """
        if isinstance(self.forward, DistributedDataParallel):
            return contextlib.nullcontext() if last else self.forward.no_sync()
        if isinstance(self.model, FSDPModule):
            self.model.set_requires_gradient_sync(last or self.every_batch)
            self.model.set_requires_all_reduce(last)  # among groups of shards, where there are several
        return contextlib.nullcontext()

    def forget_pictures(self) -> None:
        """Drop gradients of encoder and connector: no process saw a picture, and they must not move."""
        for module in (self.model.encoder, self.model.connector):
            for parameter in module.parameters():
                parameter.grad = None


def parallelize(
    model: Molmo, parallel: ParallelConfig, world: World, device: torch.device, precision: torch.dtype
) -> Parallelized:
    """Apply ``parallel`` to a model whose frozen parameters are frozen already; moves it to ``device``.

    Weights without memory (meta device) get it where they are sharded, a layer at a time; their content is left open.
    """
    prepare_layers(model, parallel)
    if world.size == 1:
        model.to(device)
        return Parallelized(model, model)
    see_in_every_batch(model)
    if not parallel.sharded:
        model.to(device)
        devices = [device] if device.type == "cuda" else None
        # The model has no buffer that changes. Newer versions of torch have another name for it.
        named = inspect.signature(DistributedDataParallel).parameters
        kept: dict[str, Any] = {next(n for n in ("forward_sync_buffers", "broadcast_buffers") if n in named): False}
        return Parallelized(model, DistributedDataParallel(model, device_ids=devices, **kept))
    mesh = _mesh(parallel, world, device)
    # Processors multiply what autocast gives them, but not a norm's float32 with its bfloat16.
    _shard(model, mesh, device, precision if device.type == "cuda" else torch.float32)
    model.to(device)  # the buffers
    return Parallelized(model, model, mesh.get_group("shard"), every_batch=parallel.reduce == "batch")


def _mesh(parallel: ParallelConfig, world: World, device: torch.device) -> DeviceMesh:
    if parallel.mode == "fsdp":
        return init_device_mesh(device.type, (world.size,), mesh_dim_names=("shard",))
    shape = (parallel.replicate, world.size // parallel.replicate)
    return init_device_mesh(device.type, shape, mesh_dim_names=("replicate", "shard"))


def _shard(model: Molmo, mesh: DeviceMesh, device: torch.device, precision: torch.dtype) -> None:
    """Weights are gathered in ``precision`` and gradients summed in float32, whatever that is.

    Autocast decides about the rest as it does on one process, so inputs of layers are left as they are, and what
    it computes in float32 there (the residual stream, the encoder's first layers) is float32 here.
    """
    kept = MixedPrecisionPolicy(reduce_dtype=torch.float32, cast_forward_inputs=False)
    policy = kept
    if precision != torch.float32:
        policy = MixedPrecisionPolicy(param_dtype=precision, reduce_dtype=torch.float32, cast_forward_inputs=False)
        model.embedding.register_forward_hook(_as_float32)
    groups = [(layer, policy) for layer in layers_of(model)]
    groups += [(model.encoder, kept), (model.connector, policy), (model, policy)]
    for module, precisely in groups:
        _give_memory(module, device)
        fully_shard(module, mesh=mesh, mp_policy=precisely)


def _give_memory(module: nn.Module, device: torch.device) -> None:
    """Replace parameters on the meta device; one that two modules share stays one."""
    made: dict[nn.Parameter, nn.Parameter] = {}
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False, remove_duplicate=False):
            if parameter.is_meta:
                if parameter not in made:
                    room = torch.empty_like(parameter, device=device)
                    made[parameter] = nn.Parameter(room, requires_grad=parameter.requires_grad)
                setattr(part, name, made[parameter])


def _as_float32(_: nn.Module, args: Any, embeds: Tensor) -> Tensor:
    return embeds.float()
