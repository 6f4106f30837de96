"""What a generator of examples is: a pure function of a random stream, an index, a size and a split.

A new generator is one object that meets :class:`Generator` and one registration in
``GENERATORS`` (an entry point of the group ``openmolmo.generators``).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from openmolmo.core.registry import Registry
from openmolmo.core.rng import derive
from openmolmo.records.example import Example

__all__ = ["GENERATORS", "Generator", "make_example"]


class Generator(Protocol):
    """Makes the ``index``-th example of a data set from its own random stream."""

    name: str
    version: str

    def make(self, rng: np.random.Generator, index: int, *, size: int, split: str) -> Example:
        """One example: a JPEG of about ``size`` pixels on its longer side, annotations, provenance, facts."""
        ...


GENERATORS: Registry[Generator] = Registry("generator")


def make_example(generator: Generator, seed: int, index: int, *, size: int = 256, split: str = "train") -> Example:
    """The ``index``-th example; the same arguments give the same bytes on any worker and machine.

    ``size`` is in pixels. Splits have streams of their own: no picture is in two of them.
    """
    rng = derive(seed, generator.name, split, index)
    return generator.make(rng, index, size=size, split=split)
