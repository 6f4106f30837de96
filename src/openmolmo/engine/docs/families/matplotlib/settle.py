"""Places title, legend and axes in a figure in one pass, where Matplotlib's own layout takes half of the time.

Everything outside the axes is measured once; the axes get what is left. Should a number along an axis change with
the new size and run out of the page, the tool sees it and refuses the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from openmolmo.core.optional import require

__all__ = ["settle"]

_PAD = 7.0  # pixels between things, and to the edge
_BAR = 0.035  # width of a bar of colours, in parts of the figure


def settle(figure: Any, panels: Sequence[Sequence[Any]], *, legend: Any, where: str, foot: Any, bar: bool) -> None:
    """``panels``: axes side by side, twins together; ``bar``: the last one is a bar of colours, and narrow.

    ``where``: the legend's place ("right upper", "right center", "lower center"); ``foot``: a label under all axes.
    """
    canvas = require("matplotlib.backends.backend_agg", extra="docs").FigureCanvasAgg(figure)
    renderer = canvas.get_renderer()
    width, height = float(figure.bbox.width), float(figure.bbox.height)
    left, bottom, right, top = _PAD, _PAD, width - _PAD, height - _PAD
    if figure._suptitle is not None:
        figure._suptitle.set(y=top / height, va="top")
        top -= figure._suptitle.get_window_extent(renderer).height + _PAD
    if legend is not None:
        size = legend.get_window_extent(renderer)
        if "right" in where:
            y = top if "upper" in where else (top + bottom) / 2 + size.height / 2
            _anchor(legend, "upper right", right / width, y / height)
            right -= size.width + _PAD
        else:
            _anchor(legend, "lower center", 0.5, bottom / height)
            bottom += size.height + _PAD
    if foot is not None:
        foot.set(y=bottom / height, va="bottom")
        bottom += foot.get_window_extent(renderer).height + _PAD / 2
    _place(panels, renderer, (left, bottom, right, top), (width, height), bar=bar)


def _anchor(legend: Any, corner: str, x: float, y: float) -> None:
    legend.set_loc(corner)
    legend.set_bbox_to_anchor((x, y))
    legend.borderaxespad = 0.0


def _place(
    panels: Sequence[Sequence[Any]],
    renderer: Any,
    region: tuple[float, float, float, float],
    size: tuple[float, float],
    *,
    bar: bool,
) -> None:
    left, bottom, right, top = region
    outside = [_overhang(axes, renderer) for axes in panels]
    below, above = max(item[1] for item in outside), max(item[3] for item in outside)
    room = right - left - sum(item[0] + item[2] for item in outside) - 1.5 * _PAD * (len(panels) - 1)
    fixed = _BAR * size[0] if bar else 0.0
    each = (room - fixed) / (len(panels) - bar)
    x = left
    for number, (axes, (before, _, after, _)) in enumerate(zip(panels, outside, strict=True)):
        x += before
        wide = fixed if bar and number == len(panels) - 1 else each
        tall = top - bottom - below - above
        for one in axes:
            one.set_position((x / size[0], (bottom + below) / size[1], max(wide, 1) / size[0], max(tall, 1) / size[1]))
        x += wide + after + 1.5 * _PAD


def _overhang(axes: Sequence[Any], renderer: Any) -> tuple[float, float, float, float]:
    """Pixels that labels reach out of the axes: left, below, right, above."""
    inner = axes[0].bbox
    outer = [one.get_tightbbox(renderer) for one in axes]
    return (
        max(0.0, float(inner.x0 - min(box.x0 for box in outer))),
        max(0.0, float(inner.y0 - min(box.y0 for box in outer))),
        max(0.0, float(max(box.x1 for box in outer) - inner.x1)),
        max(0.0, float(max(box.y1 for box in outer) - inner.y1)),
    )
