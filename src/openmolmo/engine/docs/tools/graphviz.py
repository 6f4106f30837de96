"""Graphviz: diagrams in the dot language. ``-Tjson`` says where nodes, edges and labels are.

A node is named ``n0``, ``n1`` ... after the content's nodes, an edge has ``id="e0"`` and a cluster ``cluster_0``:
that is how a box finds its datum. The engine is the graph's own ``layout`` attribute.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from openmolmo.engine.docs.base import Box, Kind, Mark, Program, Rendered
from openmolmo.engine.docs.failures import RenderError
from openmolmo.engine.docs.tools.layout import refuse_bad_layout, union
from openmolmo.engine.docs.tools.lettering import fonts_digest, fonts_missing, refuse_missing_letters
from openmolmo.engine.docs.tools.png import size_of

__all__ = ["TOOL", "Graphviz"]

POINTS = 72.0  # graphviz' own unit is the point
ASCENT, DESCENT = 0.80, 0.22  # of the fonts' size, about a baseline: caps and tails of the fonts in use
LARGEST = 4096  # pixels of a side


class Graphviz:
    """``dot``: one short process a picture."""

    name = "graphviz"
    kinds: Sequence[Kind] = ("diagram",)
    tier = 1

    def missing(self) -> str | None:
        """One sentence with the line that installs it, or none."""
        if shutil.which("dot") is None:
            return "graphviz is not installed: apt-get install graphviz fonts-dejavu fonts-liberation"
        return fonts_missing()

    def version(self) -> str:
        """Of dot and of the machine's fonts."""
        return f"graphviz {_dot_version()} fonts {fonts_digest()}"

    @contextmanager
    def open(self, timeout: float = 40.0) -> Iterator[GraphvizSession]:
        """There is nothing to start; ``timeout``: seconds of one picture."""
        yield GraphvizSession(self.version(), timeout)


@functools.cache
def _dot_version() -> str:
    done = subprocess.run(["dot", "-V"], capture_output=True, text=True, timeout=30, check=True)
    found = re.search(r"version (\S+)", done.stderr + done.stdout)
    return found[1] if found else "unknown"


