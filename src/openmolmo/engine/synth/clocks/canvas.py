"""The sheet a clock is drawn on: BGRA, alpha premultiplied, in units of the dial's radius.

The origin is the dial's centre, x to the right and y down; ``unit`` is how many pixels one
radius has. The sheet starts fully transparent, and every colour drawn on it is opaque, so that
antialiased edges come out premultiplied and can be blended over any background.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from openmolmo.core.optional import require
from openmolmo.engine.synth.clocks.palette import Colour

cv2 = require("cv2", extra="synth")

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]

__all__ = ["Canvas", "Pixels", "Points", "box", "circle", "rotated", "rounded_box", "turned"]

_SHIFT = 4  # sixteenths of a pixel
_FIXED = float(1 << _SHIFT)


class Canvas:
    """A transparent BGRA sheet around the dial's centre.

    ``extent`` is (left, top, right, bottom): how far the sheet reaches, in dial radii.
    """

    def __init__(self, extent: tuple[float, float, float, float], unit: float) -> None:
        left, top, right, bottom = extent
        self.unit = unit
        self.x0, self.y0 = left * unit, top * unit
        width, height = int((left + right) * unit) + 1, int((top + bottom) * unit) + 1
        self.pixels: Pixels = np.zeros((height, width, 4), np.uint8)
        self._scale = np.float64(unit * _FIXED)
        self._origin = np.array([self.x0 - 0.5, self.y0 - 0.5]) * _FIXED

    def fixed(self, points: Points) -> npt.NDArray[np.int32]:
        """Points (n, 2) in dial radii as OpenCV's fixed-point pixels."""
        return (points * self._scale + self._origin).astype(np.int32)

    def fill(self, points: Points, colour: Colour) -> None:
        """One polygon (n, 2) without holes."""
        cv2.fillPoly(self.pixels, [self.fixed(points)], colour, cv2.LINE_AA, _SHIFT)

    def fill_all(self, polygons: Sequence[Points] | Points, colour: Colour) -> None:
        """Many polygons at once; where two overlap there is a hole (even-odd rule)."""
        if len(polygons) == 0:
            return
        if isinstance(polygons, np.ndarray):
            cv2.fillPoly(self.pixels, self.fixed(polygons), colour, cv2.LINE_AA, _SHIFT)
            return
        # One array operation for all points, then cut into pieces again.
        joined = self.fixed(np.concatenate(polygons))
        ends = np.cumsum([len(polygon) for polygon in polygons])
        cv2.fillPoly(self.pixels, np.split(joined, ends[:-1]), colour, cv2.LINE_AA, _SHIFT)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """A filled circle."""
        self._circle(x, y, radius, colour, -1)

    def ring(self, x: float, y: float, radius: float, width: float, colour: Colour) -> None:
        """A circle line; ``radius`` is its middle."""
        self._circle(x, y, radius, colour, max(1, round(width * self.unit)))

    def _circle(self, x: float, y: float, radius: float, colour: Colour, thickness: int) -> None:
        centre = (int((x * self.unit + self.x0 - 0.5) * _FIXED), int((y * self.unit + self.y0 - 0.5) * _FIXED))
        cv2.circle(self.pixels, centre, int(radius * self.unit * _FIXED), colour, thickness, cv2.LINE_AA, _SHIFT)

    def line(self, points: Points, width: float, colour: Colour, *, closed: bool = False) -> None:
        """A line through points (n, 2)."""
        thickness = max(1, round(width * self.unit))
        cv2.polylines(self.pixels, [self.fixed(points)], closed, colour, thickness, cv2.LINE_AA, _SHIFT)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour, radius: float = 0.0) -> None:
        """A rectangle, with rounded corners where ``radius`` is given."""
        self.fill(rounded_box(x0, y0, x1, y1, radius) if radius > 0 else box(x0, y0, x1, y1), colour)

    def window(self, x0: float, y0: float, x1: float, y1: float) -> Pixels:
        """The pixels of a rectangle, as a view (may be smaller at the sheet's edge)."""
        height, width = self.pixels.shape[:2]
        left, top = max(0, int(x0 * self.unit + self.x0)), max(0, int(y0 * self.unit + self.y0))
        right, bottom = min(width, int(x1 * self.unit + self.x0) + 1), min(height, int(y1 * self.unit + self.y0) + 1)
        return self.pixels[top : max(top, bottom), left : max(left, right)]

    def shade(self, texture: Pixels, area: tuple[float, float, float, float], strength: float) -> None:
        """Lighten or darken an area (x0, y0, x1, y1) by a texture in which 128 changes nothing."""
        view = self.window(*area)
        if view.size == 0:
            return
        fitted = cv2.resize(texture, (view.shape[1], view.shape[0]), interpolation=cv2.INTER_LINEAR)
        cv2.addWeighted(view, 1.0, fitted, strength, -128.0 * strength, dst=view)


@lru_cache(maxsize=64)
def circle(count: int) -> Points:
    """A unit circle of ``count`` points, clockwise from 12."""
    angles = np.linspace(0.0, 2 * np.pi, count, endpoint=False)
    points = np.stack([np.sin(angles), -np.cos(angles)], 1)
    points.flags.writeable = False
    return points


def box(x0: float, y0: float, x1: float, y1: float) -> Points:
    """The corners of a rectangle."""
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64)


def rounded_box(x0: float, y0: float, x1: float, y1: float, radius: float) -> Points:
    """The outline of a rectangle with rounded corners."""
    radius = min(radius, (x1 - x0) / 2, (y1 - y0) / 2)
    corner = circle(32) * radius
    inner = (
        (x1 - radius, y0 + radius),
        (x1 - radius, y1 - radius),
        (x0 + radius, y1 - radius),
        (x0 + radius, y0 + radius),
    )
    parts = [corner[8 * i : 8 * i + 9] if i < 3 else np.concatenate([corner[24:], corner[:1]]) for i in range(4)]
    return np.concatenate([part + np.array(centre) for part, centre in zip(parts, inner, strict=True)])


def turned(angle: float) -> Points:
    """The matrix that turns row vectors clockwise by ``angle`` radians (y points down)."""
    c, s = float(np.cos(angle)), float(np.sin(angle))
    return np.array([[c, s], [-s, c]])


def rotated(points: Points, angle: float) -> Points:
    """Points turned clockwise about the origin."""
    result: Any = points @ turned(angle)
    return result  # type: ignore[no-any-return]
