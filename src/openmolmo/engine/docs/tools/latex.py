r"""LaTeX: papers, tables and TikZ drawings by pdflatex; boxes that TeX itself writes down.

A program is a document that holds ``%MARKS`` in its preamble, where :data:`PRELUDE` is put. ``\mk{7}{text}`` sets a
text that shall be found again as mark 7; ``\mknode{8}{n0}`` in a picture does it for a TikZ node, and
``\mkspan{9}{a}{m}{b}`` for a line through coordinates. What a mark is stands behind the end of the document, where TeX
does not read: ``%@ 7 {"role": "cell", "text": "12 %", "datum": {"row": 0, "column": 1}}``. Words without a mark come
from the text layer of the PDF. The page is cut to what is drawn.
"""

from __future__ import annotations

import functools
import json
import math
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata, util
from pathlib import Path
from typing import Any

from openmolmo.core.optional import require
from openmolmo.engine.docs.base import Box, Kind, Mark, Program, Rendered
from openmolmo.engine.docs.failures import RenderError
from openmolmo.engine.docs.tools.layout import refuse_bad_layout, union
from openmolmo.engine.docs.tools.png import on_white

__all__ = ["PRELUDE", "TOOL", "Latex"]

POINT = 65536.0 * 72.27 / 72.0  # scaled points of TeX in a point of PDF
LARGEST = 4000  # pixels of a side
MARGIN = 14.0  # points that are left around what is drawn
PACKAGES = ("geometry.sty", "booktabs.sty", "tikz.sty", "lmodern.sty", "xcolor.sty", "colortbl.sty")

PRELUDE = r"""
\newwrite\mkfile
\immediate\openout\mkfile=marks.txt
\newbox\mkbox
% Position, width, height and depth of a text, when its page is shipped out.
\newcommand\mk[2]{\leavevmode\begingroup\setbox\mkbox\hbox{#2}\pdfsavepos
  \edef\mkwrite{\write\mkfile{text #1 \noexpand\the\pdflastxpos\space\noexpand\the\pdflastypos\space
    \number\wd\mkbox\space\number\ht\mkbox\space\number\dp\mkbox}}\mkwrite\box\mkbox\endgroup}
% Before a picture: where its lower left corner is on the page. In it: the corners of its nodes; at its end: of itself.
\newcommand\mkorigin{\leavevmode\pdfsavepos\write\mkfile{origin 0 \the\pdflastxpos\space\the\pdflastypos\space 0 0 0}}
\newdimen\mkax \newdimen\mkay \newdimen\mkbx \newdimen\mkby
\newcommand\mkcorners[3]{\pgfextractx\mkax{\pgfpointanchor{#3}{west}}\pgfextracty\mkay{\pgfpointanchor{#3}{south}}%
  \pgfextractx\mkbx{\pgfpointanchor{#3}{east}}\pgfextracty\mkby{\pgfpointanchor{#3}{north}}%
  \immediate\write\mkfile{#1 #2 \number\mkax\space\number\mkay\space\number\mkbx\space\number\mkby\space 0}}
\newcommand\mknode[2]{\mkcorners{node}{#1}{#2}}
% A line through three points, one after the other.
\newcommand\mkspan[4]{\mkleg{#1}{#2}{#3}\mkleg{#1}{#3}{#4}}
\newcommand\mkleg[3]{\pgfextractx\mkax{\pgfpointanchor{#2}{center}}\pgfextracty\mkay{\pgfpointanchor{#2}{center}}%
  \pgfextractx\mkbx{\pgfpointanchor{#3}{center}}\pgfextracty\mkby{\pgfpointanchor{#3}{center}}%
  \immediate\write\mkfile{node #1 \number\mkax\space\number\mkay\space\number\mkbx\space\number\mkby\space 0}}
\newcommand\mkframe{\mkcorners{frame}{0}{current bounding box}}
\tracinglostchars=2
"""
"""Stands for ``%MARKS``."""


