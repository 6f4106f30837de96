"""Which example comes when: data sets in weighted groups, without end, computed from a position.

A group gets its rate; inside a group a data set's rate is proportional to the square root of its
size, where a size may be set by hand (arXiv 2409.17146, appendix on the fine-tuning mixture).

Position k of the stream is always the same (data set, epoch, index): it can be computed without
walking there. The stream is cut into blocks of 1024 positions. In each block every data set gets
its rate times 1024 places, rounded up or down by one random offset per block (systematic
sampling, so shares are exact on average and never more than one place off), shuffled. A data set
is gone through in a new random order each epoch, and no example returns before all were seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from openmolmo.core.config import Config
from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.rng import derive, derive_seed
from openmolmo.data.sources.base import SOURCES, Located, Source
from openmolmo.records.example import ANNOTATION_KINDS, Example
from openmolmo.records.manifest import MANIFEST

__all__ = ["GroupConfig", "Mixture", "MixtureConfig", "Place", "SourceConfig", "permute"]

BLOCK = 1024
"""Positions per block: large enough for a set of rate 0.1 % to be in each, small enough to draw at once."""


@dataclass(frozen=True, kw_only=True)
class SourceConfig(Config):
    """One data set of a mixture.

    ``source`` is a registered data set and ``options`` its arguments; ``rate_size`` replaces the
    size in the square-root rule; ``kinds`` keeps only these annotation kinds (all when empty);
    ``max_annotations`` keeps at most so many of an example, drawn anew each epoch.
    """

    source: str
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    rate_size: int | None = None
    kinds: tuple[str, ...] = ()
    max_annotations: int | None = None

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in ANNOTATION_KINDS:
                raise ConfigError(f"kinds: {kind!r} is not one of {', '.join(ANNOTATION_KINDS)}")
        if self.rate_size is not None and self.rate_size < 1:
            raise ConfigError(f"rate_size={self.rate_size} must be at least 1")
        if self.max_annotations is not None and self.max_annotations < 1:
            raise ConfigError(f"max_annotations={self.max_annotations} must be at least 1")

    @classmethod
    def at(cls, path: Path, **options: Any) -> SourceConfig:
        """The data set at ``path``: a folder with a manifest, else a JSONL file or the folder of one."""
        kind = "parquet" if (path / MANIFEST).is_file() else "jsonl"
        return cls(source=kind, options={"path": str(path), **options})


@dataclass(frozen=True, kw_only=True)
class GroupConfig(Config):
    """Data sets that share ``rate`` of the mixture (rates of all groups are scaled to sum to 1)."""

    rate: float
    sources: tuple[SourceConfig, ...]
    name: str = ""

    def __post_init__(self) -> None:
        if not (self.rate > 0 and math.isfinite(self.rate)):
            raise ConfigError(f"rate={self.rate} of group {self.name!r} must be a positive number")
        if not self.sources:
            raise ConfigError(f"group {self.name!r} has no sources", fix="give it one, or leave the group out")


@dataclass(frozen=True, kw_only=True)
class MixtureConfig(Config):
    """The groups of a mixture."""

    groups: tuple[GroupConfig, ...]

    def __post_init__(self) -> None:
        if not self.groups:
            raise ConfigError("a mixture needs at least one group")


@dataclass(frozen=True, slots=True)
class Place:
    """What stands at one position of the stream."""

    source: int
    epoch: int
    index: int


class Mixture:
    """The endless stream of a :class:`MixtureConfig`; opens every data set when built."""

    def __init__(self, config: MixtureConfig, seed: int) -> None:
        self.seed = seed
        self._configs = [source for group in config.groups for source in group.sources]
        self.sources = [_open(source) for source in self._configs]
        self.names = [c.name or s.name for c, s in zip(self._configs, self.sources, strict=True)]
        if len(set(self.names)) < len(self.names):
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            raise ConfigError(f"two data sets of the mixture are called {', '.join(twice)}", fix="set their name")
        self.rates = _rates(config, self.sources)
        self._edges = np.cumsum(self.rates)
        self._edges[-1] = 1.0
        self._before = [np.zeros(len(self.sources), np.int64)]  # places of each source before block b
        self._block: tuple[int, np.ndarray, np.ndarray] | None = None

    @property
    def fingerprints(self) -> dict[str, str]:
        """Fingerprint of each data set by its name."""
        return {name: source.fingerprint for name, source in zip(self.names, self.sources, strict=True)}

    def place(self, position: int) -> Place:
        """Data set, epoch and index at ``position`` (0, 1, 2, ... without end)."""
        number, offset = divmod(position, BLOCK)
        if self._block is None or self._block[0] != number:
            self._block = (number, *self._make_block(number))
        _, order, rank = self._block
        source = int(order[offset])
        count = int(self._before[number][source]) + int(rank[offset])
        epoch, step = divmod(count, len(self.sources[source]))
        key = derive_seed(self.seed, "order", self.names[source], epoch)
        return Place(source, epoch, permute(step, len(self.sources[source]), key))

    def example(self, place: Place) -> tuple[Example, np.random.Generator]:
        """The example at a place, its annotations selected, and the stream for its formatting."""
        config, name = self._configs[place.source], self.names[place.source]
        example = self.sources[place.source][place.index]
        rng = derive(self.seed, "format", name, place.epoch, place.index)
        kept = [a for a in example.annotations if not config.kinds or a.kind in config.kinds]
        if not kept:
            wanted = ", ".join(config.kinds) or "any"
            raise DataError(f"example {example.id} of {name} has no annotation of kind: {wanted}", rule="kinds")
        if config.max_annotations is not None and len(kept) > config.max_annotations:
            chosen = rng.choice(len(kept), size=config.max_annotations, replace=False)
            kept = [kept[i] for i in sorted(chosen)]
        if len(kept) < len(example.annotations):
            example = example.replace(annotations=tuple(kept))
        return example, rng

    def whereabouts(self, name: str, index: int) -> str:
        """Where example ``index`` of the data set called ``name`` stands, numbered as ``openmolmo data check`` does."""
        source = self.sources[self.names.index(name)]
        if not isinstance(source, Located):
            return f"{name}, example {index} (counted from 0)"
        file, row = source.locate(index)
        return f"{file}, {f'line {row} (counted from 1)' if file.suffix == '.jsonl' else f'row {row} (counted from 0)'}"

    def _cuts(self, number: int) -> tuple[np.ndarray, np.random.Generator]:
        """Places of each source in a block, and the block's stream (used further for its order)."""
        rng = derive(self.seed, "mixture", number)
        ends = np.clip(np.ceil(self._edges * BLOCK - rng.random()), 0, BLOCK).astype(np.int64)
        ends[-1] = BLOCK
        return np.diff(ends, prepend=0), rng

    def _make_block(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        while len(self._before) <= number:
            self._before.append(self._before[-1] + self._cuts(len(self._before) - 1)[0])
        counts, rng = self._cuts(number)
        order = rng.permutation(np.repeat(np.arange(len(counts)), counts))
        rank = np.zeros(BLOCK, np.int64)
        for source, count in enumerate(counts):
            rank[order == source] = np.arange(count)
        return order, rank


def permute(step: int, size: int, key: int) -> int:
    """Place ``step`` of a pseudo-random order of ``range(size)``: a permutation without a table.

    A balanced Feistel network of six rounds over the next even power of two, walked until it
    lands inside the range.
    """
    half = max(3, ((size - 1).bit_length() + 1) // 2)
    mask = (1 << half) - 1
    while True:
        left, right = step >> half, step & mask
        for turn in range(6):
            left, right = right, left ^ (_mix(right + (turn << 40) + (key & 0xFFFFFFFFFFFFFFFF)) & mask)
        step = (left << half) | right
        if step < size:
            return step


def _mix(value: int) -> int:
    """64-bit finaliser of splitmix64 (Steele, Lea and Flood, 2014)."""
    value = (value + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return value ^ (value >> 31)


def _open(config: SourceConfig) -> Source:
    try:
        source = SOURCES.get(config.source)(**config.options)
    except TypeError as error:
        raise ConfigError(
            f"options of data set {config.source!r}: {error}", fix="check the names of its options"
        ) from error
    if len(source) == 0:
        raise DataError(f"data set {config.name or source.name!r} is empty", fix="choose another, or leave it out")
    return source


def _rates(config: MixtureConfig, sources: Sequence[Source]) -> np.ndarray:
    total, rates, first = sum(group.rate for group in config.groups), [], 0
    for group in config.groups:
        opened = sources[first : first + len(group.sources)]
        first += len(opened)
        sizes = [c.rate_size or len(source) for c, source in zip(group.sources, opened, strict=True)]
        roots = np.sqrt(np.asarray(sizes, np.float64))
        rates.append(group.rate / total * roots / roots.sum())
    return np.concatenate(rates)
