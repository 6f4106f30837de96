"""Points of published sets as percent of width and height, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.records.example import Point

__all__ = ["percent_points", "pixels_to_percent"]

_SLACK = 1.0
"""A click on the picture's very edge may be recorded just outside; farther out it is no percentage."""


def percent_points(values: Iterable[Mapping[str, Any]], column: str) -> tuple[Point, ...]:
    """``{x, y}`` in percent, those just outside moved to the edge. Raises DataError when they are not percent."""
    return tuple(Point(_percent(value["x"], column), _percent(value["y"], column)) for value in values)


def pixels_to_percent(
    xs: Iterable[float], ys: Iterable[float], size: tuple[int, int], column: str
) -> tuple[Point, ...]:
    """Pixels of a picture of ``size`` (width, height) as percent."""
    width, height = size
    return tuple(
        Point(_pixel("x", x, width, column), _pixel("y", y, height, column)) for x, y in zip(xs, ys, strict=True)
    )


def _pixel(axis: str, value: float, side: int, column: str) -> float:
    try:
        return _percent(100 * value / side, column)
    except DataError as error:
        raise DataError(
            f"column {column} holds the pixel {axis} = {value:g}, outside the picture, which has {side} "
            f"{'across' if axis == 'x' else 'down'}",
            field=column,
            rule="inside the picture",
            fix="is it another picture, or one of another size? fetch it again",
        ) from error


def _percent(value: float, column: str) -> float:
    if not -_SLACK <= value <= 100 + _SLACK:
        raise DataError(
            f"column {column} holds {value:g}, expected percent (0 to 100)",
            field=column,
            rule="percent",
            fix="if the set has changed to pixels, report it; if the picture is another one, fetch it again",
        )
    return min(max(float(value), 0.0), 100.0)
