"""A stream: the part of the stream that one process at a time turns into batches.

The stream is dealt out to L streams: stream l takes positions l, l + L, l + 2L, ... and batches are
taken from the streams in turn. What a stream makes depends on nothing but its own positions, so any
number of processes gives the same batches, and each stream resumes from a few integers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from openmolmo.core.config import Config
from openmolmo.core.errors import ConfigError, DataError, ImageError, OpenMolmoError, PromptError
from openmolmo.data.collate import collate_arrays
from openmolmo.data.mixture import Mixture
from openmolmo.data.packing import Packer, Row
from openmolmo.records.example import Example

if TYPE_CHECKING:
    from openmolmo.prompting.sequence import Tokens

__all__ = ["Stream", "LoaderConfig", "StreamBatch", "Skipped", "TrainProcessor"]


class TrainProcessor(Protocol):
    """The part of a Processor that a loader needs."""

    def train(self, example: Example, rng: np.random.Generator, *, max_length: int | None) -> Tokens: ...
    def train_parts(self, example: Example, rng: np.random.Generator, *, max_length: int) -> list[Tokens]: ...


@dataclass(frozen=True, kw_only=True)
class LoaderConfig(Config):
    """How examples become batches.

    A batch has ``rows`` rows of at most ``row_length`` tokens. Longer examples are cut there or, with
    ``split``, become several parts: each with the picture and as many of the annotations as fit, weighted as
    if they were together. With ``packing`` a row holds as many examples as fit. Otherwise it holds ``row_examples``
    of them, each of at most ``row_length`` tokens, one after the other: where the number of examples in a batch is
    to be exact, one row of several has no padding, and several rows of one have. ``streams`` bounds the
    useful number of ``workers`` (of all processes together, whose number must divide it) and,
    unlike those, is part of what defines the order of the data.
    With ``isolate=False`` an example also sees those before it in its row (their pictures, and their branches of its
    own branch's number): a fault of other programs, to be compared with.
    ``max_skipped`` is how many different unreadable examples are passed over before the run stops.
    """

    rows: int = 8
    row_length: int = 512
    packing: bool = True
    row_examples: int = 1
    split: bool = False
    isolate: bool = True
    open_rows: int = 8
    streams: int = 4
    workers: int = 1
    prefetch: int = 4
    max_skipped: int = 100

    def __post_init__(self) -> None:
        for name in ("rows", "row_length", "row_examples", "open_rows", "streams", "prefetch"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)} must be at least 1")
        if self.packing and self.row_examples > 1:
            raise ConfigError(
                f"row_examples={self.row_examples} goes with packing=false: packed rows hold as many as fit",
                fix="set packing=false, or leave row_examples at 1",
            )
        if self.workers < 0 or self.max_skipped < 0:
            raise ConfigError(f"workers={self.workers} and max_skipped={self.max_skipped} must not be negative")
        if self.workers > self.streams:
            raise ConfigError(
                f"workers={self.workers} is more than streams={self.streams}: the rest would be idle",
                fix=f"set streams={self.workers} too (before the run starts: it changes the order of the data)",
            )

    @property
    def spans(self) -> int:
        """How many times ``row_length`` tokens a batch has at most; without packing, how many examples."""
        return self.rows * self.row_examples


@dataclass(frozen=True, slots=True)
class Skipped:
    """An example that could not be used: where it stands, and why."""

    position: int
    source: str
    index: int
    error: str


@dataclass(slots=True)
class StreamBatch:
    """One batch as made by a stream, with the stream's state right after it.

    ``seconds`` is the time it took to make; ``tokens`` counts real tokens, without padding. ``positions``
    names an example once for each of its parts; ``later_parts`` is how many of these are not the first.
    """

    arrays: dict[str, np.ndarray]
    positions: list[list[int]]
    tokens: int
    seconds: float
    state: dict[str, Any]
    skipped: list[Skipped] = field(default_factory=list)
    later_parts: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
    """An example's sequence, or one of those it was split into."""

    tokens: Tokens
    number: int = 0

    def __len__(self) -> int:
        return len(self.tokens.input_ids)


def _join(rows: Sequence[Row[_Part]]) -> Row[_Part]:
    """One row of the items of all."""
    whole: Row[_Part] = Row()
    for row in rows:
        for item, position in zip(row.items, row.positions, strict=True):
            whole.add(item, position, len(item))
    return whole


class Stream:
    """Makes the batches of one stream, one after the other."""

    def __init__(self, number: int, mixture: Mixture, processor: TrainProcessor, config: LoaderConfig) -> None:
        self.number, self.mixture, self.processor, self.config = number, mixture, processor, config
        self._taken = 0
        self._packer: Packer[_Part] = Packer(config.row_length, config.open_rows)
        self._ready: list[Row[_Part]] = []
        self._skipped: list[Skipped] = []

    def state(self) -> dict[str, Any]:
        """Integers from which :meth:`load_state` continues: positions, with ``split`` each with its part."""
        return {
            "taken": self._taken,
            "open": [self._places(row) for row in self._packer.open],
            "ready": [self._places(row) for row in self._ready],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue after the batch that ``state`` was taken with; makes the open rows' examples again."""
        self._taken = int(state["taken"])
        self._skipped = []
        made: dict[int, list[_Part]] = {}
        self._packer.open = [self._row(places, made) for places in state["open"]]
        self._ready = [self._row(places, made) for places in state["ready"]]

    def make(self) -> StreamBatch:
        """The next batch of this stream."""
        started = time.perf_counter()
        self._skipped = []
        joined = self.config.row_examples
        while len(self._ready) < self.config.spans:
            position = self._taken * self.config.streams + self.number
            self._taken += 1
            parts = self._parts(position)
            if not parts and len(self._skipped) > self.config.max_skipped:  # no endless search in wholly bad data
                break
            for part in parts:
                if self.config.packing:
                    self._ready += self._packer.add(part, position, len(part))
                else:
                    self._ready.append(Row([part], [position], len(part)))
        ready, self._ready = self._ready[: self.config.spans], self._ready[self.config.spans :]
        rows = [_join(ready[i : i + joined]) for i in range(0, len(ready), joined)]
        return StreamBatch(
            arrays=self._collated(rows) if rows else {},
            positions=[row.positions for row in rows],
            tokens=sum(row.used for row in rows),
            seconds=time.perf_counter() - started,
            state=self.state(),
            skipped=self._skipped,
            later_parts=sum(part.number > 0 for row in rows for part in row.items),
        )

    def _collated(self, rows: Sequence[Row[_Part]]) -> dict[str, np.ndarray]:
        return collate_arrays([[part.tokens for part in row.items] for row in rows], isolate=self.config.isolate)

    def _places(self, row: Row[_Part]) -> list[Any]:
        if not self.config.split:
            return list(row.positions)
        return [[position, part.number] for position, part in zip(row.positions, row.items, strict=True)]

    def _row(self, places: list[Any], made: dict[int, list[_Part]]) -> Row[_Part]:
        row: Row[_Part] = Row()
        for place in places:
            position, number = place if self.config.split else (place, 0)
            if position not in made:
                made[position] = self._parts(position)
            parts = made[position]
            if number >= len(parts):
                why = self._skipped[-1].error if not parts else f"it has {len(parts)} parts, and had more"
                raise DataError(
                    f"example at position {position} could be read before the run stopped and cannot now: {why}",
                    fix="restore the data set as it was, or start a new run",
                )
            row.add(parts[number], position, len(parts[number]))
        return row

    def _parts(self, position: int) -> list[_Part]:
        """The example at a position; one that cannot be used is noted, and nothing comes back."""
        place, limit = self.mixture.place(position), self.config.row_length
        try:
            example, rng = self.mixture.example(place)
            if self.config.split:
                made = self.processor.train_parts(example, rng, max_length=limit)
            else:
                made = [self.processor.train(example, rng, max_length=limit)]
            parts = [_Part(tokens, number) for number, tokens in enumerate(made)]
            if (longest := max(map(len, parts))) > limit:
                raise PromptError(f"{longest} tokens are more than row_length={limit}")
            return parts
        except (DataError, ImageError, PromptError, OSError) as error:
            message = error.message if isinstance(error, OpenMolmoError) else str(error)
            name = self.mixture.names[place.source]
            self._skipped.append(Skipped(position, name, place.index, f"{type(error).__name__}: {message}"))
            return []
