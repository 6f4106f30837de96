"""Batches in a fixed order, made here or by worker processes, resumable exactly.

loader = Loader(mixture_config, processor, LoaderConfig(rows=8, workers=1), seed=0)
with loader:
    for batch in loader:          # never ends
        model(**batch.tensors)
        saved = batch.state       # loader.load_state(saved) later: the same batches follow
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.data.collate import to_tensors
from openmolmo.data.mixture import Mixture, MixtureConfig
from openmolmo.data.streams import LoaderConfig, Skipped, Stream, StreamBatch, TrainProcessor
from openmolmo.data.workers import WorkerPool

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Batch", "Loader", "TooManySkippedError", "check_world", "merge_states"]


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch and what is known about it.

    ``tensors`` are the keyword parameters of ``Molmo.forward``. ``positions`` holds the stream
    positions of the examples of each row; where long ones are split, ``later_parts`` of them stand for parts
    after an example's first. ``tokens`` counts real tokens of all ``B * T``;
    ``wait`` is how long the consumer waited (seconds), ``made`` how long making it took.
    """

    tensors: dict[str, Tensor]
    positions: list[list[int]]
    tokens: int
    skipped: list[Skipped]
    wait: float
    made: float
    later_parts: int = 0

    @property
    def examples(self) -> int:
        """Number of examples; of one that was split its first part counts."""
        return sum(map(len, self.positions)) - self.later_parts

    @property
    def utilisation(self) -> float:
        """Real tokens / tokens with padding."""
        return self.tokens / self.tensors["input_ids"].numel()


class TooManySkippedError(DataError):
    """More examples could not be used than ``max_skipped``; ``skipped`` are those of the batch that was not made."""

    skipped: Sequence[Skipped] = ()


