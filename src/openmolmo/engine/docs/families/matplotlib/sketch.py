"""A figure under way, and what in it shall be found again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from openmolmo.core.optional import require
from openmolmo.engine.docs.base import Chart
from openmolmo.engine.docs.families.matplotlib.settle import settle
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
        self._settings = {
            "font.family": [style["font"]],  # one: every further one is looked up for every text
            "font.size": style["size"],
            "text.color": self.fore,
            "axes.labelcolor": self.fore,
            "axes.edgecolor": self.fore,
            "xtick.color": self.fore,
            "ytick.color": self.fore,
            "axes.facecolor": self.back,
            "axes.spines.top": style["spines"],
            "axes.spines.right": style["spines"],
            "svg.hashsalt": "openmolmo",
        }
        self.settings = matplotlib.rc_context(self._settings)
        self.figure = figure.Figure(figsize=(style["width"], style["height"]), dpi=style["dpi"], facecolor=self.back)
        self.marks: list[tuple[str, Any, str, dict[str, Any]]] = []
        self.panels: list[list[Any]] = []
        self._legend: Any = None
        self.foot: Any = None
        self.bar = False

    def colours(self) -> tuple[str, ...]:
        """One for each name in the chart's colours, "#rrggbb"."""
        return hexes(self.chart.colours, self.style["palette"])

    def mark(self, role: str, artist: Any, text: str = "", **datum: Any) -> None:
        """Remember something that is drawn."""
        self.marks.append((role, artist, text, datum))

    def axes(self) -> Any:
        """The one pair of axes of a plain chart."""
        axes = self.figure.subplots()
        self.panels.append([axes])
        return axes

    def settle(self) -> None:
        """Give everything its place, once all of it is there."""
        settle(self.figure, self.panels, legend=self._legend, where=self.style["legend"], foot=self.foot, bar=self.bar)

    def title(self) -> None:
        """The chart's title over everything."""
        text = self.figure.suptitle(self.chart.title, fontsize=self.style["size"] * 1.25, weight=self.style["weight"])
        self.mark("title", text, self.chart.title)

    def value(self, axes: Any, x: float, y: float, series: int, category: int, **how: Any) -> None:
        """A number beside its mark, where this chart prints numbers."""
        if not self.chart.shown:
            return
        shown = self.chart.shown[series][category]
        if shown:
            text = axes.annotate(shown, (x, y), textcoords="offset points", fontsize=self.style["size"] * 0.85, **how)
            self.mark("value", text, shown, series=series, category=category)

    def names(self, axes: Any, labels: Sequence[str], key: str, *, upright: bool = False, room: float = 1.0) -> None:
        """The names along the x axis (``upright``: the y axis), turned where they are too long."""
        axis = axes.yaxis if upright else axes.xaxis
        axis.set_ticks(range(len(labels)), labels)
        longest = max(map(len, labels))
        per_name = _LONG * room * (self.style["width"] / 6.0) * (10 / self.style["size"]) * 1.25 / len(labels)
        if not upright and longest + 1.5 > per_name:
            for text in axis.get_ticklabels():
                text.set_rotation(90)
        for place, text in enumerate(axis.get_ticklabels()):
            self.mark("axis", text, labels[place], **{key: place})

    def labels(self, axes: Any, x: str, y: str) -> None:
        """The titles of the axes; empty ones are left out."""
        if x:
            self.mark("label", axes.set_xlabel(x), x)
        if y:
            self.mark("label", axes.set_ylabel(y), y)

    def y_title(self) -> str:
        """The measure with its unit."""
        return f"{self.chart.y_label} ({self.chart.unit})" if self.chart.unit else self.chart.y_label

    def legend(self, handles: Sequence[Any], names: Sequence[str], key: str = "series") -> None:
        """A legend outside the axes, so that it lies on no mark."""
        where = self.style["legend"]
        columns = 1 if "right" in where else min(len(names), 3 if max(map(len, names)) < 14 else 2)
        legend = self.figure.legend(
            handles, names, loc="upper right", ncols=columns, frameon=self.style["frame"], facecolor=self.back,
            edgecolor=self.fore, fontsize=self.style["size"] * 0.9,
        )  # fmt: skip
        self._legend = legend
        for place, text in enumerate(legend.get_texts()):
            self.mark("legend", text, names[place], **{key: place})

    def grid(self, axes: Any, which: str = "y") -> None:
        """Thin lines behind the marks, where the style has them."""
        if self.style["grid"]:
            axes.grid(axis=which, color="#9a9a9a", linewidth=0.5, alpha=0.5)
            axes.set_axisbelow(True)

    def numbers(self, axes: Any, *, upright: bool = True) -> None:
        """The numbers along an axis, remembered once they are laid out (see the tool)."""
        self.mark("ticks", axes.yaxis if upright else axes.xaxis)
