"""Pointing: every predicted point is matched to at most one true point, and judged by its mask.

The rule of arXiv 2409.17146 (pointing benchmark): a one-to-one assignment of predicted to true
points with the least total distance (Jonker-Volgenant); a prediction inside the mask of its match
is right; precision = right / predicted, recall = right / true. When the thing is not in the
picture, saying so scores 1 and any point scores 0. Scores are averaged over questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from openmolmo.core.errors import DataError
from openmolmo.core.optional import require
from openmolmo.records.example import Mask, Point
from openmolmo.records.masks import contains

__all__ = ["PointingScore", "match_points", "score_points"]


_APART = 1e6  # far more than any distance in one picture, and finite: an assignment must exist


@dataclass(frozen=True, slots=True)
class PointingScore:
    """Shares in 0-1 for one question, and for each prediction whether it was right."""

    precision: float
    recall: float
    f1: float
    right: tuple[bool, ...] = ()


def match_points(
    predicted: Sequence[Point], true: Sequence[Point], *, aspect: float | Sequence[float] = 1.0
) -> list[tuple[int, int, float]]:
    """Pairs (predicted index, true index, distance) of the assignment with the least total distance.

    Points and distances are percent of the picture's width; ``aspect`` is height / width (of each picture, if there
    are several), so that distances are those one sees in the picture. ``min(len(predicted), len(true))`` pairs;
    those of points in different pictures are ``inf`` apart, and made only where nothing else is left.
    """
    if not predicted or not true:
        return []
    aspects = [aspect] if isinstance(aspect, float | int) else list(aspect)

    def placed(points: Sequence[Point]) -> np.ndarray:
        return np.array([(p.x, p.y * aspects[min(p.image, len(aspects) - 1)]) for p in points], dtype=np.float64)

    distance = np.linalg.norm(placed(predicted)[:, None] - placed(true)[None], axis=-1)
    apart = np.array([p.image for p in predicted])[:, None] != np.array([p.image for p in true])[None]
    distance[apart] += _APART
    rows, columns = require("scipy.optimize", extra="eval").linear_sum_assignment(distance)
    distance[apart] = np.inf
    return [(int(i), int(j), float(distance[i, j])) for i, j in zip(rows, columns, strict=True)]


def score_points(
    predicted: Sequence[Point],
    true: Sequence[Point],
    masks: Sequence[Mask] = (),
    *,
    radius: float | None = None,
    aspect: float | Sequence[float] = 1.0,
) -> PointingScore:
    """Precision, recall and F1 of one question.

    ``masks`` stand in the order of ``true``. Where there are none, ``radius`` (percent of the
    picture's width) says how near its match a prediction must be; without either it is an error,
    since a made-up radius would change every score. ``true`` empty means "not in the picture".
    """
    if not true:
        value = 0.0 if predicted else 1.0
        return PointingScore(value, value, value, (False,) * len(predicted))
    if masks and len(masks) != len(true):
        raise DataError(f"{len(true)} true points but {len(masks)} masks", rule="one mask a point, or none")
    if not masks and radius is None:
        raise DataError(
            "this pointing question has no masks, so there is no rule for what counts as a hit",
            fix="give a radius in percent of the picture's width (--radius 5)",
        )
    right = [False] * len(predicted)
    for i, j, distance in match_points(predicted, true, aspect=aspect):
        near = contains(masks[j], predicted[i]) if masks else radius is not None and distance <= radius
        right[i] = near and predicted[i].image == true[j].image
    hits = sum(right)
    precision, recall = (hits / len(predicted) if predicted else 0.0), hits / len(true)
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return PointingScore(precision, recall, f1, tuple(right))
