"""Axes that draw their marks and their frame only, and what stands along them: names, numbers, labels, grid.

Matplotlib's own axes lay out every number four times, and make three lines and two texts for it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from openmolmo.core.optional import require
from openmolmo.engine.docs.families.matplotlib.words import Words

__all__ = ["Panel", "Side", "Value", "limits", "plain_axes", "tick_values", "written"]

Side = Literal["x", "y", "right"]

_STEPS = (1, 2, 2.5, 5, 10)
_MOST = 9  # steps of an axis
_NEAR = 1e-9  # part of an axis that a number may lie beyond its end, by rounding


@dataclass(slots=True, kw_only=True)
class Value:
    """A number that stands ``right`` and ``down`` pixels from (x, y) in units of its axes."""

    axes: Any
    x: float
    y: float
    right: float
    down: float
    words: Words


@dataclass(slots=True, kw_only=True)
class Panel:
    """One pair of axes, with a second (``twin``) that has its numbers on the right."""

    axes: Any
    twin: Any = None
    narrow: bool = False
    """A bar of colours, with its numbers on the right."""
    names: dict[Side, list[Words]] = field(default_factory=dict)
    numbers: dict[Side, bool] = field(default_factory=dict)
    """Sides with ticks at round numbers, and whether the numbers are written."""
    labels: dict[Side, Words] = field(default_factory=dict)
    heading: Words | None = None
    grid: str = ""
    values: list[Value] = field(default_factory=list)

    def of(self, side: Side) -> Any:
        """The axes whose numbers stand on that side."""
        return self.twin if side == "right" and self.twin is not None else self.axes


@functools.cache
def _plain() -> Any:
    """Axes without the lists of ticks, which take half of the time that making axes does."""
    axis, axes = require("matplotlib.axis", extra="docs"), require("matplotlib.axes", extra="docs")
    no_ticks: dict[str, Any] = {"majorTicks": (), "minorTicks": ()}
    across, up = type("PlainX", (axis.XAxis,), dict(no_ticks)), type("PlainY", (axis.YAxis,), dict(no_ticks))

    def with_plain_axis(self: Any) -> None:
        self.xaxis, self.yaxis = across(self, clear=False), up(self, clear=False)
        for side, own in (("bottom", self.xaxis), ("top", self.xaxis), ("left", self.yaxis), ("right", self.yaxis)):
            self.spines[side].register_axis(own)

    return type("PlainAxes", (axes.Axes,), {"_init_axis": with_plain_axis})


def plain_axes(figure: Any, **how: Any) -> Any:
    """New axes of a figure, to be placed later; the names and numbers along them are drawn by us."""
    made = _plain()(figure, (0.1, 0.1, 0.8, 0.8), **how)
    figure.add_axes(made)
    for spine in made.spines.values():
        spine.set_position(("outward", 0.0))  # which ticks would have asked for
    made.xaxis.set_visible(False)
    made.yaxis.set_visible(False)
    return made


def limits(axes: Any, side: Side) -> tuple[float, float]:
    """Where an axis starts and ends, in its own units; the start may be the larger."""
    first, last = axes.get_xlim() if side == "x" else axes.get_ylim()
    return float(first), float(last)


def tick_values(ends: tuple[float, float], pixels: float, size: float, *, lying: bool) -> list[float]:
    """Round numbers along ``pixels`` of an axis for letters of ``size`` pixels, as many as have room."""
    ticker = require("matplotlib.ticker", extra="docs")
    low, high = sorted(ends)
    most = int(np.clip(pixels / (size * (3 if lying else 2)), 1, _MOST))
    while True:
        found = ticker.MaxNLocator(nbins=most, steps=_STEPS).tick_values(low, high)
        slack = _NEAR * (high - low)
        kept = [float(value) for value in found if low - slack <= value <= high + slack]
        letters = sum(len(text) + 2 for text in written(kept))
        if not lying or most == 1 or letters * size * 0.6 < pixels:
            return kept
        most -= 1


def written(values: list[float]) -> list[str]:
    """The numbers with as many decimals as the one that needs most."""
    places = next((n for n in range(6) if all(abs(v - round(v, n)) < 1e-6 * max(1.0, abs(v)) for v in values)), 6)
    return [f"{value:.{places}f}".replace("-", "\N{MINUS SIGN}") for value in values]
