"""Typst: pages of papers and tables, one compiler for all pictures, exact boxes by its own introspection.

A program is a typst file. It calls ``#mk(role, datum, text)`` of :data:`PRELUDE` for everything that shall be found
again: the text is set in a box of its own, and a piece of metadata says where that box is.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from openmolmo.core.optional import require
from openmolmo.engine.docs.base import Kind, Mark, Program, Rendered
from openmolmo.engine.docs.failures import RenderError
from openmolmo.engine.docs.fonts import font_folder, refuse_lacking_letters
from openmolmo.engine.docs.tools.layout import refuse_bad_layout
from openmolmo.engine.docs.tools.png import size_of

__all__ = ["PRELUDE", "TOOL", "TypstTool"]

_LARGEST = 4000  # pixels of a side
_POINTS_PER_INCH = 72.0

PRELUDE = """\
#let mk(role, datum, body) = box(context {
  let at = here().position()
  let size = measure(text(body))
  [#metadata((role, datum, body, at.page, at.x.pt(), at.y.pt(), size.width.pt(), size.height.pt()))<mk>]
  text(body)
})
#let area(role, datum, width, height, fill) = box(width: width, height: height, context {
  let at = here().position()
  [#metadata((role, datum, "", at.page, at.x.pt(), at.y.pt(), width.pt(), height.pt()))<mk>]
  rect(width: 100%, height: 100%, fill: fill)
})
#let words(role, datum, body) = {
  body.split(" ").enumerate().map(((at, word)) => mk(role, datum + (word: at), word)).join([ ])
}
#set text(top-edge: "ascender", bottom-edge: "descender", hyphenate: false)
"""
"""Stands before every template; a program of another hand may use it too."""


class TypstTool:
    """Typst through its Python wheel."""

    name = "typst"
    kinds: tuple[Kind, ...] = ("document", "table")
    tier = 1

    def missing(self) -> str | None:
        for package in ("typst", "matplotlib"):
            try:
                metadata.version(package)
            except metadata.PackageNotFoundError:
                return f'typst needs the package {package}, which is not installed: pip install "openmolmo[docs]"'
        return None

    def version(self) -> str:
        return f"typst {metadata.version('typst')}, fonts of matplotlib {metadata.version('matplotlib')}"

    @contextlib.contextmanager
    def open(self) -> Iterator[TypstSession]:
        with tempfile.TemporaryDirectory(prefix="openmolmo-typst-") as folder:
            yield TypstSession(Path(folder), self.version())


class TypstSession:
    """One compiler in a folder of its own; it knows no fonts but ours and reaches no network."""

    def __init__(self, folder: Path, version: str) -> None:
        self._typst: Any = require("typst", extra="docs")
        self._file, self._version = folder / "page.typ", version
        self._file.write_text("")
        self._compiler = self._typst.Compiler(
            str(self._file), root=str(folder), font_paths=[str(font_folder())], ignore_system_fonts=True
        )

    def render(self, program: Program) -> Rendered:
        """Draw the first page of the program; more than one page is a failure."""
        ppi = float(program.style.get("ppi", 110))
        for name, data in program.assets.items():
            (self._file.parent / Path(name).name).write_bytes(data)
        self._file.write_text(program.source, encoding="utf-8")
        try:
            png, warnings = self._compiler.compile_with_warnings(format="png", ppi=ppi, timestamp=0)
            found = json.loads(self._compiler.query("<mk>", field="value"))
        except (self._typst.TypstError, RuntimeError, ValueError) as error:
            raise RenderError("typst", str(error)) from None
        if isinstance(png, list):
            raise RenderError("typst", f"the program has {len(png)} pages, a picture has one")
        for warning in warnings:
            if "font" in str(warning):
                raise RenderError("typst", str(warning))
        width, height = size_of(png)
        if max(width, height) > _LARGEST:
            raise RenderError("typst", f"the picture is {width} x {height} pixels, more than {_LARGEST}")
        marks = tuple(_mark(item, ppi / _POINTS_PER_INCH) for item in found)
        refuse_lacking_letters("typst", (mark.text for mark in marks))
        refuse_bad_layout("typst", marks, width, height)
        return Rendered(png=png, width=width, height=height, marks=marks, tool="typst", version=self._version)


def _mark(item: list[Any], scale: float) -> Mark:
    role, datum, text, _, left, top, width, height = item
    box = (left * scale, top * scale, (left + width) * scale, (top + height) * scale)
    return Mark(role=role, box=box, text=text, datum=datum or {})


TOOL = TypstTool()
