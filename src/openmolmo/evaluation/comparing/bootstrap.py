"""Draws of whole pictures: the questions of one picture stand and fall together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from openmolmo.core.rng import derive

__all__ = ["draw_means", "interval"]

_AT_ONCE = 2_000_000  # numbers of one table of draws: 16 MB


def draw_means(
    values: NDArray[np.float64], clusters: Sequence[str], *, rounds: int, seed: int = 0
) -> NDArray[np.float64]:
    """Means of ``values`` over ``rounds`` draws of whole clusters; the same clusters and seed give the same draws."""
    _, member = np.unique(np.array(clusters), return_inverse=True)
    sums = np.bincount(member, weights=values)
    counts = np.bincount(member).astype(np.float64)
    n = len(sums)
    rng = derive(seed, "paired bootstrap", n)
    drawn = []
    left = rounds
    while left:
        some = min(left, max(1, _AT_ONCE // n))
        weights = rng.multinomial(n, np.full(n, 1 / n), size=some)
        drawn.append((weights @ sums) / (weights @ counts))
        left -= some
    return np.concatenate(drawn)


def interval(values: Sequence[float], clusters: Sequence[str], *, rounds: int = 1000) -> tuple[float, float]:
    """The bounds of 95 % of a mean."""
    low, high = np.quantile(draw_means(np.array(values), clusters, rounds=rounds), (0.025, 0.975))
    return float(low), float(high)
