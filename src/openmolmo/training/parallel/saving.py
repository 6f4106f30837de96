"""Checkpoints of a run of several processes, at once or in the background.

Where weights are sharded each process writes its share into one folder:

OUT/step-300/run/shards/   weights and optimiser states, in the format of torch.distributed.checkpoint
OUT/step-300/run/state.json, config.json, tokenizer and processor files, files.json: as ever

otherwise the first process writes what a run of one process does (``training/checkpoint.py``). Any number of
processes goes on from either. In the background nothing changes but when it happens: the folder gets its name
when everything in it has reached the disk, so a run that is killed before goes on from the checkpoint before.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from openmolmo.core.files import atomic_dir
from openmolmo.model.checkpoint import load_weights, save_config
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.processor import Processor
from openmolmo.training import checkpoint
from openmolmo.training.checksums import sync, write_checksums
from openmolmo.training.config import RunConfig
from openmolmo.training.optim import Optimizer, share_of
from openmolmo.training.parallel.shards import gather_weights, read_shards, take_tensors, write_shards
from openmolmo.training.parallel.world import World

__all__ = ["Saver", "fill", "load_run"]


def load_run(folder: Path, model: Molmo, optimizer: Optimizer, world: World) -> None:
    """Go on from a checkpoint. The weights of a whole one are in the model already (``fill``)."""
    if checkpoint.is_sharded(folder):
        read_shards(folder / checkpoint.SHARDS, model, optimizer, world)
    else:
        optimizer.load_state_dict(checkpoint.load_state(folder)[1]["optimizer"])


def fill(model: Molmo, source: Path | None) -> None:
    """Read the weights of a model folder into a sharded model: each process keeps its share of every tensor.

    Those of a sharded checkpoint are left to :func:`load_run`.
    """
    if source is not None and not checkpoint.is_sharded(source):
        load_weights(model, source, _put)


def _put(target: Tensor, whole: Tensor) -> None:
    target.copy_(share_of(whole, target) if isinstance(target, DTensor) else whole)


class Saver:
    """Writes the checkpoints of a run; one at a time."""

    def __init__(self, out: Path, config: RunConfig, world: World, *, sharded: bool) -> None:
        self._out, self._keep, self._world, self._sharded = out, config.keep, world, sharded
        self._background = config.parallel.async_save
        self._words = world
        if self._background and world.size > 1:  # what it says must not get mixed with the words of the steps
            self._words = replace(world, group=dist.new_group(backend="gloo"))
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._pending: Future[None] | None = None

    def save(
        self,
        step: int,
        model: Molmo,
        processor: Processor,
        optimizer: Optimizer,
        state: Mapping[str, Any],
        tensors: Mapping[str, Any] | None = None,
    ) -> None:
        """Write ``OUT/step-N`` and delete old checkpoints, after the one before is written.

        ``tensors`` is more of what torch saves, of a run that is not sharded.
        In the background it only copies; what goes wrong there is raised by the next call. Raises DiskFullError where
        there is no room: nothing half-written stays, and older checkpoints do.
        """
        self.wait()
        if self._sharded:
            shares = take_tensors(model, optimizer, copy=self._background)
            self._do(lambda: self._write_sharded(step, shares, model, processor, state))
            return
        kept: Any = optimizer
        more = dict(tensors or {})
        if self._background and self._world.first:
            model, kept, more = _copy_of(model), _Held(_on_cpu(optimizer.state_dict())), _on_cpu(more)
        self._do(lambda: self._words.by_first(lambda: self._write_whole(step, model, processor, kept, state, more)))

    def wait(self) -> None:
        """Wait until what is being written is written; raises the error that it came to."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def finish(self, model: Molmo, processor: Processor, facts: Mapping[str, Any]) -> Path:
        """Write ``OUT/final``, a whole model with a card of ``facts``, gathered by the first process."""
        self.wait()
        weights = gather_weights(model, self._world) if self._sharded else None
        return self._world.by_first(lambda: checkpoint.save_final(self._out, model, processor, facts, weights))

    def _do(self, write: Callable[[], None]) -> None:
        if self._background:
            self._pending = self._worker.submit(write)
        else:
            write()

    def _write_whole(
        self, step: int, model: Molmo, processor: Processor, optimizer: Any, state: Any, tensors: dict[str, Any]
    ) -> None:
        checkpoint.save_step(self._out, step, model, processor, optimizer, dict(state), tensors)
        checkpoint.prune(self._out, self._keep)

    def _write_sharded(
        self, step: int, tensors: Mapping[str, Tensor], model: Molmo, processor: Processor, state: Mapping[str, Any]
    ) -> None:
        words, folder = self._words, self._out / f"step-{step}"
        with contextlib.ExitStack() as stack:
            mine = stack.enter_context(atomic_dir(folder)) if words.first else None
            temporary = words.tell(mine)
            write_shards(tensors, temporary / checkpoint.SHARDS, words)
            if words.first:
                save_config(model, temporary)
                processor.save_pretrained(temporary)
                checkpoint.write_state(temporary, step, dict(state))
            names = words.tell(_files(temporary) if words.first else None)
            hashes = words.hash_files(temporary, names)
            if words.first:
                write_checksums(temporary, lambda _, listed: {name: hashes[name] for name in listed})
        if words.first:
            sync(self._out)
            checkpoint.prune(self._out, self._keep)
        words.wait()  # no process believes in it before it has its name


class _Held:
    """The state of an optimiser as it was."""

    def __init__(self, state: dict[str, Any]) -> None:
        self._state = state

    def state_dict(self) -> dict[str, Any]:
        return self._state


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def _copy_of(model: Molmo) -> Molmo:
    """A copy whose trained weights are on the processor; they are never on an accelerator twice.

    It shares the frozen ones, which do not change (and of which some, rounded ones, cannot be copied).
    """
    copies: dict[int, Any] = {
        id(parameter): nn.Parameter(parameter.detach().to("cpu", copy=True)) if parameter.requires_grad else parameter
        for parameter in model.parameters()
    }
    return copy.deepcopy(model, copies)


def _on_cpu(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: _on_cpu(item) for key, item in value.items()}
    return [_on_cpu(item) for item in value] if isinstance(value, list) else value
