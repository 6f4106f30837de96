"""Many small random choices from one generator, cheaply: floats are drawn in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")

__all__ = ["Dice"]

_BLOCK = 128


class Dice:
    """Choices made from ``rng``; ``rng`` itself stays available for whole arrays of noise."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self._floats: list[float] = []

    def random(self) -> float:
        """A float in [0, 1)."""
        if not self._floats:
            self._floats = self.rng.random(_BLOCK).tolist()
        return self._floats.pop()

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.random() < probability

    def between(self, low: float, high: float) -> float:
        """A float in [low, high)."""
        return low + (high - low) * self.random()

    def below(self, count: int) -> int:
        """An integer in [0, count)."""
        return int(self.random() * count)

    def pick(self, items: Sequence[T]) -> T:
        """One of the items, all equally likely."""
        return items[int(self.random() * len(items))]

    def weighted(self, weights: Sequence[float]) -> int:
        """An index, as likely as its weight."""
        left = self.random() * sum(weights)
        for index, weight in enumerate(weights):
            left -= weight
            if left < 0:
                return index
        return len(weights) - 1

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """A copy in random order."""
        order = list(items)
        for index in range(len(order) - 1, 0, -1):
            other = self.below(index + 1)
            order[index], order[other] = order[other], order[index]
        return order

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """At most ``count`` of the items, in random order."""
        return self.shuffled(items)[:count]
