"""Caption F1 and the average of the eleven as a plot: one dot a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from openmolmo.core.files import write_text
from openmolmo.core.pages import page
from openmolmo.evaluation.captions.correlation import Correlation, Pair

__all__ = ["write_correlation_page"]

_WIDTH, _HEIGHT = 680, 420  # of the drawing, in units of its own
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 16, 14, 40
_STEPS = (0.5, 1, 2, 5, 10, 20)


def write_correlation_page(pairs: Sequence[Pair], found: Correlation, notes: Sequence[str], out: Path) -> None:
    """Write the page."""
    one = np.array([pair.caption_f1 for pair in pairs])
    other = np.array([pair.average for pair in pairs])
    slope, start = np.polyfit(one, other, 1)
    across, up = _Axis(one, _LEFT, _WIDTH - _RIGHT), _Axis(other, _HEIGHT - _BOTTOM, _TOP)
    ends = [float(one.min()), float(one.max())]
    text = page(
        "openmolmo.evaluation.captions",
        "correlation.html.j2",
        title="Caption F1 and the average of eleven benchmarks",
        found=found,
        notes=notes,
        width=_WIDTH,
        height=_HEIGHT,
        floor=_HEIGHT - _BOTTOM,
        left=_LEFT,
        dots=[(pair, across.place(pair.caption_f1), up.place(pair.average)) for pair in pairs],
        line=[(across.place(end), up.place(slope * end + start)) for end in ends],
        across=[(f"{tick:g}", across.place(tick)) for tick in across.ticks],
        up=[(f"{tick:g}", up.place(tick)) for tick in up.ticks],
        pairs=sorted(pairs, key=lambda pair: -pair.average),
    )
    write_text(out, text)


class _Axis:
    """From percent to units of the drawing."""

    def __init__(self, values: np.ndarray, first: float, last: float) -> None:
        margin = 0.06 * max(float(np.ptp(values)), 1e-9)
        self._low, self._high = float(values.min()) - margin, float(values.max()) + margin
        self._first, self._last = first, last
        step = next((one for one in _STEPS if (self._high - self._low) / one <= 8), _STEPS[-1])
        self.ticks = [float(k * step) for k in range(int(-(-self._low // step)), int(self._high // step) + 1)]

    def place(self, value: float) -> float:
        share = (value - self._low) / (self._high - self._low)
        return round(float(self._first + share * (self._last - self._first)), 1)
