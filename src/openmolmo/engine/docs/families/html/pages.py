"""Tables and papers as web pages: the content of a small world in a template, in one of many looks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from openmolmo.engine.docs.base import Fields, Grid, Program, Spec
from openmolmo.engine.docs.families.by_function import Families, FunctionFamily
from openmolmo.engine.docs.worlds.fields import fields
from openmolmo.engine.docs.worlds.grid import GRID_FORMS, grid
from openmolmo.engine.docs.worlds.language import one, place

__all__ = ["FAMILIES"]

FONTS = (
    "'Liberation Sans', sans-serif",
    "'Liberation Serif', serif",
    "'DejaVu Sans', sans-serif",
    "'DejaVu Serif', serif",
    "'Liberation Sans', sans-serif",
)
MONO = ("'DejaVu Sans Mono', monospace", "'Liberation Mono', monospace", "'DejaVu Sans', sans-serif")
ACCENTS = ("#1f4e79", "#7a1f2b", "#22543d", "#4a3068", "#222222", "#8a4b08", "#0b5563", "#b03060")
TINTS = ("#eef2f7", "#f7efe6", "#edf6ee", "#f4eef8", "#f2f2f2", "#fdf6dd")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """Lengths in CSS pixels, sizes of headings in ``em``."""

    width: int
    margin: int
    ground: str
    ink: str
    soft: str
    accent: str
    tint: str
    font: str
    size: int
    leading: float
    title_size: float
    weight: str
    value_weight: str
    align: str
    rules: str
    wide: bool
    pad: int


def _look(rng: np.random.Generator, width: tuple[int, int], fonts: tuple[str, ...] = FONTS) -> _Look:
    return _Look(
        width=int(rng.integers(*width)),
        margin=int(rng.integers(16, 44)),
        ground=one(rng, ("#ffffff", "#ffffff", "#fafafa", "#fffdf7", "#f4f6f8")),
        ink=one(rng, ("#222222", "#000000", "#333a45")),
        soft=one(rng, ("#555555", "#4b5563", "#6b5b4b")),
        accent=one(rng, ACCENTS),
        tint=one(rng, TINTS),
        font=one(rng, fonts),
        size=int(rng.integers(13, 18)),
        leading=one(rng, (1.3, 1.4, 1.5)),
        title_size=one(rng, (1.3, 1.5, 1.8)),
        weight=one(rng, ("bold", "normal", "bold")),
        value_weight=one(rng, ("bold", "normal")),
        align=one(rng, ("left", "left", "center")),
        rules=one(rng, ("lines", "rows", "zebra", "book", "none")),
        wide=bool(rng.random() < 0.4),
        pad=int(rng.integers(4, 10)),
    )


@functools.cache
def _templates() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)


def _of_grid(items: Grid | None) -> dict[str, Any]:
    """What the macro ``table`` needs: which columns are numbers, which cells are covered by others."""
    if items is None:
        return {"grid": None, "right": [], "covered": set(), "spans": {}}
    spans = {(row, column): (rows, columns) for row, column, rows, columns in items.spans}
    covered = {
        (row + down, column + across)
        for (row, column), (rows, columns) in spans.items()
        for down in range(rows)
        for across in range(columns)
        if down or across
    }
    right = [any(row[column] is not None for row in items.numbers) for column in range(len(items.header))]
    return {"grid": items, "right": right, "covered": covered, "spans": spans}


def _program(
    rng: np.random.Generator, spec: Spec, content: Fields | Grid, template: str, look: _Look, **more: Any
) -> Program:
    items = content if isinstance(content, Grid) else content.items
    source = _templates().get_template(template).render(
        content=content, look=look, language=spec.language, **_of_grid(items), **more
    )  # fmt: skip
    style = {"width": look.width}  # at one scale: a browser that changes it sets letters otherwise afterwards
    return Program(spec=spec, content=content, source=source, style=style)


_SOURCE = {"en": "Source", "de": "Quelle", "fr": "Source", "es": "Fuente", "it": "Fonte", "pt": "Fonte"}


def _table_writer(form: str, style: str) -> Callable[[np.random.Generator, Spec], Program]:
    def write(rng: np.random.Generator, spec: Spec) -> Program:
        content = grid(rng, spec, form)
        look = _look(rng, (620, 900))
        source = f"{_SOURCE[spec.language]}: {place(rng)}" if rng.random() < 0.4 else ""
        below = bool(rng.random() < 0.2)
        return _program(rng, spec, content, "table.j2", look, style=style, source=source, caption_below=below)

    return write


PAPERS: dict[str, tuple[str, tuple[int, int]]] = {
    "receipt": ("receipt.j2", (330, 430)),
    "invoice": ("invoice.j2", (640, 860)),
    "timetable": ("timetable.j2", (560, 820)),
    "menu": ("menu.j2", (420, 640)),
    "form": ("form.j2", (480, 760)),
    "report": ("report.j2", (600, 860)),
    "letter": ("letter.j2", (560, 760)),
    "id_card": ("card.j2", (430, 560)),
    "ticket": ("card.j2", (430, 600)),
    "label": ("card.j2", (400, 560)),
    "certificate": ("certificate.j2", (620, 860)),
    "slide": ("dashboard.j2", (760, 1000)),
}
"""Form of the content to its template and the limits of its width."""


def _choices(rng: np.random.Generator, form: str) -> dict[str, Any]:
    """What a template chooses among."""
    return {
        "banner": bool(rng.random() < 0.4),
        "centred": bool(rng.random() < 0.5),
        "framed": bool(rng.random() < 0.5),
        "ruled": bool(rng.random() < 0.5),
        "badge": bool(rng.random() < 0.6),
        "bars": bool(rng.random() < 0.5) and form != "id_card",
        "above": bool(rng.random() < 0.4),
        "photo": form == "id_card",
        "columns": 1 if form == "menu" else int(rng.integers(1, 3)),
        "kind": one(rng, ("box", "under", "side")),
    }


def _paper_writer(form: str) -> Callable[[np.random.Generator, Spec], Program]:
    template, width = PAPERS[form]

    def write(rng: np.random.Generator, spec: Spec) -> Program:
        content = fields(rng, spec, form)
        look = _look(rng, width, MONO if form == "receipt" else FONTS)
        more = _choices(rng, form)
        if form in {"receipt", "invoice"}:
            heads = 4 if form == "receipt" else 6  # then the sums, and last what was paid
            total = heads + 2
            more |= {"head": list(range(heads)), "tail": list(range(heads, len(content.fields))), "total": total}
        return _program(rng, spec, content, template, look, **more)

    return write


def _table(name: str, form: str, style: str) -> FunctionFamily:
    return FunctionFamily(name=name, tool="html", kind="table", writer=_table_writer(form, style))


FAMILIES = Families([
    *(_table(f"html_{form}", form, "plain") for form in GRID_FORMS),
    _table("html_sheet", "prices", "sheet"),
    _table("html_card", "measures", "card"),
    *(
        FunctionFamily(name=f"html_{form}", tool="html", kind="document", writer=_paper_writer(form))
        for form in PAPERS
    ),
])  # fmt: skip
"""By name."""
