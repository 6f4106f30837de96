"""Pieces of typst source: quoted texts, marked labels and values, tables with spans, and the look of a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from openmolmo.engine.docs.base import Fields, Grid
from openmolmo.engine.docs.fonts import MONO, SANS, SERIF
from openmolmo.engine.docs.tools.typst import PRELUDE
from openmolmo.engine.docs.worlds.language import one

__all__ = [
    "Look",
    "choose_look",
    "item_table",
    "label",
    "lines",
    "page",
    "pairs",
    "quoted",
    "table",
    "text_of",
    "value",
]

_FONTS = (SANS, SERIF, "STIXGeneral", "Libertinus Serif", "New Computer Modern", MONO)
_INKS = ("#1d3557", "#7a1f2b", "#22543d", "#4a3068", "#222222", "#8a4b08", "#0b5563")
_TINTS = ("#eef2f7", "#f7efe6", "#edf6ee", "#f4eef8", "#f2f2f2", "#fdf6dd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a page looks: ``size`` in points, ``ink`` and ``tint`` as "#rrggbb"."""

    font: str
    size: float
    ink: str
    tint: str
    paper: str
    rules: str
    """lines, rows, zebra or none: what sets the rows of a table apart."""
    pairs: str
    """colon, columns, spread or above: where a value stands by its label."""


def choose_look(rng: np.random.Generator, *, fonts: Sequence[str] = _FONTS) -> Look:
    """One of many."""
    return Look(
        font=one(rng, fonts),
        size=float(rng.integers(18, 25)) / 2,
        ink=one(rng, _INKS),
        tint=one(rng, _TINTS),
        paper=one(rng, ("#ffffff", "#ffffff", "#fffdf7", "#fafafa")),
        rules=one(rng, ("lines", "rows", "zebra", "none")),
        pairs=one(rng, ("colon", "columns", "spread", "above")),
    )


def quoted(text: str) -> str:
    """A typst string."""
    return json.dumps(text, ensure_ascii=False)


def page(
    look: Look, body: str, *, width: float | None, height: str = "auto", margin: float = 28, extra: str = ""
) -> str:
    """A whole file: ``width`` (none: as wide as its content) and ``margin`` in points."""
    wide = "auto" if width is None else f"{width:g}pt"
    return (
        f'{PRELUDE}#set page(width: {wide}, height: {height}, margin: {margin}pt, fill: rgb("{look.paper}"))\n'
        f'#set text(font: {quoted(look.font)}, size: {look.size}pt)\n#let ink = rgb("{look.ink}")\n'
        f'#let tint = rgb("{look.tint}")\n{extra}\n{body}\n'
    )


def label(content: Fields, number: int, *, colon: bool = False) -> str:
    """The name of a field, marked."""
    end = ":" if colon else ""
    return f'#mk("field", (field: {number}), {quoted(content.fields[number][0] + end)})'


def value(content: Fields, number: int) -> str:
    """The value of a field, marked."""
    return f'#mk("value", (field: {number}), {quoted(content.fields[number][1])})'


def text_of(number: int, paragraph: str) -> str:
    """A paragraph, every word of it marked."""
    return f'#words("word", (paragraph: {number}), {quoted(paragraph)})'


def pairs(content: Fields, numbers: Sequence[int], how: str) -> str:
    """Fields below each other."""
    if how == "colon":
        return "\n\n".join(f"{label(content, n, colon=True)} {value(content, n)}" for n in numbers)
    if how == "spread":
        return "\n\n".join(f"{label(content, n)} #h(1fr) {value(content, n)}" for n in numbers)
    if how == "above":
        cells = ", ".join(
            f"[#text(size: 0.8em, fill: ink)[{label(content, n)}] #linebreak() {value(content, n)}]" for n in numbers
        )
        return f"#grid(columns: (1fr, 1fr), row-gutter: 10pt, column-gutter: 14pt, {cells})"
    cells = ", ".join(f"[*{label(content, n)}*], [{value(content, n)}]" for n in numbers)
    return f"#grid(columns: (auto, auto), column-gutter: 16pt, row-gutter: 6pt, {cells})"


def lines(content: Fields, numbers: Sequence[int], *, last_bold: int | None = None) -> str:
    """Sums under a bill: label left, value right, one of them in bold."""
    rows = []
    for number in numbers:
        row = f"{label(content, number)} #h(1fr) {value(content, number)}"
        rows.append(f"#text(weight: 700)[{row}]" if number == last_bold else row)
    return "\n\n".join(rows)


def table(grid: Grid, look: Look, *, columns: str = "", fill_header: bool = True) -> str:
    """A typst table of all cells, marked; spans as typst spans; numbers to the right."""
    count = len(grid.header)
    right = [any(row[column] is not None for row in grid.numbers) for column in range(count)]
    align = ", ".join("right" if side else "left" for side in right)
    stroke = {"lines": "0.6pt + gray", "rows": "none", "zebra": "none", "none": "none"}[look.rules]
    fill = "(_, y) => if y == 0 { tint } else if calc.even(y) and ZEBRA { luma(243) }"
    fill = fill.replace("ZEBRA", "true" if look.rules == "zebra" else "false")
    head = ", ".join(
        f'[#text(weight: 700, fill: ink)[#mk("header", (column: {column}), {quoted(text)})]]'
        for column, text in enumerate(grid.header)
    )
    parts = [
        f"columns: {columns or count}",
        f"align: ({align},)",
        f"stroke: {stroke}",
        "inset: (x: 7pt, y: 4.5pt)",
        f"fill: {fill}" if fill_header else "fill: none",
        f"table.header({head})",
        *_body(grid, look),
    ]
    return f"#table({', '.join(parts)})"


def _body(grid: Grid, look: Look) -> list[str]:
    covered = {
        (row + down, column + across)
        for row, column, rows, columns in grid.spans
        for down in range(rows)
        for across in range(columns)
        if (down, across) != (0, 0)
    }
    spans = {(row, column): (rows, columns) for row, column, rows, columns in grid.spans}
    cells = []
    for row, texts in enumerate(grid.rows):
        if look.rules == "rows":
            cells.append("table.hline(stroke: 0.5pt + gray)")
        for column, text in enumerate(texts):
            if (row, column) in covered:
                continue
            rows, columns = spans.get((row, column), (1, 1))
            content = f'[#mk("cell", (row: {row}, column: {column}), {quoted(text)})]'
            if (rows, columns) == (1, 1):
                cells.append(content)
            else:
                cells.append(f"table.cell(rowspan: {rows}, colspan: {columns}, align: horizon){content}")
    return cells


def item_table(content: Fields, look: Look, *, columns: str = "") -> str:
    """The lines of a bill, a menu or a timetable."""
    assert content.items is not None
    return table(content.items, look, columns=columns)
