"""A line over the steps of a run, as SVG inside a page: no plotting package, sharp at any size."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from markupsafe import Markup

__all__ = ["curve", "ticks"]

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 520, 52, 12, 10, 24
_MOST_POINTS = 500


def curve(values: Sequence[float], *, label: str, height: int = 200, smooth: bool = False, colour: str = "a") -> Markup:
    """``values[i]`` over step i + 1. With ``smooth`` the values are pale and their running mean is strong.

    ``label`` says what is drawn to those who do not see it; ``colour`` ends the class ``line-…``.
    """
    series = np.asarray(values, np.float64)
    strong = _running_mean(series) if smooth else series
    low, high = float(min(series.min(), strong.min(), 0.0)), float(series.max())
    high = high if high > low else low + 1.0
    marks = ticks(low, high, 4 if height > 120 else 2)
    high = max(high, marks[-1])

    def x(step: float) -> float:
        return _LEFT + (step - 1) / max(1, len(series) - 1) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (height - _TOP - _BOTTOM)

    parts = [f'<svg class="curve" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{Markup.escape(label)}">']
    for mark in marks:
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(mark):.1f}" y2="{y(mark):.1f}"/>')
        parts.append(f'<text class="y" x="{_LEFT - 8}" y="{y(mark) + 4:.1f}">{mark:g}</text>')
    parts += [f'<text class="x" x="{x(step):.1f}" y="{height - 6}">{step:,}</text>' for step in _steps(len(series))]
    if smooth:
        parts.append(f'<polyline class="pale" points="{_points(series, x, y)}"/>')
    parts.append(f'<polyline class="line-{colour}" points="{_points(strong, x, y)}"/></svg>')
    return Markup("".join(parts))


def ticks(low: float, high: float, count: int) -> list[float]:
    """About ``count`` round numbers from ``low`` or below to just past ``high``."""
    raw = (high - low) / count
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw * 0.999)
    first = math.floor(low / step)
    return [round((first + i) * step, 12) for i in range(math.ceil(high / step - 1e-9) - first + 1)]


def _steps(count: int) -> list[int]:
    """The first, the last, and round steps between."""
    between = {round(step) for step in ticks(1, count, 4) if count * 0.08 < step < count * 0.9} if count > 2 else set()
    return sorted({1, *between, count})


def _points(values: np.ndarray, x: Callable[[float], float], y: Callable[[float], float]) -> str:
    stride = max(1, len(values) // _MOST_POINTS)
    chosen = [*range(0, len(values) - 1, stride), len(values) - 1]
    return " ".join(f"{x(i + 1):.1f},{y(float(values[i])):.1f}" for i in chosen)


def _running_mean(values: np.ndarray) -> np.ndarray:
    """Mean over about a thirtieth of the run, centred, narrower at both ends."""
    half = max(0, len(values) // 60)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    reach = np.minimum(np.minimum(index, len(values) - 1 - index), half)
    means: np.ndarray = (sums[index + reach + 1] - sums[index - reach]) / (2 * reach + 1)
    return means
