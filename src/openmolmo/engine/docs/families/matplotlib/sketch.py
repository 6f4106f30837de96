"""A figure under way, and what in it shall be found again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from openmolmo.core.optional import require
from openmolmo.engine.docs.base import Chart
from openmolmo.engine.docs.families.matplotlib.legend import Legend
from openmolmo.engine.docs.families.matplotlib.panels import Panel, Side, Value, plain_axes
from openmolmo.engine.docs.families.matplotlib.settle import Settling
from openmolmo.engine.docs.families.matplotlib.words import Words, typeface
from openmolmo.engine.docs.worlds.colours import hexes

__all__ = ["Sketch"]

_FORE = {"white": "#222222", "grey": "#222222", "cream": "#3b2f1e", "dark": "#e8e8e8"}
_BACK = {"white": "#ffffff", "grey": "#ebebf0", "cream": "#fbf6ea", "dark": "#22262e"}
_LONG = 46  # letters along an axis that stand beside each other in one figure


class Sketch:
    """The figure, its chart and style, and the marks so far: (role, artist, text, datum)."""

    def __init__(self, chart: Chart, style: Mapping[str, Any]) -> None:
        self.chart, self.style = chart, style
        matplotlib = require("matplotlib", extra="docs")
        figure = require("matplotlib.figure", extra="docs")
        self.fore, self.back = _FORE[style["ground"]], _BACK[style["ground"]]
        settings = {
            "axes.edgecolor": self.fore,
            "axes.facecolor": self.back,
            "axes.spines.top": style["spines"],
            "axes.spines.right": style["spines"],
        }
        self.settings = matplotlib.rc_context(settings)
        self.figure = figure.Figure(figsize=(style["width"], style["height"]), dpi=style["dpi"], facecolor=self.back)
        self.marks: list[tuple[str, Any, str, dict[str, Any]]] = []
        self.panels: list[Panel] = []
        self._point = style["dpi"] / 72  # pixels
        self._title: Words | None = None
        self._legend: Legend | None = None
        self._foot: Words | None = None

    def words(self, text: str, size: float = 1.0, *, bold: bool = False, **how: Any) -> Words:
        """A text in the chart's font; ``size``: in parts of its size."""
        font = typeface(self.style["font"], round(self.style["size"] * size * self._point, 2), bold=bold)
        return Words(text=text, font=font, **{"colour": self.fore, **how})

    def colours(self) -> tuple[str, ...]:
        """One for each name in the chart's colours, "#rrggbb"."""
        return hexes(self.chart.colours, self.style["palette"])

    def mark(self, role: str, artist: Any, text: str = "", **datum: Any) -> None:
        """Remember something that is drawn."""
        self.marks.append((role, artist, text, datum))

    def axes(self, **how: Any) -> Any:
        """New axes beside those that are there."""
        axes = plain_axes(self.figure, **how)
        self.panels.append(Panel(axes=axes))
        return axes

    def twin(self) -> Any:
        """Axes over the last ones, with numbers of their own on the right."""
        panel = self.panels[-1]
        panel.twin = plain_axes(self.figure, sharex=panel.axes)
        panel.twin.patch.set_visible(False)
        return panel.twin

    def bar(self, image: Any) -> None:
        """The colours of a heat map beside it, with their numbers."""
        low, high = image.get_clim()
        axes = self.axes()
        rows = [[low + (high - low) * step / 255] for step in range(256)]
        axes.imshow(rows, cmap=image.get_cmap(), aspect="auto", origin="lower", extent=(0, 1, low, high))
        axes.spines[:].set_visible(True)
        panel = self.panels[-1]
        panel.narrow, panel.numbers = True, {"right": True}
        self._label(panel, "right", self.y_title())

    def settle(self) -> None:
        """Give everything its place, once all of it is there."""
        settling = Settling(self.figure, self.words("").font, self.fore)
        if self._title:
            settling.title(self._title)
        if self._legend:
            settling.legend(self._legend, self.style["legend"])
        if self._foot:
            settling.foot(self._foot)
        settling.panels(self.panels)
        for value, words in settling.numbers:
            self.mark("axis", words, words.text, tick=value)

    def title(self) -> None:
        """The chart's title over everything."""
        self._title = self.words(self.chart.title, 1.25, bold=self.style["weight"] == "bold")
        self.mark("title", self._title, self.chart.title)

    def foot(self, text: str) -> None:
        """A label under all axes."""
        self._foot = self.words(text)
        self.mark("label", self._foot, text)

    def heading(self, text: str, **datum: Any) -> None:
        """Over the last axes."""
        self.panels[-1].heading = words = self.words(text)
        self.mark("legend", words, text, **datum)

    def rectangle(self, axes: Any, bar: Any, series: int, category: int) -> None:
        """Remember a bar by its corners."""
        left, low, right, high = (float(value) for value in bar.get_bbox().extents)
        self.mark("bar", (axes, left, low, right, high), series=series, category=category)

    def value(  # noqa: PLR0913  (a place, whose it is, and how it stands there)
        self, axes: Any, x: float, y: float, series: int, category: int, *, xytext: tuple[float, float],
        ha: str, va: str, rotation: int = 0, color: str = "",
    ) -> None:  # fmt: skip
        """A number beside its mark, where this chart prints numbers; ``xytext``: points to the right and up."""
        if not self.chart.shown:
            return
        shown = self.chart.shown[series][category]
        if shown:
            colour = color or self.fore
            words = self.words(shown, 0.85, across=ha, down=va, upright=rotation == 90, colour=colour)
            right, up = (value * self._point for value in xytext)
            self._panel(axes).values.append(Value(axes=axes, x=x, y=y, right=right, down=-up, words=words))
            self.mark("value", words, shown, series=series, category=category)

    def names(self, axes: Any, labels: Sequence[str], key: str, *, upright: bool = False, room: float = 1.0) -> None:
        """The names along the x axis (``upright``: the y axis), turned where they are too long."""
        longest = max(map(len, labels))
        per_name = _LONG * room * (self.style["width"] / 6.0) * (10 / self.style["size"]) * 1.25 / len(labels)
        is_turned = not upright and longest + 1.5 > per_name
        words = [self.words(label, upright=is_turned) for label in labels]
        self._panel(axes).names["y" if upright else "x"] = words
        for place, one in enumerate(words):
            self.mark("axis", one, one.text, **{key: place})

    def labels(self, axes: Any, x: str, y: str) -> None:
        """The titles of the axes; empty ones are left out."""
        panel = self._panel(axes)
        if x:
            self._label(panel, "x", x)
        if y:
            self._label(panel, "right" if axes is panel.twin else "y", y)

    def _label(self, panel: Panel, side: Side, text: str) -> None:
        panel.labels[side] = words = self.words(text, upright=side != "x")
        self.mark("label", words, text)

    def _panel(self, axes: Any) -> Panel:
        return next(panel for panel in self.panels if axes in (panel.axes, panel.twin))

    def y_title(self) -> str:
        """The measure with its unit."""
        return f"{self.chart.y_label} ({self.chart.unit})" if self.chart.unit else self.chart.y_label

    def legend(self, handles: Sequence[Any], names: Sequence[str], key: str = "series") -> None:
        """A legend outside the axes, so that it lies on no mark."""
        where = self.style["legend"]
        columns = 1 if "right" in where else min(len(names), 3 if max(map(len, names)) < 14 else 2)
        words = [self.words(name, 0.9) for name in names]
        frame = self.fore if self.style["frame"] else None
        self._legend = Legend(self.figure, handles, words, columns, back=self.back, frame=frame)
        for place, one in enumerate(words):
            self.mark("legend", one, one.text, **{key: place})

    def grid(self, axes: Any, which: str = "y", *, always: bool = False) -> None:
        """Thin lines behind the marks, where the style has them."""
        if self.style["grid"] or always:
            panel = self._panel(axes)
            panel.grid = "both" if panel.grid not in {"", which} else which

    def numbers(self, axes: Any, *, upright: bool = True, shown: bool = True) -> None:
        """Round numbers along an axis; not ``shown``: ticks only."""
        panel = self._panel(axes)
        panel.numbers[("right" if axes is panel.twin else "y") if upright else "x"] = shown