class Latex:
    """pdflatex: one process a picture."""

    name = "latex"
    kinds: Sequence[Kind] = ("table", "document", "diagram")
    tier = 3

    def missing(self) -> str | None:
        """One sentence with the line that installs it, or none."""
        if shutil.which("pdflatex") is None or _lacks() is not None:
            return (
                "LaTeX is not installed, or not all of it: apt-get install texlive-latex-base "
                "texlive-latex-recommended texlive-pictures texlive-fonts-recommended lmodern"
            )
        if util.find_spec("pypdfium2") is None:
            return 'pypdfium2 is not installed: pip install "openmolmo[docs-latex]"'
        return None

    def version(self) -> str:
        """Of pdfTeX, of LaTeX and of what reads the PDF."""
        return f"{_tex_version()} pypdfium2 {metadata.version('pypdfium2')}"

    @contextmanager
    def open(self, timeout: float = 90.0) -> Iterator[LatexSession]:
        """There is nothing to start; ``timeout``: seconds of one picture."""
        yield LatexSession(self.version(), timeout)


@functools.cache
def _lacks() -> str | None:
    """The first package that the templates use and TeX does not find."""
    done = subprocess.run(["kpsewhich", *PACKAGES], capture_output=True, text=True, timeout=30, check=False)
    found = {Path(line).name for line in done.stdout.splitlines()}
    return next((name for name in PACKAGES if name not in found), None)


@functools.cache
def _tex_version() -> str:
    done = subprocess.run(["pdflatex", "--version"], capture_output=True, text=True, timeout=30, check=True)
    return " ".join(done.stdout.splitlines()[0].split()[1:])


class LatexSession:
    """Draws with pdflatex. ``style`` of a program: ``dpi``."""

    def __init__(self, version: str, timeout: float) -> None:
        self._version, self._timeout = version, timeout

    def render(self, program: Program) -> Rendered:
        """Draw the one page of the program; TeX's own words where it cannot."""
        with tempfile.TemporaryDirectory(prefix="openmolmo-latex-") as folder:
            Path(folder, "page.tex").write_text(program.source.replace("%MARKS", PRELUDE, 1), encoding="utf-8")
            for name, data in program.assets.items():
                Path(folder, Path(name).name).write_bytes(data)
            self._typeset(Path(folder))
            pdf = Path(folder, "page.pdf").read_bytes()
            notes = Path(folder, "marks.txt")
            written = notes.read_text(encoding="utf-8", errors="replace") if notes.is_file() else ""
        dpi = float(program.style.get("dpi", 110))
        png, marks, (width, height) = _picture(pdf, [*_written(written, _meanings(program.source))], dpi)
        refuse_bad_layout("latex", marks, width, height)
        return Rendered(png=png, width=width, height=height, marks=marks, tool="latex", version=self._version)

    def _typeset(self, folder: Path) -> None:
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "page.tex"]
        # Nothing outside its folder is written (p) or, but for TeX's own files, read (p).
        environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(folder),
            "SOURCE_DATE_EPOCH": "0",
            "FORCE_SOURCE_DATE": "1",
            "openout_any": "p",
            "openin_any": "p",
            "max_print_line": "1000",
        }
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                timeout=self._timeout, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise RenderError("latex", f"did not end within {self._timeout:g} seconds") from None
        log = done.stdout.decode("utf-8", errors="replace")
        if done.returncode != 0 or not (folder / "page.pdf").is_file():
            raise RenderError("latex", _complaint(log))
        if lost := re.search(r"Missing character: .*", log):
            raise RenderError("latex", lost[0])
        over = re.search(r"Overfull \\hbox \(([\d.]+)pt too wide\).*", log)
        if over is not None and float(over[1]) > MARGIN:
            raise RenderError("latex", over[0])


def _complaint(log: str) -> str:
    """What TeX says is wrong, with the lines that follow it."""
    found = re.search(r"^!.*(?:\n.*){0,6}", log, re.MULTILINE)
    return found[0] if found else log[-600:]


