"""Receipts, invoices, forms, letters, timetables, menus, reports, cards, slides, tickets, labels, certificates."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from openmolmo.engine.docs.base import Fields, Kind, Program, Spec
from openmolmo.engine.docs.families.typst.source import (
    Look,
    choose_look,
    item_table,
    label,
    lines,
    page,
    pairs,
    quoted,
    text_of,
    value,
)
from openmolmo.engine.docs.fonts import MONO, SANS
from openmolmo.engine.docs.worlds import fields
from openmolmo.engine.docs.worlds.language import one

__all__ = ["PAPERS", "TypstPaper"]

Layout = Callable[[np.random.Generator, Look, Fields], str]


class TypstPaper:
    """One form of :data:`~openmolmo.engine.docs.worlds.FIELD_FORMS`, laid out in typst."""

    tool = "typst"
    kind: Kind = "document"

    def __init__(self, form: str) -> None:
        self.form, self.name = form, f"typst_{form}"

    def write(self, rng: np.random.Generator, spec: Spec) -> Program:
        content = fields(rng, spec, self.form)
        look = choose_look(rng)
        source = _LAYOUTS[self.form](rng, look, content)
        return Program(spec=spec, content=content, source=source, style={"ppi": int(rng.integers(90, 131))})


def _title(content: Fields, size: str = "1.5em") -> str:
    return f'#text(size: {size}, weight: 700, fill: ink)[#mk("title", (:), {quoted(content.title)})]'


def _line(content: Fields, number: int) -> str:
    """A label, a colon and the value."""
    return f"{label(content, number, colon=True)} {value(content, number)}"


def _all(content: Fields) -> list[int]:
    return list(range(len(content.fields)))


def _receipt(rng: np.random.Generator, look: Look, content: Fields) -> str:
    look = dataclasses.replace(look, font=one(rng, (MONO, MONO, SANS)), rules="none", size=8.5)
    head = f"#align(center)[{_title(content, '1.2em')}\n\n{value(content, 0)}]"
    rule = one(rng, ('#line(length: 100%, stroke: (dash: "dashed"))', "#line(length: 100%)", "#v(4pt)"))
    sums = [n for n in _all(content) if n > 3]
    body = "\n\n".join(
        [head, pairs(content, [1, 2, 3], one(rng, ("colon", "spread"))), rule,
         item_table(content, look, columns="(1fr, auto, auto, auto)"), rule, lines(content, sums, last_bold=sums[2])]
    )  # fmt: skip
    return page(look, body, width=float(rng.integers(255, 300)), margin=16)


def _invoice(rng: np.random.Generator, look: Look, content: Fields) -> str:
    left, right = pairs(content, [0, 1, 2], "colon"), pairs(content, [3, 4, 5], "columns")
    blocks = f"#grid(columns: (1fr, 1fr), column-gutter: 20pt, [{left}], [{right}])"
    sums = [n for n in _all(content) if n > 5]
    title = _title(content, "1.9em")
    if rng.random() < 0.5:
        title = f"#align(right)[{title}]"
    body = "\n\n".join(
        [title, "#v(8pt)", blocks, "#v(10pt)", item_table(content, look, columns="(1fr, auto, auto, auto)"),
         f"#align(right)[#block(width: 48%)[#set align(left)\n{lines(content, sums, last_bold=sums[-1])}]]"]
    )  # fmt: skip
    return page(look, body, width=float(rng.integers(440, 520)), margin=36)


def _form(rng: np.random.Generator, look: Look, content: Fields) -> str:
    order = _all(content)
    how = one(rng, ("boxes", "lines"))
    cells = []
    for number in order:
        inside = value(content, number)
        frame = (
            f"#rect(width: 100%, stroke: 0.7pt + ink, inset: 6pt)[{inside}]"
            if how == "boxes"
            else f"{inside} #v(-8pt) #line(length: 100%, stroke: 0.6pt)"
        )
        cells.append(f"[#text(size: 0.85em)[{label(content, number)}] #v(-6pt) {frame}]")
    columns = one(rng, ("(1fr,)", "(1fr, 1fr)", "(1fr, 1fr)"))
    body = f"{_title(content)}\n\n#v(6pt)\n#grid(columns: {columns}, gutter: 14pt, {', '.join(cells)})"
    return page(look, body, width=float(rng.integers(400, 470)))


def _letter(rng: np.random.Generator, look: Look, content: Fields) -> str:
    first = f"{value(content, 0)}\n\n#v(8pt)\n{label(content, 1, colon=True)} {value(content, 1)}"
    day = f"#align(right)[{value(content, 2)}, {value(content, 3)}]"
    subject = f"#text(weight: 700)[{label(content, 4, colon=True)} {value(content, 4)}]"
    paragraphs = "\n\n".join(text_of(n, text) for n, text in enumerate(content.paragraphs))
    body = "\n\n".join([first, day, "#v(10pt)", subject, "#v(4pt)", paragraphs, "#v(12pt)"])
    extra = f"#set par(justify: {'true' if rng.random() < 0.4 else 'false'}, leading: 0.45em, spacing: 1em)"
    return page(look, body, width=float(rng.integers(400, 480)), margin=44, extra=extra)


def _timetable(rng: np.random.Generator, look: Look, content: Fields) -> str:
    how = one(rng, ("colon", "columns"))
    body = f"{_title(content)}\n\n{pairs(content, [0, 1], how)}\n\n#v(4pt)\n{item_table(content, look)}"
    return page(look, body, width=None)


def _menu(rng: np.random.Generator, look: Look, content: Fields) -> str:
    assert content.items is not None
    rows = []
    dots = one(rng, ("#box(width: 1fr, repeat[.])", "#h(1fr)"))
    for number, (dish, price) in enumerate(content.items.rows):
        left = f'#mk("cell", (row: {number}, column: 0), {quoted(dish)})'
        rows.append(f'{left} {dots} #mk("cell", (row: {number}, column: 1), {quoted(price)})')
    head = f"#align(center)[{_title(content, '2em')}\n\n{label(content, 0, colon=True)} {value(content, 0)}]"
    foot = f"#align(center)[#text(size: 0.85em)[{value(content, 1)} · {_line(content, 2)}]]"
    body = "\n\n".join([head, "#v(10pt)", *rows, "#v(12pt)", foot])
    frame = f"#rect(width: 100%, stroke: 1.2pt + ink, inset: 18pt)[{body}]" if rng.random() < 0.5 else body
    return page(look, frame, width=float(rng.integers(330, 400)))


def _report(rng: np.random.Generator, look: Look, content: Fields) -> str:
    half = max(1, len(content.paragraphs) // 2)
    texts = [text_of(n, text) for n, text in enumerate(content.paragraphs)]
    note = f"#super[1] #text(size: 0.8em)[{label(content, 3, colon=True)} {value(content, 3)}]"
    by = f"{_line(content, 0)} #h(14pt) {_line(content, 2)}"
    rest = f"{_line(content, 1)} #h(14pt) {_line(content, 4)}"
    body = "\n\n".join(
        [_title(content, "1.8em"), by, rest, "#line(length: 100%, stroke: 0.8pt + ink)", "#v(2pt)",
         *texts[:half], "#v(2pt)", f"#align(center)[{item_table(content, look)}]", *texts[half:],
         "#v(10pt)", "#line(length: 35%, stroke: 0.5pt)", note]
    )  # fmt: skip
    extra = "#set par(leading: 0.45em, spacing: 0.95em)"
    return page(look, body, width=float(rng.integers(430, 500)), margin=42, extra=extra)


def _id_card(rng: np.random.Generator, look: Look, content: Fields) -> str:
    look = dataclasses.replace(look, size=8.5)
    face = (
        "#box(width: 74pt, height: 92pt, fill: tint, stroke: 0.6pt + ink, clip: true)["
        "#place(center + horizon, dy: -14pt, circle(radius: 17pt, fill: ink.lighten(45%)))"
        "#place(center + bottom, dy: 26pt, ellipse(width: 66pt, height: 62pt, fill: ink.lighten(25%)))]"
    )
    rows = pairs(content, [1, 2, 3, 4, 5], one(rng, ("columns", "colon")))
    columns = [f"[{face}]", f"[{rows}]"]
    sizes = ["80pt", "1fr"]
    if rng.random() < 0.4:
        columns, sizes = columns[::-1], sizes[::-1]
    band = (
        f"#block(width: 100%, fill: ink, inset: 8pt, radius: 3pt)[#set text(fill: white)\n{value(content, 0)} #h(1fr) "
        f'#text(weight: 700)[#mk("title", (:), {quoted(content.title)})]]'
    )
    body = f"{band}\n#v(2pt)\n#grid(columns: ({', '.join(sizes)}), column-gutter: 12pt, {', '.join(columns)})"
    return page(look, body, width=float(rng.integers(310, 345)), margin=12)


def _slide(rng: np.random.Generator, look: Look, content: Fields) -> str:
    bullet = one(rng, ("•", "–", "▪"))
    points = "\n\n".join(f"{bullet} {text_of(n, text)}" for n, text in enumerate(content.paragraphs))
    foot = f"#text(size: 0.75em)[{value(content, 0)} #h(1fr) {value(content, 1)} #h(1fr) {value(content, 2)}]"
    body = "\n\n".join(
        [_title(content, "2em"), "#line(length: 100%, stroke: 2pt + ink)",
         f"#grid(columns: (1fr, auto), column-gutter: 18pt, [{points}], [{item_table(content, look)}])",
         "#v(1fr)", foot]
    )  # fmt: skip
    return page(look, body, width=600, height="338pt", margin=30)


def _ticket(rng: np.random.Generator, look: Look, content: Fields) -> str:
    rows = pairs(content, [1, 2, 3], "columns")
    main = f"{_title(content, '1.3em')}\n\n#text(size: 1.4em)[{value(content, 0)}]\n\n{rows}"
    stub = pairs(content, [4, 5, 6], one(rng, ("colon", "spread")))
    order = [f"[{main}]", f'[#rect(stroke: (left: (paint: ink, dash: "dashed")), inset: (left: 14pt))[{stub}]]']
    body = (
        "#rect(width: 100%, stroke: 1pt + ink, fill: tint, radius: 6pt, inset: 14pt)["
        f"#grid(columns: (1fr, 125pt), column-gutter: 12pt, align: horizon, {', '.join(order)})]"
    )
    return page(look, body, width=float(rng.integers(400, 450)), margin=10)


def _label(rng: np.random.Generator, look: Look, content: Fields) -> str:
    ends = (
        f"#grid(columns: (1fr, 1fr), gutter: 12pt, [{_line(content, 0)}], [{_line(content, 1)}\n\n{value(content, 2)}])"
    )
    rest = pairs(content, [3, 4, 5, 6], look.pairs)
    bars = " ".join(
        f"#box(width: {width}pt, height: 30pt, fill: black)#h({gap}pt)"
        for width, gap in zip(rng.integers(1, 4, 34), rng.integers(1, 4, 34), strict=True)
    )
    body = (
        f"#rect(width: 100%, stroke: 1.5pt, inset: 12pt)[{_title(content, '1.4em')}\n\n#line(length: 100%)\n{ends}\n\n"
        f"#line(length: 100%)\n{rest}\n\n#v(4pt)\n{bars}]"
    )
    return page(look, body, width=float(rng.integers(340, 400)), margin=14)


def _certificate(rng: np.random.Generator, look: Look, content: Fields) -> str:
    name = f"#text(size: 1.7em, fill: ink)[{value(content, 0)}]"
    middle = f"{_line(content, 1)} #h(18pt) {_line(content, 2)}"
    foot = (
        f"#grid(columns: (1fr, 1fr), [{value(content, 3)}\n#line(length: 70%)\n{label(content, 3)}], "
        f"[{value(content, 4)}\n#line(length: 70%)\n{label(content, 4)}])"
    )
    body = (
        f"#rect(width: 100%, stroke: {one(rng, ('3pt', '1.5pt', '5pt'))} + ink, inset: 24pt)[#set align(center)\n"
        f"{_title(content, '2.2em')}\n\n#v(8pt)\n{name}\n\n{middle}\n\n"
        f"{text_of(0, content.paragraphs[0])}\n\n#v(18pt)\n{foot}]"
    )
    return page(look, body, width=float(rng.integers(460, 540)), margin=18)


_LAYOUTS: dict[str, Layout] = {
    "receipt": _receipt,
    "invoice": _invoice,
    "form": _form,
    "letter": _letter,
    "timetable": _timetable,
    "menu": _menu,
    "report": _report,
    "id_card": _id_card,
    "slide": _slide,
    "ticket": _ticket,
    "label": _label,
    "certificate": _certificate,
}

PAPERS = {form: TypstPaper(form) for form in _LAYOUTS}

# Entry points need a name each.
RECEIPT = PAPERS["receipt"]
INVOICE = PAPERS["invoice"]
FORM = PAPERS["form"]
LETTER = PAPERS["letter"]
TIMETABLE = PAPERS["timetable"]
MENU = PAPERS["menu"]
REPORT = PAPERS["report"]
ID_CARD = PAPERS["id_card"]
SLIDE = PAPERS["slide"]
TICKET = PAPERS["ticket"]
LABEL = PAPERS["label"]
CERTIFICATE = PAPERS["certificate"]