class GraphvizSession:
    """Draws with ``dot``."""

    def __init__(self, version: str, timeout: float) -> None:
        self._version, self._timeout = version, timeout

    def render(self, program: Program) -> Rendered:
        """Draw; dot's own words where it cannot."""
        with tempfile.TemporaryDirectory(prefix="openmolmo-dot-") as folder:
            picture, layout = Path(folder, "picture.png"), Path(folder, "layout.json")
            command = [str(shutil.which("dot")), "-Tpng", "-o", str(picture), "-Tjson", "-o", str(layout)]
            # Pictures that a program names (image=...) are looked for in the empty folder only.
            environment = {"PATH": os.defpath, "HOME": folder, "GV_FILE_PATH": folder, "LANG": "C.UTF-8"}
            try:
                done = subprocess.run(
                    command, input=program.source.encode(), capture_output=True, timeout=self._timeout,
                    cwd=folder, env=environment, check=False,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                raise RenderError("graphviz", f"did not end within {self._timeout:g} seconds") from None
            words = done.stderr.decode(errors="replace")
            if done.returncode != 0 or not picture.is_file() or not layout.is_file():
                raise RenderError("graphviz", words or f"ended with {done.returncode} and wrote no picture")
            png, graph = picture.read_bytes(), json.loads(layout.read_text(encoding="utf-8", errors="replace"))
        width, height = size_of(png)
        if max(width, height) > LARGEST:
            raise RenderError("graphviz", f"the picture is {width} x {height} pixels, more than {LARGEST}")
        marks = tuple(_marks(graph, width, height))
        refuse_missing_letters("graphviz", (mark.text for mark in marks))
        refuse_bad_layout("graphviz", marks, width, height)
        return Rendered(png=png, width=width, height=height, marks=marks, tool="graphviz", version=self._version)


class _Frame:
    """Points of the layout (origin bottom left, around ``bb``) to pixels of the picture."""

    def __init__(self, graph: dict[str, Any], width: int, height: int) -> None:
        left, bottom, right, top = (float(part) for part in graph["bb"].split(","))
        self.scale = float(graph.get("dpi", 96)) / POINTS
        # The margin (pad) is what the picture has more than the layout, the same on both sides.
        self._left = left - (width / self.scale - (right - left)) / 2
        self._top = top + (height / self.scale - (top - bottom)) / 2

    def point(self, x: float, y: float) -> tuple[float, float]:
        return (x - self._left) * self.scale, (self._top - y) * self.scale

    def box(self, left: float, bottom: float, right: float, top: float) -> Box:
        return (*self.point(left, top), *self.point(right, bottom))


def _marks(graph: dict[str, Any], width: int, height: int) -> Iterator[Mark]:
    frame = _Frame(graph, width, height)
    yield from _texts(graph, "_ldraw_", "title", {}, frame)
    for item in graph.get("objects", ()):
        name = item["name"]
        cluster = re.fullmatch(r"cluster_(\d+)", name)
        number = re.fullmatch(r"n(\d+)", name)
        if name.startswith("cluster"):
            datum = {"group": int(cluster[1])} if cluster else {}
            yield from _shape(item, "group", datum, frame)
            yield from _texts(item, "_ldraw_", "label", datum, frame)
        elif "pos" in item and item.get("style") != "invis":
            datum = {"node": int(number[1])} if number else {}
            yield from _shape(item, "node", datum, frame)
            yield from _texts(item, "_ldraw_", "label", datum, frame)
    for item in graph.get("edges", ()):
        if item.get("style") == "invis":
            continue
        number = re.fullmatch(r"e(\d+)", item.get("id", ""))
        datum = {"edge": int(number[1])} if number else {}
        yield from _shape(item, "edge", datum, frame)
        for part in ("_ldraw_", "_hldraw_", "_tldraw_"):
            yield from _texts(item, part, "label", datum, frame)


def _shape(item: dict[str, Any], role: str, datum: dict[str, int], frame: _Frame) -> Iterator[Mark]:
    """The box around everything that is drawn of a node, cluster or edge; its text is the words in it."""
    boxes: list[Box] = []
    for part in ("_draw_", "_hdraw_", "_tdraw_"):
        for step in item.get(part, ()):
            if step["op"] in "eE":
                x, y, across, down = step["rect"]
                boxes.append(frame.box(x - across, y - down, x + across, y + down))
            elif step["op"] in "pPbBL":
                points = [frame.point(*point) for point in step["points"]]
                boxes += [(x, y, x, y) for x, y in points]
    texts = list(_texts(item, "_ldraw_", "label", datum, frame))
    if not boxes:
        boxes = [mark.box for mark in texts]
    if boxes:
        named = texts[:1] if item.get("shape") in {"record", "Mrecord"} else texts  # a record's first field names it
        words = " ".join(mark.text for mark in named) if role == "node" else ""
        yield Mark(role=role, box=union(boxes), text=words, datum=datum)


def _texts(item: dict[str, Any], part: str, role: str, datum: dict[str, int], frame: _Frame) -> Iterator[Mark]:
    """Each line of a label, where it stands; runs on one baseline that follow each other are one line."""
    size = 14.0
    for step in item.get(part, ()):
        if step["op"] == "F":
            size = float(step["size"])
        elif step["op"] == "T" and step["text"].strip():
            x, y = step["pt"]
            wide = float(step["width"])
            left = x - {"l": 0.0, "c": wide / 2, "r": wide}[step["align"]]
            box = frame.box(left, y - DESCENT * size, left + wide, y + ASCENT * size)
            yield Mark(role=role, box=box, text=step["text"], datum=dict(datum))


TOOL = Graphviz()
