"""HTML and CSS in the shared Chromium: pages of any kind. Scripts do not run and nothing is fetched.

An element is found again by its attributes: ``data-mark="cell" data-datum='{"row": 1, "column": 2}'``. Words of a
``paragraph``, and of what has no such attribute, are marks of their own; cells of tables without the attribute count
from the first line of their table.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from openmolmo.engine.docs.base import Kind, Mark, Program, Rendered
from openmolmo.engine.docs.failures import RenderError
from openmolmo.engine.docs.tools.chromium import Shot, Worker, browser_missing, browser_version
from openmolmo.engine.docs.tools.layout import refuse_bad_layout
from openmolmo.engine.docs.tools.lettering import refuse_missing_letters

__all__ = ["TOOL", "Html", "finish"]


class Html:
    """A page of the shared browser without scripts."""

    name = "html"
    kinds: Sequence[Kind] = ("table", "document")
    tier = 2

    def missing(self) -> str | None:
        """One sentence with the line that installs it, or none."""
        return browser_missing()

    def version(self) -> str:
        """Of the browser and of the machine's fonts."""
        return browser_version()

    @contextmanager
    def open(self, timeout: float = 40.0) -> Iterator[HtmlSession]:
        """``timeout``: seconds of one picture."""
        with Worker("html", timeout=timeout) as worker:
            yield HtmlSession(worker, self.version())


@functools.cache
def script(name: str) -> str:
    """One of the programs that measure a page."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


class HtmlSession:
    """Draws with a page that stays. ``style`` of a program: ``width`` (CSS pixels), ``scale``."""

    def __init__(self, worker: Worker, version: str) -> None:
        self._worker, self._version = worker, version

    def render(self, program: Program) -> Rendered:
        """Draw; the browser's own words where it cannot."""
        width, scale = int(program.style.get("width", 800)), float(program.style.get("scale", 1.0))
        shot = self._worker.shoot(
            lambda page: page.set_content(program.source, wait_until="load"),
            script("measure_html.js"),
            size=(width, 600),
            scale=scale,
        )
        if shot.found["clipped"]:
            raise RenderError("html", f"the text {shot.found['clipped'][0]!r} is cut off by the frame around it")
        return finish("html", shot, scale, self._version)


def finish(tool: str, shot: Shot, scale: float, version: str) -> Rendered:
    """Marks in pixels of the picture; a picture that nobody can read is refused."""
    marks = tuple(
        Mark(
            role=item["role"],
            box=tuple(round(side * scale, 3) for side in item["box"]),
            text=item["text"],
            datum=item["datum"],
        )
        for item in shot.found["marks"]
    )
    if not marks:
        raise RenderError(tool, "the picture is empty: nothing in it can be seen")
    refuse_missing_letters(tool, (mark.text for mark in marks))
    refuse_bad_layout(tool, marks, shot.width, shot.height)
    return Rendered(png=shot.png, width=shot.width, height=shot.height, marks=marks, tool=tool, version=version)


TOOL = Html()
