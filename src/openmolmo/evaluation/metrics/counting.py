"""Counting: is the number right, or off by one?

The number is the one the reply states, or the number of points it gives when it states none
(arXiv 2409.17146, "point then count").
"""

from __future__ import annotations

__all__ = ["score_count"]


def score_count(predicted: int | None, true: int) -> dict[str, float]:
    """``accuracy`` and ``within_1`` (0 or 1). No number at all (None) is wrong in both."""
    if predicted is None:
        return {"accuracy": 0.0, "within_1": 0.0}
    return {"accuracy": float(predicted == true), "within_1": float(abs(predicted - true) <= 1)}
