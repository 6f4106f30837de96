"""What charts of every tool vary in: size, ground, fonts, grid, place of the legend, numbers at the marks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from openmolmo.engine.docs.base import Chart
from openmolmo.engine.docs.worlds.colours import hexes
from openmolmo.engine.docs.worlds.language import NumberFormat, one

__all__ = ["ChartLook", "axis_title", "colours_of", "draw_look", "grouped_numbers", "label_angle", "place_numbers"]

GROUNDS = ("#ffffff", "#ffffff", "#ffffff", "#fafafa", "#fdf6e3", "#f1f5f9", "#fff8f0")
INKS = ("#222222", "#000000", "#333a45", "#4a3f35")
FONTS = ("DejaVu Sans", "DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartLook:
    """Sizes in units of the picture at scale 1."""

    width: int
    height: int
    scale: float
    ground: str
    ink: str
    font: str
    size: int
    grid: bool
    legend: str
    labels: bool
    palette: int
    anchor: str
    rounded: int


def draw_look(rng: np.random.Generator, chart: Chart) -> ChartLook:
    """Wide enough for the chart's names."""
    longest = max((len(name) for name in chart.categories), default=1)
    room = len(chart.categories) * max(34, min(longest, 12) * 7)
    return ChartLook(
        width=max(int(rng.integers(300, 560)), room),
        height=int(rng.integers(220, 400)),
        scale=one(rng, (1.0, 1.0, 1.25, 1.5, 2.0)),
        ground=one(rng, GROUNDS),
        ink=one(rng, INKS),
        font=one(rng, FONTS),
        size=int(rng.integers(11, 14)),
        grid=bool(rng.random() < 0.6),
        legend=one(rng, ("right", "top", "bottom", "right")),
        labels=bool(rng.random() < 0.5),
        palette=int(rng.integers(3)),
        anchor=one(rng, ("start", "middle", "middle")),
        rounded=one(rng, (0, 0, 3)),
    )


def colours_of(chart: Chart, look: ChartLook) -> list[str]:
    """Of the series, or of the slices of a pie."""
    return list(hexes(chart.colours, look.palette))


def axis_title(chart: Chart) -> str:
    """The measure with its unit, if it has one."""
    return f"{chart.y_label} ({chart.unit})" if chart.unit else chart.y_label


def label_angle(chart: Chart, look: ChartLook) -> int:
    """Degrees by which the names along an axis are turned, so that none lies on its neighbour."""
    room = look.width / max(len(chart.categories), 1)
    longest = max((len(name) for name in chart.categories), default=1) * look.size * 0.66
    if longest < room - 4:
        return 0
    return -40 if 0.8 * longest < room else -90


def grouped_numbers(language: str) -> NumberFormat:
    """The format of a language with thousands set apart; it reads numbers without as well."""
    decimal, group = {"en": (".", ","), "fr": (",", " ")}.get(language, (",", "."))
    return NumberFormat(language=language, decimal=decimal, group=group)


def place_numbers(chart: Chart, language: str) -> list[float]:
    """The x of each point of a scatter chart."""
    found = [grouped_numbers(language).parse(text.replace("\u00a0", " ")) for text in chart.order]
    assert all(number is not None for number in found), chart.order
    return [float(number or 0.0) for number in found]