def _picture(pdf: bytes, written: list[Mark], dpi: float) -> tuple[bytes, tuple[Mark, ...], tuple[int, int]]:
    """The page as a picture, cut to what is drawn, and its marks in pixels."""
    pdfium = require("pypdfium2", extra="docs-latex")
    document = pdfium.PdfDocument(pdf)
    try:
        if len(document) != 1:
            raise RenderError("latex", f"the program has {len(document)} pages, a picture has one")
        page = document[0]
        wide, high = page.get_size()
        found = [*written, *_unmarked(_words(page), written)]
        drawn = [(*item.get_bounds(),) for item in page.get_objects(max_depth=4)]
        if not drawn:
            raise RenderError("latex", "the picture is empty: nothing in it can be seen")
        for mark in found:
            if mark.text and (mark.box[0] < -1 or mark.box[1] < -1 or mark.box[2] > wide + 1 or mark.box[3] > high + 1):
                raise RenderError("latex", f"the text {mark.text!r} runs out of the page ({wide:g} x {high:g} points)")
        left, bottom, right, top = union(drawn)
        cut = (
            max(0.0, math.floor(left - MARGIN)),
            max(0.0, math.floor(bottom - MARGIN)),
            max(0.0, math.floor(wide - right - MARGIN)),
            max(0.0, math.floor(high - top - MARGIN)),
        )
        scale = dpi / 72
        picture = page.render(scale=scale, crop=cut).to_pil()
        width, height = picture.size
        if max(width, height) > LARGEST:
            raise RenderError("latex", f"the picture is {width} x {height} pixels, more than {LARGEST}")
        marks = tuple(_in_pixels(mark, scale, cut[0], high - cut[3]) for mark in found)
        return on_white(picture), marks, (width, height)
    finally:
        document.close()


def _in_pixels(mark: Mark, scale: float, left: float, top: float) -> Mark:
    """From points of the page (origin bottom left) to pixels of the picture (origin top left)."""
    x0, y0, x1, y1 = mark.box
    box = ((x0 - left) * scale, (top - y1) * scale, (x1 - left) * scale, (top - y0) * scale)
    return Mark(role=mark.role, box=box, text=mark.text, datum=mark.datum)


def _meanings(source: str) -> dict[int, dict[str, Any]]:
    """Role, text and datum of each mark, by its number."""
    lines = re.findall(r"^%@ (\d+) (\{.*\})$", source, re.MULTILINE)
    try:
        return {int(number): json.loads(meaning) for number, meaning in lines}
    except json.JSONDecodeError as error:
        raise RenderError("latex", f"a line of marks (%@ ...) is not JSON: {error}") from None


def _written(notes: str, meanings: dict[int, dict[str, Any]]) -> Iterator[Mark]:
    """What TeX wrote down of marks that mean something, in points of the page."""
    lines = re.findall(r"^(text|node|origin|frame) (\d+) (-?\d+) (-?\d+) (-?\d+) (-?\d+) (-?\d+)$", notes, re.MULTILINE)
    at = {kind: (int(numbers[0]) / POINT, int(numbers[1]) / POINT) for kind, _, *numbers in lines}
    shift = [at.get("origin", (0, 0))[side] - at.get("frame", (0, 0))[side] for side in (0, 1)]
    boxes: dict[int, list[Box]] = {}
    for kind, number, *numbers in lines:
        if kind not in {"text", "node"} or int(number) not in meanings:
            continue
        a, b, c, d, e = (int(part) / POINT for part in numbers)
        box = (a, b - e, a + c, b + d)
        if kind == "node":
            (left, right), (low, high) = sorted((a, c)), sorted((b, d))
            box = (left + shift[0], low + shift[1], right + shift[0], high + shift[1])
        boxes.setdefault(int(number), []).append(box)
    for number_, parts in boxes.items():
        meaning = meanings[number_]
        yield Mark(role=meaning["role"], box=union(parts), text=meaning.get("text", ""), datum=meaning.get("datum", {}))


def _unmarked(words: Iterable[Mark], marks: Sequence[Mark]) -> Iterator[Mark]:
    """Words that stand in no marked text: those are known as the source has them."""
    texts = [mark.box for mark in marks if mark.text]
    for word in words:
        x, y = (word.box[0] + word.box[2]) / 2, (word.box[1] + word.box[3]) / 2
        if not any(_holds(box, x, y) for box in texts):
            yield word


def _holds(box: Box, x: float, y: float) -> bool:
    return box[0] - 1 <= x <= box[2] + 1 and box[1] - 1 <= y <= box[3] + 1


def _words(page: Any) -> Iterator[Mark]:
    """Every word of the text layer: letters without a space or a new line between them."""
    layer = page.get_textpage()
    word, boxes = "", []
    text = layer.get_text_range()
    for place, letter in enumerate([*text, " "]):
        if place < len(text) and not letter.isspace():
            word += letter
            boxes.append(tuple(layer.get_charbox(place, loose=False)))
        elif word:
            yield Mark(role="word", box=union(boxes), text=word)
            word, boxes = "", []


TOOL = Latex()
