"""A line over the steps of a run, as SVG inside a page: no plotting package, sharp at any size."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from markupsafe import Markup

__all__ = ["curve", "log_ticks", "ticks"]

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 520, 52, 12, 10, 24
_MOST_POINTS = 500
_LEAST = 1e-3  # what is smaller is drawn here on a logarithmic scale


def curve(values: Sequence[float], *, label: str, height: int = 200, log: bool = False, colour: str = "a") -> Markup:
    """``values[i]`` over step i + 1; ``label`` says what it is to those who do not see it.

    With ``log`` the scale is logarithmic, the values are pale and their running mean is strong.
    ``colour`` ends the class ``line-…``.
    """
    series = np.asarray(values, np.float64)
    if log:
        series = np.maximum(series, _LEAST)
        marks = log_ticks(float(series.min()), float(series.max()))
    else:
        top = float(series.max())
        marks = ticks(min(float(series.min()), 0.0), top if top > 1e-9 else 1.0, 4 if height > 120 else 2)
    scale: Callable[[float], float] = math.log if log else float
    low, high = scale(marks[0]), scale(marks[-1])

    def x(step: float) -> float:
        return _LEFT + (step - 1) / max(1, len(series) - 1) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (high - scale(value)) / (high - low) * (height - _TOP - _BOTTOM)

    parts = [f'<svg class="curve" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{Markup.escape(label)}">']
    for mark in marks:
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(mark):.1f}" y2="{y(mark):.1f}"/>')
        parts.append(f'<text class="y" x="{_LEFT - 8}" y="{y(mark) + 4:.1f}">{mark:g}</text>')
    parts += [f'<text class="x" x="{x(step):.1f}" y="{height - 6}">{step:,}</text>' for step in _steps(len(series))]
    if log:
        parts.append(f'<polyline class="pale" points="{_points(series, x, y)}"/>')
    strong = _running_mean(series) if log else series
    parts.append(f'<polyline class="line-{colour}" points="{_points(strong, x, y)}"/></svg>')
    return Markup("".join(parts))


def ticks(low: float, high: float, count: int) -> list[float]:
    """About ``count`` round numbers from ``low`` or below to ``high`` or above."""
    raw = (high - low) / count
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw * 0.999)
    first = math.floor(low / step)
    return [round((first + i) * step, 12) for i in range(math.ceil(high / step - 1e-9) - first + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, 20, ... from ``low`` or below to ``high`` or above; powers of ten alone over many of them."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1.0,) if last - first > 3 else (1.0, 2.0, 5.0)
    marks = [round(factor * 10.0**power, 12) for power in range(first, last + 1) for factor in factors]
    start = max(i for i, mark in enumerate(marks) if mark <= low or i == 0)
    end = min(i for i, mark in enumerate(marks) if mark >= high * (1 - 1e-9))  # the logarithm rounds
    return marks[start : max(end, start + 1) + 1]


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
    index = np.arange(len(values))
    reach = np.minimum(np.minimum(index, len(values) - 1 - index), half)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    means: np.ndarray = (sums[index + reach + 1] - sums[index - reach]) / (2 * reach + 1)
    within: np.ndarray = np.maximum(means, values.min())  # rounding in the sums must not leave the range
    return within
