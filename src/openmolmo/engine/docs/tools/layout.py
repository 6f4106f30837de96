"""Faults of a layout that its boxes show: texts that run out of the page, texts that lie on each other."""

from __future__ import annotations

from collections.abc import Sequence

from openmolmo.engine.docs.base import Box, Chart, Mark
from openmolmo.engine.docs.failures import RenderError

__all__ = ["refuse_bad_layout", "tie_to_chart", "union"]

SLACK = 1.5
"""Pixels that a text may stand over the edge: the rounding of a page's size, and side bearings without ink."""
COVERED = 0.25
"""The part of the smaller of two texts that may be covered: line boxes of close lines touch."""


def union(boxes: Sequence[Box]) -> Box:
    """The smallest box around all."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def refuse_bad_layout(tool: str, marks: Sequence[Mark], width: int, height: int) -> None:
    """Raise where a text runs out of the page or two texts lie on each other; a node may hold texts.

    A text that holds the other is the same thing seen twice (a cell and its words).
    """
    texts = sorted((mark for mark in marks if mark.text.strip()), key=lambda mark: mark.box[1])
    for mark in texts:
        left, top, right, bottom = mark.box
        if left < -SLACK or top < -SLACK or right > width + SLACK or bottom > height + SLACK:
            raise RenderError(tool, f"the text {mark.text!r} runs out of the page ({width} x {height} pixels)")
    lines = [mark for mark in texts if mark.role != "node"]
    for place, one in enumerate(lines):
        for other in lines[place + 1 :]:
            if other.box[1] >= one.box[3]:
                break
            same = one.text in other.text or other.text in one.text
            if not same and _covered(one.box, other.box) > COVERED:
                raise RenderError(tool, f"the texts {one.text!r} and {other.text!r} lie on each other")


def _covered(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / max(smaller, 1e-9)


def tie_to_chart(marks: Sequence[Mark], chart: Chart) -> tuple[Mark, ...]:
    """Say of the names along an axis, in a legend, over a small chart, which category or series they name.

    Other texts of a legend are the numbers of a scale of colours.
    """
    return tuple(_tied(mark, chart) for mark in marks)


def _tied(mark: Mark, chart: Chart) -> Mark:
    name, role, datum = mark.text.strip(), mark.role, dict(mark.datum)
    if role in {"title", "label"} and chart.form == "small_multiples" and name in chart.series:
        role, datum = "legend", {"series": chart.series.index(name)}
    elif role == "legend" and name in chart.series and chart.form not in {"pie", "donut"}:
        datum = {"series": chart.series.index(name)}
    elif role in {"axis", "legend"} and name in chart.categories:
        datum = {"category": chart.categories.index(name)}
    elif role == "axis" and chart.form == "heat_map" and name in chart.series:
        datum = {"series": chart.series.index(name)}
    elif role == "legend":
        role = "scale"
    return Mark(role=role, box=mark.box, text=mark.text, datum=datum)
