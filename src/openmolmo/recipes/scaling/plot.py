"""Losses over one factor on logarithmic axes, as one SVG inside a page: the runs, the law, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from openmolmo.recipes.scaling.findings import Found, Laws
from openmolmo.recipes.scaling.fit import Point
from openmolmo.recipes.scaling.sentences import count_of

__all__ = ["panel"]

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 300, 52, 180, 12, 40
_STEPS = 60
_DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 2", "12 4")
_BEYOND = 1.15


@dataclass(frozen=True, kw_only=True)
class _Axes:
    """Logarithmic axes: smallest and largest of both."""

    x: tuple[float, float]
    y: tuple[float, float]

    def place(self, x: float, y: float) -> str:
        across = math.log(x / self.x[0]) / math.log(self.x[1] / self.x[0])
        up = math.log(y / self.y[0]) / math.log(self.y[1] / self.y[0])
        left = _LEFT + across * (_WIDTH - _LEFT - _RIGHT)
        return f"{left:.1f},{_HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM):.1f}"


def panel(found: Found, factor: str, *, far: bool = False) -> Markup | None:
    """The runs over one factor, a curve for each value of the others.

    ``far``: as far as the predictions go, one curve with its interval, at the largest values of the others; None where
    none goes beyond the runs.
    """
    if found.laws is None:
        return None
    most = {name: max(point.values[name] for point in found.points) for name in found.grid.factors}
    reach = max([one.values[factor] for one in found.laws.predictions], default=0.0)
    if far and reach <= most[factor]:
        return None
    shown = [p for p in found.points if not far or all(p.values[n] == most[n] for n in most if n != factor)]
    low = min(point.values[factor] for point in found.points) / _BEYOND
    across = np.geomspace(low, (reach if far else most[factor]) * _BEYOND, _STEPS)
    others = [most] if far else _levels(found.points, factor)
    curves = [[found.laws.law({**other, factor: float(x)}) for x in across] for other in others]
    band = _band(found.laws, most, factor, across) if far and found.laws.draws else None
    heights = [point.loss for point in shown] + [y for curve in curves for y in curve] + (band or ([], []))[0]
    heights += (band or ([], []))[1]
    axes = _Axes(
        x=(float(across[0]), float(across[-1])),
        y=(max(min(heights), 1e-6) / 1.04, max(heights) * 1.04),
    )
    parts = [
        f'<svg class="curve" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="loss over {factor}">',
        *_grid(axes, factor),
    ]
    if band is not None:
        around = [axes.place(x, y) for x, y in zip(across, band[1], strict=True)]
        around += [axes.place(x, y) for x, y in zip(across[::-1], band[0][::-1], strict=True)]
        parts.append(f'<polygon class="band" points="{" ".join(around)}"/>')
    for number, (other, curve) in enumerate(zip(others, curves, strict=True)):
        parts += _curve(axes, number, _told(other, factor), across.tolist(), curve)
    parts += [_dot(axes, point, factor) for point in shown]
    return Markup("".join(parts) + "</svg>")


def _levels(points: Sequence[Point], factor: str) -> list[Mapping[str, float]]:
    """The values that the other factors take together."""
    found = {tuple((name, v) for name, v in point.values.items() if name != factor) for point in points}
    return [dict(one) for one in sorted(found)]


def _band(laws: Laws, most: Mapping[str, float], factor: str, across: np.ndarray) -> tuple[list[float], list[float]]:
    values = np.array([[law({**most, factor: float(x)}) for x in across] for law in laws.draws])
    low, high = np.quantile(values, (0.025, 0.975), axis=0)
    return np.maximum(low, 1e-6).tolist(), high.tolist()


def _told(other: Mapping[str, float], factor: str) -> str:
    return ", ".join(f"{count_of(value)} {name}" for name, value in other.items() if name != factor) or "the law"


def _curve(axes: _Axes, number: int, name: str, across: Sequence[float], curve: Sequence[float]) -> list[str]:
    dash, colour = _DASHES[number % len(_DASHES)], "ab"[number % 2]
    points = " ".join(axes.place(x, max(y, axes.y[0])) for x, y in zip(across, curve, strict=True))
    y, safe = _TOP + 14 + 15 * number, Markup.escape(name)
    return [
        f'<polyline class="line-{colour}" stroke-dasharray="{dash}" points="{points}"><title>{safe}</title></polyline>',
        f'<line class="line-{colour}" stroke-dasharray="{dash}" x1="{_WIDTH - 170}" x2="{_WIDTH - 140}" '
        f'y1="{y - 4}" y2="{y - 4}"/><text x="{_WIDTH - 134}" y="{y}">{safe}</text>',
    ]


def _dot(axes: _Axes, point: Point, factor: str) -> str:
    x, y = axes.place(point.values[factor], point.loss).split(",")
    said = Markup.escape(f"{point.arm}, seed {point.seed}: {point.loss:.3f}")
    return f'<circle cx="{x}" cy="{y}" r="3"><title>{said}</title></circle>'


def _grid(axes: _Axes, factor: str) -> list[str]:
    parts = []
    for value in np.geomspace(*axes.y, 5)[1:-1]:
        y = axes.place(axes.x[0], float(value)).split(",")[1]
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{float(y) + 4}" text-anchor="end">{value:.3g}</text>')
    for value in _ticks(*axes.x):
        x = axes.place(value, axes.y[0]).split(",")[0]
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text x="{x}" y="{_HEIGHT - 24}" text-anchor="middle">{count_of(value)}</text>')
    parts.append(f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 6}" text-anchor="end">{factor}</text>')
    parts.append(f'<text x="{_LEFT}" y="{_HEIGHT - 6}">nats a token</text>')
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """Round values: 1, 2 and 5 times powers of ten, or every power where that would be many."""
    steps = (1, 2, 5) if high / low < 200 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
