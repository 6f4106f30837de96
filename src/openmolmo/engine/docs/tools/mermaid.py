"""Mermaid in the shared Chromium: diagrams. The bundle (MIT) is part of this package: nothing is fetched.

Nodes are named after the content's: ``n0``, ``n1`` ... in flow charts, ``N0`` ... in class and entity diagrams,
``s0`` ... in state diagrams, ``a0`` ... in sequences, ``t0`` ... in Gantt charts; a mind map counts its lines.
"""

from __future__ import annotations

import dataclasses
import functools
import lzma
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from openmolmo.engine.docs.base import Diagram, Kind, Mark, Program, Rendered
from openmolmo.engine.docs.tools.chromium import Worker, browser_missing, browser_version
from openmolmo.engine.docs.tools.html import finish, script

__all__ = ["BUNDLE_VERSION", "TOOL", "Mermaid"]

BUNDLE_VERSION = "11.17.2"

_SETUP = """() => {
  const wide = {useMaxWidth: false};
  mermaid.initialize({startOnLoad: false, deterministicIds: true, securityLevel: 'strict', handDrawnSeed: 7,
    suppressErrorRendering: true, flowchart: wide, sequence: {...wide, mirrorActors: false}, class: wide, state: wide,
    er: wide, gantt: {...wide, todayMarker: 'off', useWidth: 760}, mindmap: wide});
}"""

_DRAW = """async ([source, ground]) => {
  document.body.innerHTML = '';
  document.body.style.cssText = 'margin:0;display:inline-block';
  const {svg} = await mermaid.render('drawing-svg', source);
  document.body.innerHTML = `<div id="drawing" style="display:inline-block;padding:18px;line-height:0"></div>`;
  document.documentElement.style.background = ground;
  document.getElementById('drawing').innerHTML = svg;
}"""


class Mermaid:
    """A page of the shared browser that holds Mermaid."""

    name = "mermaid"
    kinds: Sequence[Kind] = ("diagram",)
    tier = 2

    def missing(self) -> str | None:
        """One sentence with the line that installs it, or none."""
        return browser_missing()

    def version(self) -> str:
        """Of Mermaid, of the browser and of the machine's fonts."""
        return f"mermaid {BUNDLE_VERSION} {browser_version()}"

    @contextmanager
    def open(self, timeout: float = 40.0) -> Iterator[MermaidSession]:
        """``timeout``: seconds of one picture."""
        with Worker("mermaid", timeout=timeout, scripts=lambda: (_bundle(),), setup=_SETUP) as worker:
            yield MermaidSession(worker, self.version())


@functools.cache
def _bundle() -> str:
    packed = Path(__file__).parent / "mermaid_bundle" / "mermaid.min.js.xz"
    return lzma.decompress(packed.read_bytes()).decode("utf-8")


class MermaidSession:
    """Draws with a page that stays. ``style`` of a program: ``scale``, ``ground``."""

    def __init__(self, worker: Worker, version: str) -> None:
        self._worker, self._version = worker, version

    def render(self, program: Program) -> Rendered:
        """Draw; Mermaid's own words where it cannot."""
        scale, ground = float(program.style.get("scale", 1.0)), str(program.style.get("ground", "white"))
        shot = self._worker.shoot(
            lambda page: page.evaluate(_DRAW, [program.source, ground]),
            script("measure_mermaid.js"),
            size=(1600, 1000),
            scale=scale,
        )
        drawn = finish("mermaid", shot, scale, self._version)
        content = program.content
        if not isinstance(content, Diagram):
            return drawn
        edges = {(start, end): number for number, (start, end, _) in enumerate(content.edges)}
        marks = tuple(_tied(mark, content, edges) for mark in drawn.marks)
        return dataclasses.replace(drawn, marks=marks)


def _tied(mark: Mark, content: Diagram, edges: Mapping[tuple[int, int], int]) -> Mark:
    """The mark with the node or edge of the content that its ``key`` names."""
    if mark.text and mark.text == content.title:
        return dataclasses.replace(mark, role="title", datum={})
    key = mark.datum.get("key")
    return mark if key is None else dataclasses.replace(mark, datum=_datum(str(key), edges))


_NODE = re.compile(r"(?:(?:flowchart|classId|entity|state)-)?(?:[nNsat]|node_)(\d+)(?:-\d+)?")
_EDGE = re.compile(r"(?:edge|L|id)_(?:entity-)?[nN]?(\d+)(?:-\d+)?_(?:entity-)?[nN]?(\d+)(?:-\d+)?(?:_\d+)?")
"""How Mermaid names the elements of nodes and of edges, with our names in them."""


def _datum(key: str, edges: Mapping[tuple[int, int], int]) -> dict[str, Any]:
    key = key.removeprefix("drawing-svg-")
    if found := re.fullmatch(r"(?:edge|i)(\d+)", key):  # of a state diagram, of a sequence
        return {"edge": int(found[1])}
    if found := _EDGE.fullmatch(key):
        number = edges.get((int(found[1]), int(found[2])))
        return {} if number is None else {"edge": number}
    if found := _NODE.fullmatch(key):
        return {"node": int(found[1])}
    return {}


TOOL = Mermaid()
