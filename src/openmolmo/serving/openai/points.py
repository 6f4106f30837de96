"""Points of a reply in the extension field ``openmolmo`` of messages and deltas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from openmolmo.words.answer import Answer, FoundPoint

__all__ = ["fresh_points", "points_of"]


def points_of(answer: Answer) -> dict[str, Any]:
    """All that can be read in a whole reply: ``points``, ``count`` and ``dropped``; ``out_of_world`` (0-1) where
    the model tells how unlike the picture is to what it knows."""
    strange = {} if answer.out_of_world is None else {"out_of_world": round(answer.out_of_world, 3)}
    return {
        "points": [_value(one) for one in answer.points],
        "count": answer.count,
        "dropped": answer.dropped,
        **strange,
    }


def fresh_points(points: Sequence[FoundPoint]) -> dict[str, Any]:
    """Points that came with a piece of a stream; their labels may not be written yet.

    The last piece, the one with ``finish_reason``, has all of them again as :func:`points_of`.
    """
    return {"points": [_value(one) for one in points], "count": None, "dropped": 0}


def _value(point: FoundPoint) -> dict[str, Any]:
    return {
        "label": point.label,
        "alt": point.alt,
        "image": point.image,
        "x": point.x,
        "y": point.y,
        "x_pixel": point.x_pixel,
        "y_pixel": point.y_pixel,
        "confidence": point.confidence,
    }
