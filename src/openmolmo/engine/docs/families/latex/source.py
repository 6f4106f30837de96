r"""Pieces of LaTeX source: escaped and marked texts, tables, the frame of a document."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from openmolmo.engine.docs.base import Grid
from openmolmo.engine.docs.worlds.language import one

__all__ = ["Look", "Marks", "choose_look", "document", "escaped", "table"]

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "−": r"\ensuremath{-}", "\u00a0": "~",
    '"': r"\textquotedbl{}", "'": r"\textquotesingle{}",
}  # fmt: skip

FONTS = (
    r"\usepackage{lmodern}",
    r"\usepackage{lmodern}\renewcommand\familydefault{\sfdefault}",
    r"\usepackage{mathptmx}",
    r"\usepackage[scaled]{helvet}\renewcommand\familydefault{\sfdefault}",
    r"\usepackage{mathpazo}",
    r"\usepackage{charter}",
)
ACCENTS = ("1F4E79", "7A1F2B", "22543D", "4A3068", "222222", "8A4B08", "0B5563")
TINTS = ("EEF2F7", "F7EFE6", "EDF6EE", "F4EEF8", "F2F2F2", "FDF6DD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """``size``: of the document class, in points; ``rules``: book, lines, rows, tint or none."""

    font: str
    size: int
    accent: str
    tint: str
    rules: str
    centred: bool
    stretch: float


def choose_look(rng: np.random.Generator) -> Look:
    """One of many."""
    return Look(
        font=one(rng, FONTS),
        size=one(rng, (10, 11, 12)),
        accent=one(rng, ACCENTS),
        tint=one(rng, TINTS),
        rules=one(rng, ("book", "book", "lines", "rows", "tint")),
        centred=bool(rng.random() < 0.4),
        stretch=one(rng, (1.0, 1.15, 1.35)),
    )


def escaped(text: str) -> str:
    """Text as TeX takes it."""
    return "".join(_SPECIAL.get(letter, letter) for letter in text)


class Marks:
    r"""Numbers what shall be found again, and remembers what it is."""

    def __init__(self) -> None:
        self._meanings: list[dict[str, Any]] = []

    def number(self, role: str, datum: dict[str, int], text: str = "") -> int:
        """The number of a new mark."""
        self._meanings.append({"role": role, "text": text, "datum": datum})
        return len(self._meanings) - 1

    def text(self, role: str, datum: dict[str, int], text: str) -> str:
        r"""``\mk{7}{text}``."""
        return rf"\mk{{{self.number(role, datum, text)}}}{{{escaped(text)}}}"

    def words(self, datum: dict[str, int], text: str) -> str:
        """Running text, every word of it marked."""
        return " ".join(self.text("word", {**datum, "word": place}, word) for place, word in enumerate(text.split(" ")))

    def lines(self) -> str:
        """What stands behind the end of the document."""
        return "\n".join(
            f"%@ {number} {json.dumps(meaning, ensure_ascii=False)}" for number, meaning in enumerate(self._meanings)
        )


def document(look: Look, marks: Marks, body: str, *, width: float, packages: Sequence[str] = ()) -> str:
    """A whole file of one page, ``width`` in centimetres."""
    more = "\n".join(rf"\usepackage{{{name}}}" for name in packages)
    return "\n".join([
        rf"\documentclass[{look.size}pt]{{article}}",
        rf"\usepackage[paperwidth={width:g}cm,paperheight=60cm,margin=1.2cm]{{geometry}}",
        r"\usepackage[T1]{fontenc}\usepackage[utf8]{inputenc}\usepackage{textcomp,cmap}",
        look.font,
        r"\usepackage{booktabs}\usepackage[table]{xcolor}",
        more,
        rf"\definecolor{{accent}}{{HTML}}{{{look.accent}}}\definecolor{{tint}}{{HTML}}{{{look.tint}}}",
        r"\pagestyle{empty}\setlength\parindent{0pt}\setlength\parskip{6pt}",
        r"\input{glyphtounicode}\pdfgentounicode=1",
        "%MARKS",
        r"\begin{document}",
        r"\raggedright" if not look.centred else r"\centering",
        body,
        r"\end{document}",
        marks.lines(),
        "",
    ])  # fmt: skip


def table(grid: Grid, look: Look, marks: Marks) -> str:
    """A tabular with every cell marked; none spans several rows."""
    assert not grid.spans
    right = [any(row[column] is not None for row in grid.numbers) for column in range(len(grid.header))]
    bar = "|" if look.rules == "lines" else ""
    columns = bar + bar.join("r" if side else "l" for side in right) + bar
    top, middle, bottom = {
        "book": (r"\toprule", r"\midrule", r"\bottomrule"),
        "lines": (r"\hline", r"\hline", r"\hline"),
        "rows": ("", r"\hline", ""),
    }.get(look.rules, ("", "", ""))
    head = " & ".join(
        rf"\textbf{{{marks.text('header', {'column': column}, name)}}}" for column, name in enumerate(grid.header)
    )
    tint = r"\rowcolor{tint}" if look.rules == "tint" else ""
    lines = [rf"{{\renewcommand\arraystretch{{{look.stretch}}}\begin{{tabular}}{{{columns}}}", top, rf"{tint}{head} \\"]
    lines += [middle, *_rows(grid, look, marks), bottom, r"\end{tabular}}"]
    return "\n".join(line for line in lines if line)


def _rows(grid: Grid, look: Look, marks: Marks) -> list[str]:
    lines = []
    for row, texts in enumerate(grid.rows):
        cells = [marks.text("cell", {"row": row, "column": column}, text) for column, text in enumerate(texts)]
        tint = r"\rowcolor{tint}" if look.rules == "tint" and row % 2 else ""
        lines.append(rf"{tint}{' & '.join(cells)} \\")
        if look.rules in {"lines", "rows"} and row + 1 < len(grid.rows):
            lines.append(r"\hline")
    return lines
