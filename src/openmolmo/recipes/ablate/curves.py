"""The loss of every arm over its steps, as one SVG inside a page: no plotting package, sharp at any size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup

from openmolmo.core.runlog import read_jsonl
from openmolmo.recipes.ablate.results import RunResult

__all__ = ["arm_curves"]

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 560, 200, 44, 24, 8
_POINTS = 200
_DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 2", "12 4")


def arm_curves(results: Sequence[RunResult], root: Path) -> Markup | None:
    """The last stage of the lowest seed of every arm; None where no log is left."""
    found: dict[str, list[float]] = {}
    for one in sorted(results, key=lambda one: -one.seed):
        stages = list(one.about.get("stages", {}).values())
        log = root / stages[-1]["folder"] / "metrics.jsonl" if stages else None
        if log is not None and log.is_file() and (rows := read_jsonl(log)):
            found[one.arm] = [row["ce" if "ce" in row else "loss"] for row in rows]
    return _draw(dict(sorted(found.items()))) if found else None


def _draw(series: dict[str, list[float]]) -> Markup:
    smooth = {name: _smooth(np.maximum(np.array(values), 1e-3)) for name, values in series.items()}
    low = math.log(min(float(values.min()) for values in smooth.values()))
    high = math.log(max(float(values.max()) for values in smooth.values()))
    high = max(high, low + 0.1)
    longest = max(len(values) for values in smooth.values())

    def place(step: int, value: float) -> str:
        x = _LEFT + step / max(1, longest - 1) * (_WIDTH - _LEFT - 8)
        y = _TOP + (high - math.log(value)) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)
        return f"{x:.1f},{y:.1f}"

    parts = [f'<svg class="curve" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="training loss of every arm">']
    for value in (math.exp(low), math.exp((low + high) / 2), math.exp(high)):
        y = float(place(0, value).split(",")[1])
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - 8}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="y" x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{value:.2g}</text>')
    parts.append(f'<text class="x" x="{_WIDTH - 8}" y="{_HEIGHT - 6}" text-anchor="end">{longest:,} steps</text>')
    for number, (name, values) in enumerate(smooth.items()):
        chosen = sorted({*np.linspace(0, len(values) - 1, _POINTS).astype(int).tolist()})
        points = " ".join(place(step, float(values[step])) for step in chosen)
        dash = _DASHES[number % len(_DASHES)]
        parts.append(
            f'<polyline class="line-{"ab"[number % 2]}" stroke-dasharray="{dash}" points="{points}">'
            f"<title>{Markup.escape(name)}</title></polyline>"
        )
        y = _TOP + 14 + 15 * number
        parts.append(
            f'<line class="line-{"ab"[number % 2]}" stroke-dasharray="{dash}" x1="{_WIDTH - 190}" x2="{_WIDTH - 160}" '
            f'y1="{y - 4}" y2="{y - 4}"/><text class="x" x="{_WIDTH - 154}" y="{y}">{Markup.escape(name)}</text>'
        )
    return Markup("".join(parts) + "</svg>")


def _smooth(values: np.ndarray) -> np.ndarray:
    """Running mean over about a thirtieth of the run."""
    width = max(1, len(values) // 30)
    padded = np.concatenate([np.full(width - 1, values[0]), values])
    made: np.ndarray = np.convolve(padded, np.ones(width) / width, mode="valid")
    return made
