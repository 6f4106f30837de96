"""Examples made while training, by a generator: nothing is read from disk, nothing runs out.

``SOURCE(generator="scenes", count=100_000, size=[192, 256], seed=0, split="train")``: index i
is always the same picture, whichever process makes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from openmolmo.core.errors import ConfigError
from openmolmo.core.rng import derive
from openmolmo.data.sources.base import Source
from openmolmo.engine.synth.base import GENERATORS, Generator, make_example
from openmolmo.records.example import Example, Split

__all__ = ["SOURCE", "SynthSource"]


class SynthSource:
    """``count`` examples of one generator; ``sizes`` in pixels (longer side), one drawn per index."""

    def __init__(self, generator: Generator, sizes: Sequence[int], *, count: int, seed: int, split: Split) -> None:
        if count < 1:
            raise ConfigError(f"count={count} must be at least 1")
        if not sizes or min(sizes) < 16:
            raise ConfigError(f"size={list(sizes)} must be one or more picture sizes of at least 16 pixels")
        self.name = f"{generator.name}-{split}"
        self._generator, self._sizes = generator, tuple(sizes)
        self._count, self._seed, self._split = count, seed, split

    @property
    def fingerprint(self) -> str:
        """Hash of everything the pictures depend on."""
        parts = [self._generator.name, self._generator.version, self._sizes, self._count, self._seed, self._split]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Example:
        if not 0 <= index < self._count:
            raise IndexError(f"index {index} is outside 0..{self._count - 1}")
        size = self._sizes[0]
        if len(self._sizes) > 1:
            size = self._sizes[int(derive(self._seed, "size", self._split, index).integers(len(self._sizes)))]
        return make_example(self._generator, self._seed, index, size=size, split=self._split)


def SOURCE(
    *,
    generator: str,
    count: int = 1_000_000,
    size: int | Sequence[int] = 256,
    seed: int = 0,
    split: Split = "train",
) -> Source:
    """Open a generator as a data set. Raises NotRegisteredError and ConfigError."""
    sizes = (size,) if isinstance(size, int) else tuple(size)
    return SynthSource(GENERATORS.get(generator), sizes, count=count, seed=seed, split=split)
