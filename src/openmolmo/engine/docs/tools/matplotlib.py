"""Matplotlib's Agg: charts; boxes by the artists' own extents after the figure is laid out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import numpy as np
from PIL import Image

from openmolmo.core.optional import require
from openmolmo.engine.docs.base import Box, Kind, Mark, Program, Rendered
from openmolmo.engine.docs.failures import RenderError
from openmolmo.engine.docs.fonts import SANS, refuse_lacking_letters
from openmolmo.engine.docs.tools.layout import refuse_bad_layout
from openmolmo.engine.docs.tools.png import on_white

__all__ = ["TOOL", "MatplotlibTool"]

_POINT = 5.0  # pixels from a point's middle to the edge of its box


class MatplotlibTool:
    """Matplotlib without a window."""

    name = "matplotlib"
    kinds: tuple[Kind, ...] = ("chart",)
    tier = 1

    def missing(self) -> str | None:
        try:
            metadata.version("matplotlib")
        except metadata.PackageNotFoundError:
            return 'matplotlib is not installed: pip install "openmolmo[docs]"'
        return None

    def version(self) -> str:
        return f"matplotlib {metadata.version('matplotlib')}"

    @contextlib.contextmanager
    def open(self) -> Iterator[MatplotlibSession]:
        session = MatplotlibSession(self.version())
        try:
            yield session
        finally:
            session.close()


class MatplotlibSession:
    """Runs the programs of our own templates in this process; code of any other hand belongs in the sandbox."""

    def __init__(self, version: str) -> None:
        self._agg: Any = require("matplotlib.backends.backend_agg", extra="docs")
        self._version = version
        self._boxed: Any = None

    def close(self) -> None:
        """End the sandbox, if one was opened."""
        if self._boxed is not None:
            self._boxed.close()

    def render(self, program: Program) -> Rendered:
        """Run a program that leaves ``figure`` and ``marks``, as :mod:`..families.matplotlib.draw` makes them."""
        if program.made_by != "template":
            return self._in_sandbox(program)
        scope: dict[str, Any] = {}
        try:
            exec(compile(program.source, "program", "exec"), scope)
            canvas = self._agg.FigureCanvasAgg(scope["figure"])
            canvas.draw()
        except (ValueError, TypeError, LookupError, NameError, SyntaxError, ArithmeticError, RuntimeError) as error:
            raise RenderError("matplotlib", f"{type(error).__name__}: {error}") from error
        pixels = canvas.buffer_rgba()
        png = on_white(Image.fromarray(np.ascontiguousarray(np.asarray(pixels)[..., :3])))
        height = int(canvas.get_width_height(physical=True)[1])
        width = int(canvas.get_width_height(physical=True)[0])
        marks = tuple(_marks(scope["marks"], canvas.get_renderer(), height))
        texts = [mark for mark in marks if mark.text]
        refuse_lacking_letters("matplotlib", (mark.text for mark in texts), (program.style.get("font", SANS),))
        refuse_bad_layout("matplotlib", marks, width, height)
        return Rendered(png=png, width=width, height=height, marks=marks, tool="matplotlib", version=self._version)

    def _in_sandbox(self, program: Program) -> Rendered:
        from openmolmo.engine.docs.llm.boxed import BoxedMatplotlib

        if self._boxed is None:
            self._boxed = BoxedMatplotlib(self._version)
        rendered: Rendered = self._boxed.render(program)
        return rendered


def _marks(found: list[tuple[str, Any, str, dict[str, Any]]], renderer: Any, height: int) -> Iterator[Mark]:
    for role, artist, text, datum in found:
        if role == "ticks":
            yield from _ticks(artist, renderer, height)
        else:
            yield Mark(role=role, box=_box(artist, renderer, height), text=text, datum=datum)


def _ticks(axis: Any, renderer: Any, height: int) -> Iterator[Mark]:
    """The numbers along an axis that can be seen."""
    low, high = sorted(axis.get_view_interval())
    for place, label in zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True):
        if low <= place <= high and label.get_text():
            yield Mark(role="axis", box=_extent(label, renderer, height), text=label.get_text(), datum={"tick": place})


def _box(artist: Any, renderer: Any, height: int) -> Box:
    """Of an artist; of a point (axes, x, y); of a rectangle (axes, left, top, right, bottom) in units of the axes."""
    if not isinstance(artist, tuple):
        return _extent(artist, renderer, height)
    axes, *numbers = artist
    corners = [axes.transData.transform(pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)]
    xs, ys = [float(x) for x, _ in corners], [height - float(y) for _, y in corners]
    grow = _POINT if len(corners) == 1 else 0.0
    return min(xs) - grow, min(ys) - grow, max(xs) + grow, max(ys) + grow


def _extent(artist: Any, renderer: Any, height: int) -> Box:
    box = artist.get_window_extent(renderer)
    return float(box.x0), height - float(box.y1), float(box.x1), height - float(box.y0)


TOOL = MatplotlibTool()
