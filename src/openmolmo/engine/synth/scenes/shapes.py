"""Outlines of the shapes in a unit box: x to the right, y down, both in [-1, 1].

A shape is a list of parts painted one after the other: ``(+1, polygon)`` adds, ``(-1, polygon)``
cuts out. Details (a door, an eye) are painted in a contrasting tone on top.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import cos, pi, sin, tau

import numpy as np
import numpy.typing as npt

__all__ = ["Outline", "outline"]

Polygon = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Outline:
    """Parts (sign, (n, 2) polygon) and detail polygons of one shape."""

    parts: tuple[tuple[int, Polygon], ...]
    details: tuple[Polygon, ...] = ()


def _polygon(*points: tuple[float, float]) -> Polygon:
    return np.array(points, np.float32)


def _oval(x: float, y: float, rx: float, ry: float | None = None, steps: int = 40) -> Polygon:
    ry = rx if ry is None else ry
    return _polygon(*((x + rx * cos(tau * i / steps), y + ry * sin(tau * i / steps)) for i in range(steps)))


def _regular(corners: int, radius: float = 1.0, start: float = -pi / 2) -> Polygon:
    return _polygon(
        *((radius * cos(start + tau * i / corners), radius * sin(start + tau * i / corners)) for i in range(corners))
    )


def _box(left: float, top: float, right: float, bottom: float) -> Polygon:
    return _polygon((left, top), (right, top), (right, bottom), (left, bottom))


def _star() -> Polygon:
    angles = [-pi / 2 + pi * i / 5 for i in range(10)]
    return _polygon(
        *(((1.05, 0.47)[i % 2] * cos(a), 0.05 + (1.05, 0.47)[i % 2] * sin(a)) for i, a in enumerate(angles))
    )


def _heart() -> Polygon:
    angles = [tau * i / 48 for i in range(48)]
    return _polygon(
        *((sin(a) ** 3, -(13 * cos(a) - 5 * cos(2 * a) - 2 * cos(3 * a) - cos(4 * a)) / 16 - 0.12) for a in angles)
    )


def _crescent() -> Polygon:
    outer = [(0.15 + cos(a), sin(a)) for a in np.linspace(0.9, tau - 0.9, 36)]
    x, y = outer[-1]
    end = np.arctan2(y, x - 0.55)
    radius = float(np.hypot(x - 0.55, y))
    inner = [(0.55 + radius * cos(a), radius * sin(a)) for a in np.linspace(end, end - (tau + 2 * end), 28)]
    return _polygon(*outer, *inner[1:-1])


def _leaf() -> Polygon:
    t = np.linspace(0, 1, 24)
    bulge = 0.62 * np.sin(pi * t) ** 0.8
    upper = np.stack([-0.95 + 1.75 * t, -bulge], 1)
    lower = np.stack([-0.95 + 1.75 * t, bulge], 1)[::-1]
    turn = np.array([[cos(-0.7), -sin(-0.7)], [sin(-0.7), cos(-0.7)]])
    return np.asarray(np.concatenate([upper, lower]) @ turn.T, np.float32)


_MAKERS: dict[str, tuple[tuple[tuple[int, Polygon], ...], tuple[Polygon, ...]]] = {
    "circle": (((1, _oval(0, 0, 0.92)),), ()),
    "square": (((1, _box(-0.84, -0.84, 0.84, 0.84)),), ()),
    "triangle": (((1, _polygon((0, -0.95), (1.0, 0.8), (-1.0, 0.8))),), ()),
    "star": (((1, _star()),), ()),
    "heart": (((1, _heart()),), ()),
    "hexagon": (((1, _regular(6, 1.0, 0.0)),), ()),
    "diamond": (((1, _polygon((0, -1.05), (0.72, 0), (0, 1.05), (-0.72, 0))),), ()),
    "cross": (((1, _box(-0.34, -0.98, 0.34, 0.98)), (1, _box(-0.98, -0.34, 0.98, 0.34))), ()),
    "moon": (((1, _crescent()),), ()),
    "ring": (((1, _oval(0, 0, 0.98)), (-1, _oval(0, 0, 0.5))), ()),
    "arrow": (
        (
            (
                1,
                _polygon((-1.0, -0.3), (0.1, -0.3), (0.1, -0.8), (1.02, 0), (0.1, 0.8), (0.1, 0.3), (-1.0, 0.3)),
            ),
        ),
        (),
    ),
    "cloud": (
        (
            (1, _oval(-0.55, 0.2, 0.45)),
            (1, _oval(0.58, 0.22, 0.42)),
            (1, _oval(-0.12, -0.2, 0.52)),
            (1, _oval(0.32, -0.08, 0.42)),
            (1, _box(-0.55, 0.1, 0.58, 0.645)),
        ),
        (),
    ),
    "flower": (
        (
            *((1, _oval(0.56 * cos(tau * i / 6), 0.56 * sin(tau * i / 6), 0.4)) for i in range(6)),
            (1, _oval(0, 0, 0.45)),
        ),
        (_oval(0, 0, 0.27),),
    ),
    "house": (
        ((1, _polygon((0, -1.0), (1.0, -0.15), (-1.0, -0.15))), (1, _box(-0.76, -0.15, 0.76, 0.92))),
        (_box(-0.22, 0.3, 0.22, 0.92), _box(0.38, 0.02, 0.64, 0.26)),
    ),
    "fish": (
        ((1, _oval(-0.18, 0, 0.8, 0.55)), (1, _polygon((0.38, 0), (1.02, -0.58), (0.9, 0), (1.02, 0.58)))),
        (_oval(-0.62, -0.12, 0.1, steps=16),),
    ),
    "mushroom": (
        (
            (1, _polygon(*((0.98 * cos(a), 0.05 + 0.95 * sin(a)) for a in np.linspace(pi, tau, 26)))),
            (1, _polygon((-0.3, 0.0), (0.3, 0.0), (0.38, 0.95), (-0.38, 0.95))),
        ),
        (_box(-0.95, 0.0, 0.95, 0.1),),
    ),
    "mug": (
        (
            (1, _oval(0.55, 0.0, 0.48, 0.5)),
            (-1, _oval(0.55, 0.0, 0.25, 0.28)),
            (1, _box(-0.85, -0.85, 0.52, 0.88)),
        ),
        (_box(-0.85, -0.85, 0.52, -0.68),),
    ),
    "key": (
        (
            (1, _oval(-0.55, 0, 0.47)),
            (1, _box(-0.3, -0.15, 1.02, 0.15)),
            (1, _box(0.72, 0, 0.98, 0.52)),
            (1, _box(0.34, 0, 0.58, 0.42)),
            (-1, _oval(-0.58, 0, 0.2, steps=24)),
        ),
        (),
    ),
    "leaf": (
        ((1, _leaf()), (1, _polygon((-0.5, 0.42), (-0.95, 0.92), (-0.83, 1.0), (-0.4, 0.52)))),
        (_polygon((-0.52, 0.5), (0.42, -0.42), (0.44, -0.38), (-0.48, 0.55)),),
    ),
    "bolt": (
        (
            (
                1,
                _polygon(
                    (0.2, -1.05), (-0.62, 0.16), (-0.1, 0.16), (-0.32, 1.05), (0.62, -0.26), (0.06, -0.26), (0.5, -1.05)
                ),
            ),
        ),
        (),
    ),
    "tree": (
        (
            (1, _polygon((0, -1.05), (0.58, -0.35), (-0.58, -0.35))),
            (1, _polygon((0, -0.65), (0.74, 0.12), (-0.74, 0.12))),
            (1, _polygon((0, -0.25), (0.9, 0.62), (-0.9, 0.62))),
            (1, _box(-0.17, 0.6, 0.17, 1.0)),
        ),
        (_box(-0.17, 0.62, 0.17, 1.0),),
    ),
    "boat": (
        (
            (1, _polygon((-1.0, 0.4), (1.0, 0.4), (0.62, 0.9), (-0.62, 0.9))),
            (1, _box(-0.06, -1.0, 0.06, 0.42)),
            (1, _polygon((0.02, -0.98), (0.82, 0.26), (0.02, 0.26))),
            (1, _polygon((-0.02, -0.7), (-0.02, 0.26), (-0.66, 0.26))),
        ),
        (_box(-0.07, -1.0, 0.03, 0.4),),
    ),
}


@cache
def outline(shape: str) -> Outline:
    """The outline of a shape of the vocabulary."""
    parts, details = _MAKERS[shape]
    return Outline(parts, details)
