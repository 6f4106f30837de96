"""Whose click is whose: the points of several people paired, compared and merged.

Distances are percent of the picture's width (``aspect`` is height / width). Two clicks can mean the same thing only
within *reach*: half the way to the next thing, because whoever clicks a large thing may hit it anywhere, and small
things stand close together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from openmolmo.core.optional import require
from openmolmo.records.example import Point

__all__ = ["agree", "merge", "pair", "reach"]

NEAREST, FARTHEST = 1.5, 10.0
"""Reach is at least a shaky hand, and at most what a thing alone in the picture gets (percent of the width)."""

_APART = 1e6  # far more than any distance in a picture, and finite: an assignment must exist


def reach(*people: Sequence[Point], aspect: float = 1.0) -> float:
    """How far apart two people's clicks on the same thing may be: the least of what each one's points allow."""
    return min((_allowed(points, aspect) for points in people), default=FARTHEST)


def _allowed(points: Sequence[Point], aspect: float) -> float:
    if len(points) < 2:
        return FARTHEST
    apart = _distances(points, points, aspect)
    np.fill_diagonal(apart, np.inf)
    half = float(np.median(apart.min(axis=1))) / 2
    return min(max(half, NEAREST), FARTHEST)


def pair(
    one: Sequence[Point], other: Sequence[Point], *, aspect: float = 1.0, within: float | None = None
) -> list[tuple[int, int]]:
    """Pairs of places in the two lists: as many as can be within reach, of those the nearest together."""
    if not one or not other:
        return []
    near = reach(one, other, aspect=aspect) if within is None else within
    apart = _distances(one, other, aspect)
    cost = np.where(apart <= near, apart, _APART)
    rows, columns = require("scipy.optimize", extra="studio").linear_sum_assignment(cost)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if apart[i, j] <= near]


def agree(one: Sequence[Point], other: Sequence[Point], *, aspect: float = 1.0) -> float:
    """F1 of one person's points against another's, 0-1: the same both ways; two empty lists agree."""
    if not one and not other:
        return 1.0
    return 2 * len(pair(one, other, aspect=aspect)) / (len(one) + len(other))


def merge(people: Sequence[Sequence[Point]], *, aspect: float = 1.0) -> tuple[Point, ...]:
    """What more than half of the people clicked: of each thing the click that lies nearest the middle of all.

    Every point that comes out is somebody's click. One person's points are kept as they are.
    """
    near = reach(*people, aspect=aspect)
    things: list[list[Point]] = []
    for points in people:
        middles = [_middle(clicks) for clicks in things]
        found = {j: i for i, j in pair(middles, points, aspect=aspect, within=near)}
        for j, point in enumerate(points):
            if j in found:
                things[found[j]].append(point)
            else:
                things.append([point])
    return tuple(_nearest_middle(clicks, aspect) for clicks in things if 2 * len(clicks) > len(people))


def _middle(clicks: Sequence[Point]) -> Point:
    return Point(sum(p.x for p in clicks) / len(clicks), sum(p.y for p in clicks) / len(clicks))


def _nearest_middle(clicks: Sequence[Point], aspect: float) -> Point:
    middle = _middle(clicks)
    return min(clicks, key=lambda p: ((p.x - middle.x) ** 2 + ((p.y - middle.y) * aspect) ** 2, p.x, p.y))


def _distances(one: Sequence[Point], other: Sequence[Point], aspect: float) -> np.ndarray:
    def placed(points: Sequence[Point]) -> np.ndarray:
        return np.array([(p.x, p.y * aspect) for p in points], dtype=np.float64)

    distances: np.ndarray = np.linalg.norm(placed(one)[:, None] - placed(other)[None], axis=-1)
    return distances