class Loader:
    """An endless iterator of :class:`Batch`.

    The order depends on the mixture, ``seed`` and ``config.streams``, ``rows``, ``row_length`` and
    the packing settings; not on the number of workers. Of ``world_size`` processes each takes every
    ``world_size``-th batch, the ``rank``-th first: together they see what one would see. Raises DataError
    once more than ``config.max_skipped`` examples could not be used.
    """

    def __init__(
        self,
        mixture: MixtureConfig,
        processor: TrainProcessor,
        config: LoaderConfig,
        *,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        check_world(config, rank, world_size)
        self.config, self.rank, self.world_size = config, rank, world_size
        self.mixture = Mixture(mixture, seed)
        self._spec = (mixture, seed, processor, config)
        self._streams = [Stream(number, self.mixture, processor, config) for number in range(config.streams)]
        self._states = [stream.state() for stream in self._streams]
        self._turn = 0
        self._skipped: set[tuple[str, int]] = set()
        self._pool: WorkerPool | None = None

    def state(self) -> dict[str, Any]:
        """JSON values describing the place right after the last batch that was handed out.

        With several processes each knows its own streams (the others are null): see :func:`merge_states`.
        """
        mine = set(self._numbers())
        streams = [state if number in mine else None for number, state in enumerate(self._states)]
        return {"turn": self._turn, "skipped": _listed(self._skipped), "streams": streams, "order": self._order()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue where ``state`` was taken, by however many processes.

        Raises ConfigError if the settings give another order, or if the state is that of one process of several.
        """
        if state["order"] != self._order():
            raise ConfigError(
                f"the loader's state was saved with {state['order']} and this one has {self._order()}",
                fix="resume with the settings the run was started with",
            )
        if None in state["streams"]:
            raise ConfigError(
                "the loader's state is that of one process of several", fix="give the merged state of all of them"
            )
        self.close()
        self._turn = int(state["turn"])
        self._skipped = {(str(source), int(index)) for source, index in state["skipped"]}
        self._states = list(state["streams"])
        if not self.config.workers:
            for number in self._numbers():
                self._streams[number].load_state(self._states[number])

    @property
    def skipped(self) -> frozenset[tuple[str, int]]:
        """The examples that could not be used so far, by data set and index in it, however often they were met.

        One of several processes knows those of before the run went on, and those that it met itself.
        """
        return frozenset(self._skipped)

    def start(self) -> None:
        """Start the worker processes now (iteration does it otherwise); best before a model is built."""
        if self.config.workers and self._pool is None:
            numbers = self._numbers()
            self._pool = WorkerPool(self._spec, [(number, self._states[number]) for number in numbers])

    def __iter__(self) -> Iterator[Batch]:
        while True:
            yield self.next()

    def next(self) -> Batch:
        """The next batch."""
        started = time.perf_counter()
        self.start()
        number = (self._turn + self.rank) % self.config.streams
        made = self._streams[number].make() if self._pool is None else self._pool.get(number)
        self._skipped.update((skip.source, skip.index) for skip in made.skipped)
        # Where the same few come again and again, a stream gives up too.
        if max(len(self._skipped), len(made.skipped)) > self.config.max_skipped:
            raise self._too_many(made)
        self._turn += self.world_size
        self._states[number] = made.state
        tensors = to_tensors(made.arrays)
        wait = time.perf_counter() - started
        return Batch(tensors, made.positions, made.tokens, made.skipped, wait, made.seconds, made.later_parts)

    def close(self) -> None:
        """End the worker processes."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _numbers(self) -> list[int]:
        """This process's streams, in the order of its turns."""
        streams = self.config.streams
        return [(self._turn + self.rank + k) % streams for k in range(0, streams, self.world_size)]

    def _order(self) -> dict[str, Any]:
        c = self.config
        packing: dict[str, Any] = {"open_rows": c.open_rows} if c.packing else {}
        if c.row_examples > 1:
            packing["row_examples"] = c.row_examples
        if c.split:
            packing["split"] = True
        if not c.isolate:
            packing["isolate"] = False
        return {"streams": c.streams, "rows": c.rows, "row_length": c.row_length, "packing": c.packing, **packing}

    def _too_many(self, made: StreamBatch) -> TooManySkippedError:
        last, most = made.skipped[-1], self.config.max_skipped
        found = f"{len(self._skipped)} examples could not be used"
        if len(self._skipped) <= most:
            found = f"one batch met examples that could not be used {len(made.skipped)} times"
        error = TooManySkippedError(
            f"{found}, more than max_skipped={most}; the last one: {last.error} "
            f"({self.mixture.whereabouts(last.source, last.index)})",
            fix="mend the data (openmolmo data check PATH), or allow more with loader.max_skipped=N",
        )
        error.skipped = made.skipped
        return error


def merge_states(states: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One state from those of all processes of a run, taken after the same number of batches.

    Any number of processes that divides the streams can go on from it. Raises ConfigError when they do not belong
    together.
    """
    first = states[0]
    for state in states:
        if (state["turn"], state["order"]) != (first["turn"], first["order"]):
            raise ConfigError(
                f"the loaders stand at turn {first['turn']} and {state['turn']}",
                fix="take the states of all processes after the same step",
            )
    streams = [
        next((one for one in column if one is not None), None)
        for column in zip(*(s["streams"] for s in states), strict=True)
    ]
    if None in streams:
        raise ConfigError(
            f"no process has the state of stream {streams.index(None)}", fix="merge the states of all processes"
        )
    skipped = {(source, index) for state in states for source, index in state["skipped"]}
    return {**first, "skipped": _listed(skipped), "streams": streams}


def _listed(skipped: set[tuple[str, int]]) -> list[list[str | int]]:
    """In the form that JSON gives back."""
    return [list(one) for one in sorted(skipped)]


def check_world(config: LoaderConfig, rank: int, world_size: int) -> None:
    """Raise ConfigError where the streams cannot be dealt out to so many processes."""
    if not 0 <= rank < world_size:
        raise ConfigError(f"rank={rank} is not one of 0..{world_size - 1}")
    if config.streams % world_size:
        raise ConfigError(
            f"streams={config.streams} cannot be dealt out to {world_size} processes",
            fix=f"set streams to a multiple of {world_size} (before the run starts: it changes the order of the data)",
        )
    if config.workers * world_size > config.streams:
        raise ConfigError(
            f"workers={config.workers} in each of {world_size} processes are more than streams={config.streams}",
            fix=f"set workers={config.streams // world_size} or fewer",
        )
