"""Weights spread over the processes of a group, on every kind of device; a group of one shows whether it works."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from devices import DEVICES
from openmolmo.core.config import override
from openmolmo.data import Loader
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.config import RunConfig
from openmolmo.training.optim import Optimizer, trained_parameters
from openmolmo.training.parallel.config import ParallelConfig
from openmolmo.training.parallel.layers import prepare_layers
from openmolmo.training.parallel.parallelize import Parallelized
from openmolmo.training.parallel.pictures import see_in_every_batch
from openmolmo.training.parallel.shards import gather_weights, read_shards, take_tensors, write_shards
from openmolmo.training.parallel.world import ALONE

pytestmark = pytest.mark.timeout(600)
spreading = importlib.import_module("openmolmo.training.parallel.parallelize")
BLIND = "mixture.groups.0.sources.0.options.blind=[0,1,2,3,4,5,6,7,8,9]"


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[torch.device]:
    """A device, and a group of one process that computes on it."""
    backend = "gloo"
    if request.param == "cuda":
        torch.cuda.set_device(0)
        backend = "cpu:gloo,cuda:nccl"
    dist.init_process_group(backend, store=dist.FileStore(str(tmp_path / "store"), 1), rank=0, world_size=1)
    yield torch.device(request.param)
    dist.destroy_process_group()


def steps_of(config: RunConfig, device: torch.device, mode: str, folder: Path | None = None) -> list[float]:
    """Losses of three steps; of three more, where there is a ``folder``, by a model that has read it."""
    precision = torch.bfloat16 if device.type == "cuda" else torch.float32
    placed, optimizer = place(config, device, mode, precision)
    with Loader(config.mixture, build_processor(config), config.loader, seed=0) as loader:
        batches = [loader.next().tensors for _ in range(6)]
    found = [one_step(placed, optimizer, batch, device, precision) for batch in batches[:3]]
    if folder is not None:
        write_shards(take_tensors(placed.model, optimizer, copy=True), folder, ALONE)
        placed, optimizer = place(config.replace(seed=7), device, mode, precision)
        read_shards(folder, placed.model, optimizer, ALONE)
    found += [one_step(placed, optimizer, batch, device, precision) for batch in batches[3:]]
    whole = gather_weights(placed.model, ALONE)
    assert all(tensor.device.type == "cpu" and not isinstance(tensor, DTensor) for tensor in whole.values())
    return found


def place(config: RunConfig, device: torch.device, mode: str, precision: torch.dtype) -> tuple[Parallelized, Optimizer]:
    model = build_model(config, build_processor(config))
    if device.type == "cuda":
        model.decoder.set_attn_implementation("flex_attention")
    prepare_layers(model, ParallelConfig(checkpointing="none" if mode == "none" else "selective"))
    group = None
    forward = model
    if mode == "fsdp":
        see_in_every_batch(model)
        mesh = spreading._mesh(ParallelConfig(mode="fsdp"), ALONE, device)
        spreading._shard(model, mesh, device, precision)
        group = mesh.get_group("shard")
    model.to(device)
    if mode == "ddp":
        see_in_every_batch(model)
        devices = [device] if device.type == "cuda" else None
        forward = DistributedDataParallel(model, device_ids=devices, broadcast_buffers=False)
    optimizer = Optimizer(trained_parameters(model, config.optimizer), config.optimizer, config.steps, shards=group)
    return Parallelized(model, forward, group), optimizer


def one_step(
    placed: Parallelized,
    optimizer: Optimizer,
    batch: dict[str, torch.Tensor],
    device: torch.device,
    precision: torch.dtype,
) -> float:
    inputs = {key: tensor.to(device) for key, tensor in batch.items()}
    with (
        placed.backward_of(last=True),
        torch.autocast(device.type, torch.bfloat16, enabled=precision == torch.bfloat16),
    ):
        loss = placed.forward(**inputs).loss
    assert loss is not None
    torch.autograd.backward(loss)
    assert all(norm >= 0 for norm in optimizer.clip().values())
    optimizer.update(5)
    return float(loss.detach())


@pytest.mark.parametrize("mode", ["fsdp", "ddp"])
def test_spread_weights_learn_as_whole_ones_do(
    config: RunConfig, device: torch.device, mode: str, tmp_path: Path
) -> None:
    settings = override(config, ["dropout.residual=0", "loader.rows=2", "loader.packing=false", BLIND])
    wanted = steps_of(settings, device, "none")
    found = steps_of(settings, device, mode, tmp_path / "shards")
    assert found == pytest.approx(wanted, rel=1e-4 if device.type == "cpu" else 3e-2)
    assert wanted[-1] < wanted[0]
