"""The form of a dial or case: a superellipse, from round over cushion to square."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from openmolmo.engine.synth.clocks.canvas import Points

__all__ = ["ROUND", "Shape"]

_STEPS = 128


@dataclass(frozen=True, slots=True)
class Shape:
    """|x/half_width|^power + |y/half_height|^power = 1, in dial radii; power 2 is an ellipse."""

    half_width: float = 1.0
    half_height: float = 1.0
    power: float = 2.0

    @property
    def smaller(self) -> float:
        """The smaller half-size: how far a hand may reach in every direction."""
        return min(self.half_width, self.half_height)

    def grown(self, by: float) -> Shape:
        """The same form with ``by`` more on every side."""
        return Shape(self.half_width + by, self.half_height + by, self.power)

    def reach(self, angle: float) -> float:
        """The distance from the centre to the edge at an angle (radians clockwise from 12)."""
        x = abs(np.sin(angle)) / self.half_width
        y = abs(np.cos(angle)) / self.half_height
        return float((x**self.power + y**self.power) ** (-1.0 / self.power))

    def outline(self, scale: float = 1.0) -> Points:
        """The edge as a polygon, clockwise from 12."""
        return _outline(self) * scale


@lru_cache(maxsize=512)
def _outline(shape: Shape) -> Points:
    # Equal steps of the parameter, not of the angle, put points where a corner bends.
    t = np.linspace(0.0, 2 * np.pi, _STEPS, endpoint=False)
    sine, cosine = np.sin(t), np.cos(t)
    x = shape.half_width * np.sign(sine) * np.abs(sine) ** (2 / shape.power)
    y = -shape.half_height * np.sign(cosine) * np.abs(cosine) ** (2 / shape.power)
    return np.stack([x, y], 1)


ROUND = Shape()
