"""Pointing by the published rule: one-to-one by the distance to annotated points, judged by the masks, in pixels.

Points and masks are in pixels of the picture. ``released``: a reply that is not points and nothing else scores 0
where something is annotated. ``official`` reads points out of any reply.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openmolmo.core.errors import DataError
from openmolmo.core.optional import require
from openmolmo.evaluation.metrics.profile import Profile
from openmolmo.evaluation.metrics.released_points import has_released_form, points_in_pixels

__all__ = ["Hit", "mask_hit", "rectangles_hit", "score_mask_pointing"]

Hit = Callable[[int, int], bool]
"""Whether the pixel (x, y) is in a mask; outside the picture never."""

_EPSILON = 1e-10  # the published F1 has it in its denominator


@dataclass(frozen=True, slots=True)
class _Shares:
    precision: float
    recall: float

    def scores(self) -> dict[str, float]:
        both = self.precision * self.recall
        f1 = 2 * both / (self.precision + self.recall + _EPSILON) if both else 0.0
        return {"precision": self.precision, "recall": self.recall, "f1": f1}


def mask_hit(mask: NDArray[np.bool_]) -> Hit:
    """For a dense mask (H, W)."""
    height, width = mask.shape
    return lambda x, y: 0 <= x < width and 0 <= y < height and bool(mask[y, x])


def rectangles_hit(rectangles: Sequence[Sequence[float]], height: int, width: int) -> Hit:
    """For a mask that is a union of [x0, y0, x1, y1), in a picture of that size."""

    def inside(x: int, y: int) -> bool:
        within = 0 <= x < width and 0 <= y < height
        return within and any(x0 <= x < x1 and y0 <= y < y1 for x0, y0, x1, y1 in rectangles)

    return inside


def score_mask_pointing(
    reply: str,
    points: Sequence[Sequence[float]],
    masks: Sequence[Hit],
    size: Sequence[float],
    profile: Profile = "released",
) -> dict[str, float]:
    """``precision``, ``recall`` and ``f1`` of one reply; ``size`` is (width, height). Nothing annotated: none is right.

    Raises DataError where points and masks differ in number.
    """
    if len(points) != len(masks):
        raise DataError(f"{len(points)} annotated points but {len(masks)} masks", rule="one mask a point")
    said = points_in_pixels(reply.strip(), size[0], size[1])
    if not points:
        value = float(not said)
        return {"precision": value, "recall": value, "f1": value}
    if not said or (profile == "released" and not has_released_form(reply)):
        return {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    distances = np.linalg.norm(np.array(said)[:, None] - np.array(points, np.float64)[None], axis=-1)
    rows, columns = require("scipy.optimize", extra="eval").linear_sum_assignment(distances)
    hits = sum(masks[j](round(said[i][0]), round(said[i][1])) for i, j in zip(rows, columns, strict=True))
    return _Shares(hits / len(said), hits / len(masks)).scores()
