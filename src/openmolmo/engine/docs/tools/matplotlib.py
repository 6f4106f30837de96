"""Matplotlib's Agg: charts; boxes by where artists and letters are put."""

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
from openmolmo.engine.docs.families.matplotlib.words import Words
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
        return f"matplotlib {metadata.version('matplotlib')} pillow {metadata.version('pillow')}"

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
        picture = Image.fromarray(np.ascontiguousarray(np.asarray(pixels)[..., :3]))
        width, height = picture.size
        for _, artist, _, _ in scope["marks"]:
            if isinstance(artist, Words):
                artist.paint(picture)
        png = on_white(picture)
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
    matrices: dict[Any, Any] = {}  # from units of axes to pixels; all scales are linear
    for role, artist, text, datum in found:
        if isinstance(artist, Words):
            box = artist.box
        elif isinstance(artist, tuple):
            axes = artist[0]
            if axes not in matrices:
                matrices[axes] = axes.transData.get_affine().get_matrix().tolist()
            box = _box(matrices[axes], artist[1:], height)
        else:
            box = _extent(artist, renderer, height)
        yield Mark(role=role, box=box, text=text, datum=datum)


def _box(matrix: list[list[float]], numbers: tuple[float, ...], height: int) -> Box:
    """Of a point (x, y), or of a rectangle by two corners, in units of the axes."""
    (a, b, c), (d, e, f), _ = matrix
    corners = [(a * x + b * y + c, d * x + e * y + f) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
    xs, ys = [x for x, _ in corners], [height - y for _, y in corners]
    grow = _POINT if len(corners) == 1 else 0.0
    return min(xs) - grow, min(ys) - grow, max(xs) + grow, max(ys) + grow


def _extent(artist: Any, renderer: Any, height: int) -> Box:
    box = artist.get_window_extent(renderer)
    return float(box.x0), height - float(box.y1), float(box.x1), height - float(box.y0)


TOOL = MatplotlibTool()
