"""A legend outside the axes: samples of the marks beside their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from openmolmo.core.optional import require
from openmolmo.engine.docs.families.matplotlib.words import Words

__all__ = ["Legend"]

# In parts of the letters' size, as Matplotlib has them.
_WIDE, _TALL, _BESIDE, _BETWEEN, _LINE, _INSIDE = 2.0, 0.7, 0.7, 1.6, 0.5, 0.5


class Legend:
    """``handles``: the marks that are explained, one for each name; ``frame``: colour of the line around, if any."""

    def __init__(
        self, figure: Any, handles: Sequence[Any], names: Sequence[Words], columns: int, *, back: str, frame: str | None
    ) -> None:
        self._figure, self._handles, self._names = figure, handles, names
        self._em = float(names[0].font.size)
        rows = -(-len(names) // columns)
        self._columns = [range(first, min(first + rows, len(names))) for first in range(0, len(names), rows)]
        self._back, self._frame = back, frame
        self._high = names[0].size[1]
        self._widths = [max(names[at].size[0] for at in column) for column in self._columns]

    @property
    def size(self) -> tuple[float, float]:
        em = self._em
        wide = sum(self._widths) + (_WIDE + _BESIDE) * em * len(self._widths) + _BETWEEN * em * (len(self._widths) - 1)
        rows = len(self._columns[0])
        return wide + 2 * _INSIDE * em, rows * self._high + (rows - 1) * _LINE * em + 2 * _INSIDE * em

    def place(self, left: float, top: float) -> None:
        """Draw it with that corner."""
        em, (wide, tall) = self._em, self.size
        if self._frame:
            self._add(
                "FancyBboxPatch",
                (left, self._up(top + tall)),
                wide,
                tall,
                boxstyle=f"round,pad=0,rounding_size={0.2 * em}",
                facecolor=self._back,
                edgecolor=self._frame,
                alpha=0.8,
                linewidth=1.0,
            )
        x = left + _INSIDE * em
        for column, width in zip(self._columns, self._widths, strict=True):
            y = top + _INSIDE * em + self._high / 2
            for at in column:
                self._sample(self._handles[at], x, self._up(y))
                words = self._names[at]
                words.x, words.y, words.across = x + (_WIDE + _BESIDE) * em, y, "left"
                y += self._high + _LINE * em
            x += width + (_WIDE + _BESIDE + _BETWEEN) * em

    def _up(self, y: float) -> float:
        """From the top down to Matplotlib's from the bottom up."""
        return float(self._figure.bbox.height) - y

    def _sample(self, handle: Any, x: float, y: float) -> None:
        wide, tall = _WIDE * self._em, _TALL * self._em
        if hasattr(handle, "get_marker"):
            look = {name: getattr(handle, f"get_{name}")() for name in _LINE_LOOK}
            self._line([x, x + wide], [y, y], look | {"marker": None})
            self._line([x + wide / 2], [y], look | {"linestyle": "none"})
        elif hasattr(handle, "get_offsets"):
            path = handle.get_paths()[0]
            look = {
                "marker": path, "linestyle": "none", "markersize": handle.get_sizes()[0] ** 0.5,
                "markerfacecolor": handle.get_facecolor()[0], "markeredgecolor": handle.get_edgecolor()[0],
                "markeredgewidth": handle.get_linewidths()[0],
            }  # fmt: skip
            self._line([x + wide / 2], [y], look)
        else:
            look = {"facecolor": handle.get_facecolor(), "edgecolor": handle.get_edgecolor()}
            self._add("Rectangle", (x, y - tall / 2), wide, tall, linewidth=handle.get_linewidth(), **look)

    def _add(self, name: str, *args: Any, **how: Any) -> None:
        patches = require("matplotlib.patches", extra="docs")
        self._figure.add_artist(getattr(patches, name)(*args, transform=self._pixels(), **how))

    def _line(self, xs: list[float], ys: list[float], look: dict[str, Any]) -> None:
        lines = require("matplotlib.lines", extra="docs")
        self._figure.add_artist(lines.Line2D(xs, ys, transform=self._pixels(), **look))

    @staticmethod
    def _pixels() -> Any:
        return require("matplotlib.transforms", extra="docs").IdentityTransform()


_LINE_LOOK = ("color", "marker", "markersize", "linewidth", "linestyle")
