"""Places title, legend, axes and all texts in a figure, in pixels from its top left corner, each measured once."""

from __future__ import annotations

from typing import Any

from openmolmo.core.optional import require
from openmolmo.engine.docs.base import Box
from openmolmo.engine.docs.families.matplotlib.legend import Legend
from openmolmo.engine.docs.families.matplotlib.panels import Panel, Side, limits, tick_values, written
from openmolmo.engine.docs.families.matplotlib.words import Typeface, Words

__all__ = ["Settling"]

_PAD = 7.0  # pixels between things, and to the edge
_BAR = 0.035  # width of a bar of colours, in parts of the figure
_TICK, _GAP = 3.5, 3.5  # points: a tick's length, and from it to its number
_LEAST = 20.0  # pixels of axes, however long the names beside them are

Numbers = dict[Side, list[tuple[float, Words]]]
Edges = list[float]
"""left, top, right, bottom: what is still free of the page."""


class Settling:
    """One pass over a figure of ``width`` x ``height`` pixels; ``point``: pixels of a point.

    ``numbers``: what the numbers along the axes turned out to be, (value, words) for each that is written.
    """

    def __init__(self, figure: Any, font: Typeface, colour: str) -> None:
        self._figure, self._font, self._colour = figure, font, colour
        self._width, self._height = float(figure.bbox.width), float(figure.bbox.height)
        self._point = float(figure.dpi) / 72
        self._free: Edges = [_PAD, _PAD, self._width - _PAD, self._height - _PAD]
        self.numbers: list[tuple[float, Words]] = []

    def title(self, words: Words) -> None:
        words.x, words.y, words.down = self._width / 2, self._free[1], "top"
        self._free[1] += words.size[1] + _PAD

    def legend(self, legend: Legend, where: str) -> None:
        """``where``: "right upper", "right center", "lower center"."""
        _, top, right, bottom = self._free
        wide, tall = legend.size
        if "right" in where:
            legend.place(right - wide, top if "upper" in where else (top + bottom - tall) / 2)
            self._free[2] -= wide + _PAD
        else:
            legend.place((self._width - wide) / 2, bottom - tall)
            self._free[3] -= tall + _PAD

    def foot(self, words: Words) -> None:
        """A label under all axes."""
        words.x, words.y, words.down = self._width / 2, self._free[3], "bottom"
        self._free[3] -= words.size[1] + _PAD / 2

    def panels(self, panels: list[Panel]) -> None:
        """Side by side in what is free; where texts still run out of the page, once more with room for them."""
        for last in (False, True):
            self.numbers.clear()
            self._place(panels)
            over = self._over(panels)
            if last or max(over) <= 0:
                break
            self._free = [edge + step * by for edge, step, by in zip(self._free, (1, 1, -1, -1), over, strict=True)]
        for panel in panels:
            self._rule(panel)

    def _place(self, panels: list[Panel]) -> None:
        left, top, right, bottom = self._free
        above = max((panel.heading.size[1] + _GAP for panel in panels if panel.heading), default=0.0)
        below = max(self._below(panel) for panel in panels)
        tall = max(bottom - below - top - above, _LEAST)
        written: list[Numbers] = [
            {side: self._numbers(panel, side, tall) for side in panel.numbers if side != "x"} for panel in panels
        ]
        before = [self._beside(panel, "y", own) for panel, own in zip(panels, written, strict=True)]
        after = [self._beside(panel, "right", own) for panel, own in zip(panels, written, strict=True)]
        fixed = sum(_BAR * self._width for panel in panels if panel.narrow)
        room = right - left - sum(before) - sum(after) - 1.5 * _PAD * (len(panels) - 1) - fixed
        each = max(room / max(sum(not panel.narrow for panel in panels), 1), _LEAST)
        for panel, ahead, behind, own in zip(panels, before, after, written, strict=True):
            wide = _BAR * self._width if panel.narrow else each
            self._fill(panel, (left + ahead, top + above, left + ahead + wide, top + above + tall), own)
            left += ahead + wide + behind + 1.5 * _PAD

    def _reach(self, side: Side, panel: Panel) -> float:
        """From the axes to the texts along them."""
        has_ticks = side in panel.names or side in panel.numbers
        return (_TICK + _GAP) * self._point if has_ticks else 0.0

    def _below(self, panel: Panel) -> float:
        names = [words.size[1] for words in panel.names.get("x", ())]
        numbers = [Words(text="0", font=self._font, colour=self._colour).size[1]] if panel.numbers.get("x") else []
        label = panel.labels["x"].size[1] + _GAP if "x" in panel.labels else 0.0
        return self._reach("x", panel) + max([*names, *numbers], default=0) + label

    def _beside(self, panel: Panel, side: Side, numbers: Numbers) -> float:
        texts = [*panel.names.get(side, ()), *(words for _, words in numbers.get(side, ()) if panel.numbers[side])]
        label = panel.labels[side].size[0] + _GAP if side in panel.labels else 0.0
        return self._reach(side, panel) + max((words.size[0] for words in texts), default=0) + label

    def _numbers(self, panel: Panel, side: Side, pixels: float) -> list[tuple[float, Words]]:
        values = tick_values(limits(panel.of(side), side), pixels, self._font.size, lying=side == "x")
        return [
            (value, Words(text=text, font=self._font, colour=self._colour))
            for value, text in zip(values, written(values), strict=True)
        ]

    def _fill(self, panel: Panel, box: Box, numbers: Numbers) -> None:
        """Give axes their place, and every text along and in them."""
        left, top, right, bottom = box
        place = (left / self._width, 1 - bottom / self._height)
        size = ((right - left) / self._width, (bottom - top) / self._height)
        for axes in (panel.axes, panel.twin):
            if axes is not None:
                axes.set_position((*place, *size))
                axes.apply_aspect()
        if panel.heading:
            panel.heading.x, panel.heading.y, panel.heading.down = (left + right) / 2, top - _GAP, "bottom"
        if "x" in panel.numbers:
            numbers["x"] = self._numbers(panel, "x", right - left)
        for side in {**panel.names, **panel.numbers}:
            named = list(enumerate(panel.names.get(side, ())))
            self._along(panel, side, box, [*((float(at), words) for at, words in named), *numbers.get(side, ())])
            if panel.numbers.get(side):
                self.numbers += numbers[side]
        self._label(panel, box, numbers)
        for value in panel.values:
            x, y = value.axes.transData.transform((value.x, value.y))
            value.words.x, value.words.y = float(x) + value.right, self._height - float(y) + value.down

    def _along(self, panel: Panel, side: Side, box: Box, texts: list[tuple[float, Words]]) -> None:
        left, top, right, bottom = box
        first, last = limits(panel.of(side), side)
        off = self._reach(side, panel)
        for at, words in texts:
            part = (at - first) / (last - first)
            if side == "x":
                words.x, words.y, words.down = left + part * (right - left), bottom + off, "top"
            else:
                words.x, words.across = (left - off, "right") if side == "y" else (right + off, "left")
                words.y = bottom - part * (bottom - top)

    def _label(self, panel: Panel, box: Box, numbers: Numbers) -> None:
        left, top, right, bottom = box
        for side, words in panel.labels.items():
            if side == "x":
                words.x, words.down = (left + right) / 2, "bottom"
                words.y = bottom + self._below(panel)
                continue
            beside = self._beside(panel, side, numbers)
            words.x, words.across = (left - beside, "left") if side == "y" else (right + beside, "right")
            words.y = (top + bottom) / 2

    def _over(self, panels: list[Panel]) -> Edges:
        """Pixels by which texts run out of the page: left, top, right, bottom."""
        texts = [words for _, words in self.numbers]
        for panel in panels:
            texts += [words for own in panel.names.values() for words in own]
            texts += [*panel.labels.values(), *(value.words for value in panel.values)]
        boxes = [words.box for words in texts if words.text]
        ends = (2.0, 2.0, self._width - 2, self._height - 2)
        return [
            max((max(0.0, (ends[edge] - box[edge]) * (1 if edge < 2 else -1)) for box in boxes), default=0.0)
            for edge in range(4)
        ]

    def _rule(self, panel: Panel) -> None:
        """Ticks along the axes, and thin lines behind the marks."""
        ticks, lines = [], []
        for side in {**panel.names, **panel.numbers}:
            axes = panel.of(side)
            corners = axes.bbox
            left, right, low, high = (float(value) for value in (corners.x0, corners.x1, corners.y0, corners.y1))
            first, last = limits(axes, side)
            named = [float(at) for at in range(len(panel.names.get(side, ())))]
            pixels = (right - left) if side == "x" else (high - low)
            values = named or tick_values((first, last), pixels, self._font.size, lying=side == "x")
            long = _TICK * self._point
            for value in values:
                part = (value - first) / (last - first)
                if side == "x":
                    x = left + part * (right - left)
                    ticks.append([(x, low), (x, low - long)])
                    lines += [[(x, low), (x, high)]] if panel.grid in {"x", "both"} else []
                else:
                    y, edge, way = (
                        low + part * (high - low),
                        left if side == "y" else right,
                        1 if side == "right" else -1,
                    )
                    ticks.append([(edge, y), (edge + way * long, y)])
                    is_behind = side == "y" and panel.grid in {"y", "both"}
                    lines += [[(left, y), (right, y)]] if is_behind else []
        self._lines(panel.axes, ticks, color=self._colour, linewidths=0.8, zorder=2.01)
        self._lines(panel.axes, lines, color="#9a9a9a", linewidths=0.5, alpha=0.5, zorder=0.5)

    def _lines(self, axes: Any, segments: list[list[tuple[float, float]]], **how: Any) -> None:
        if segments:
            pixels = require("matplotlib.transforms", extra="docs").IdentityTransform()
            collections = require("matplotlib.collections", extra="docs")
            drawn = collections.LineCollection(segments, transform=pixels, clip_on=False, **how)
            drawn.set_snap(True)
            axes.add_collection(drawn, autolim=False)
