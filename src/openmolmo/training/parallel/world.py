"""The processes of a run, and the few words they exchange beside gradients.

torchrun starts them and says who is who (RANK, LOCAL_RANK, WORLD_SIZE); a run that it did not start is alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from openmolmo.core.errors import ConfigError, OpenMolmoError, RunError
from openmolmo.training.checksums import hash_files
from openmolmo.training.parallel.config import ParallelConfig

__all__ = ["ALONE", "World", "open_world", "require_size", "told_by"]

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """Number ``rank`` of ``size`` processes, ``local_rank`` on its machine; they talk in ``group`` (None: all)."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    group: Any = None

    @property
    def first(self) -> bool:
        """Whether this process logs, prints and writes what is written once."""
        return self.rank == 0

    def sum(self, values: Sequence[float]) -> list[float]:
        """Sums over all processes, the same bits in each."""
        return self._reduce(values, dist.ReduceOp.SUM)

    def highest(self, value: float) -> float:
        """The largest of all processes' values."""
        return self._reduce([value], dist.ReduceOp.MAX)[0]

    def gather(self, value: T) -> list[T]:
        """Every process's value, by rank; it must be picklable."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value, group=self.group)
        return values

    def tell(self, value: T | None) -> T:
        """The first process's value, in all of them."""
        held: list[Any] = [value]
        if self.size > 1:
            dist.broadcast_object_list(held, src=0, group=self.group)
        told: T = held[0]
        return told

    def wait(self) -> None:
        """Wait until every process has come here."""
        self.sum([0.0])

    def by_first(self, act: Callable[[], T]) -> T:
        """What ``act`` returns in the first process, or the error of ours that it raises, in all of them."""
        value: T | None = None
        error: OpenMolmoError | None = None
        if self.first:
            try:
                value = act()
            except OpenMolmoError as raised:
                error = raised
        value, error = self.tell((value, error))
        if error is not None:
            error.quiet = not self.first  # once on the screen is enough
            raise error
        return value  # type: ignore[return-value]  # None only where act returns it

    def hash_files(self, folder: Path, names: list[str]) -> dict[str, str]:
        """SHA-256 of files that all processes see; each reads a share of them."""
        shares = self.gather(hash_files(folder, names[self.rank :: self.size]))
        return {name: value for share in shares for name, value in share.items()}

    def batches_of(self, total: int) -> int:
        """How many of a step's ``total`` batches are this process's. Raises ConfigError if they cannot be dealt out."""
        if total % self.size:
            raise ConfigError(
                f"accumulate={total} batches a step cannot be dealt out to {self.size} processes",
                fix=f"set accumulate to a multiple of {self.size}; with fewer loader.rows, or loader.row_examples, a "
                "step has as many examples",
            )
        return total // self.size

    def _reduce(self, values: Sequence[float], operation: Any) -> list[float]:
        if self.size == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(tensor, operation, group=self.group)
        summed: list[float] = tensor.tolist()
        return summed


ALONE = World()
"""The world of a run that no torchrun has started."""


@contextmanager
def told_by(first: bool, kind: type[OpenMolmoError] = OpenMolmoError) -> Iterator[None]:
    """Let errors of ``kind``, which every one of several processes finds, be printed by the ``first`` of them alone."""
    try:
        yield
    except kind as error:
        error.quiet = not first
        raise


@contextmanager
def open_world(parallel: ParallelConfig, *, cuda: bool) -> Iterator[World]:
    """Meet the other processes, where there are any.

    ``cuda`` says whether this run computes on accelerators: tensors then go by NCCL, words by gloo. Where the
    caller has met them already (``torch.distributed`` is initialised), that is used and left as it is.
    Raises ConfigError for several processes without a mode, or more than there are accelerators.
    """
    size, rank, local = (int(os.environ.get(name, default)) for name, default in _VARIABLES)
    if size == 1:
        yield ALONE
        return
    with told_by(rank == 0):
        require_size(parallel, size)
    if cuda and local >= torch.cuda.device_count():
        raise ConfigError(
            f"process {local} of this machine has no accelerator: torch sees {torch.cuda.device_count()}",
            fix="start at most as many processes as there are (torchrun --nproc-per-node), or set device=cpu",
        )
    if cuda:
        torch.cuda.set_device(local)
    if dist.is_initialized():
        yield World(rank, size, local)
        return
    backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
    try:
        dist.init_process_group(backend, timeout=timedelta(seconds=parallel.timeout))
    except (ValueError, RuntimeError) as error:
        raise RunError(
            f"process {rank} of {size} did not meet the others: {error}",
            fix="start them all by torchrun, with one --rdzv-endpoint that every machine can reach",
        ) from error
    try:
        yield World(rank, size, local)
    except OpenMolmoError:  # all processes leave by it
        dist.destroy_process_group()
        raise
    # Not after any other error: some may wait for this one in a collective, and torchrun ends them all.
    dist.destroy_process_group()


_VARIABLES = (("WORLD_SIZE", "1"), ("RANK", "0"), ("LOCAL_RANK", "0"))


def require_size(parallel: ParallelConfig, size: int) -> None:
    """Raise ConfigError where ``size`` processes cannot run as ``parallel`` says."""
    if parallel.mode == "none" and size > 1:
        raise ConfigError(
            f"{size} processes were started, and parallel.mode=none is for one",
            fix="set parallel.mode=ddp (each holds the model) or fsdp (each holds a share), or start one process",
        )
    if parallel.mode == "hsdp" and size > 1 and size % parallel.replicate:
        raise ConfigError(
            f"parallel.replicate={parallel.replicate} groups cannot be made of {size} processes",
            fix="let it divide their number, e.g. the number of machines",
        )
