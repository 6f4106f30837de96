"""Cheap random choices: one block of uniforms is drawn at a time and used up in order.

A face needs some hundred small decisions; asking the numpy generator for each costs more than
drawing the face. The order of decisions is fixed by the code, so equal streams give equal faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")

__all__ = ["Dice"]

_BLOCK = 192


class Dice:
    """Random choices from one numpy generator."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self._left: list[float] = []

    def unit(self) -> float:
        """A number in [0, 1)."""
        if not self._left:
            self._left = self.rng.random(_BLOCK).tolist()
        return self._left.pop()

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.unit() < probability

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self.unit()

    def around(self, centre: float, spread: float) -> float:
        """A number in [centre - spread, centre + spread), the middle more likely (triangular)."""
        return centre + spread * (self.unit() + self.unit() - 1.0)

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self.unit() * (high - low + 1))

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[int(self.unit() * len(options))]

    def weighted(self, options: Sequence[tuple[float, T]]) -> T:
        """One of the (weight, value) options."""
        at = self.unit() * sum(weight for weight, _ in options)
        for weight, value in options:
            at -= weight
            if at < 0:
                return value
        return options[-1][1]
