r"""Tables and papers in LaTeX."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from openmolmo.engine.docs.base import Fields, Program, Spec
from openmolmo.engine.docs.families.by_function import Families, FunctionFamily
from openmolmo.engine.docs.families.latex.source import Look, Marks, choose_look, document, table
from openmolmo.engine.docs.worlds.fields import fields
from openmolmo.engine.docs.worlds.grid import GRID_FORMS, grid
from openmolmo.engine.docs.worlds.language import one

__all__ = ["FAMILIES"]

PAPERS: dict[str, tuple[float, float]] = {
    "receipt": (11.5, 13.5),
    "invoice": (16, 20),
    "timetable": (17, 21),
    "menu": (11, 15),
    "form": (13, 18),
    "report": (14, 19),
    "letter": (13, 18),
    "certificate": (15, 19),
    "label": (12, 15),
}
"""Form to the limits of its width, in centimetres."""


def _title(content: Fields, look: Look, marks: Marks, size: str = r"\Large") -> str:
    return rf"{{{size}\bfseries\color{{accent}}{marks.text('title', {}, content.title)}\par}}\medskip"


def _pair(content: Fields, number: int, marks: Marks, *, between: str = " ") -> str:
    name, value = content.fields[number]
    label = marks.text("field", {"field": number}, f"{name}:")
    return rf"{label}{between}\textbf{{{marks.text('value', {'field': number}, value)}}}"


def _pairs(content: Fields, numbers: Sequence[int], marks: Marks, how: str) -> str:
    if how == "table":
        rows = [_pair(content, number, marks, between=" & ") + r" \\" for number in numbers]
        return "\n".join([r"\begin{tabular}{@{}ll@{}}", *rows, r"\end{tabular}\par"])
    if how == "spread":
        return "\n".join(rf"\noindent{_pair(content, n, marks, between=chr(92) + 'hfill ')}\par" for n in numbers)
    return "\n".join(rf"{_pair(content, number, marks)}\par" for number in numbers)


def _paragraphs(content: Fields, marks: Marks) -> str:
    return "\n\n".join(marks.words({"paragraph": number}, text) for number, text in enumerate(content.paragraphs))


def _bill(content: Fields, look: Look, marks: Marks, heads: int, how: str) -> str:
    assert content.items is not None
    numbers = range(len(content.fields))
    return "\n\n".join([
        _title(content, look, marks),
        _pairs(content, numbers[:heads], marks, how),
        r"\medskip",
        table(content.items, look, marks),
        r"\medskip",
        _pairs(content, numbers[heads:], marks, "spread" if heads == 4 else "table"),
    ])  # fmt: skip


def _paper(content: Fields, look: Look, marks: Marks, form: str, how: str) -> str:
    if form in {"receipt", "invoice"}:
        return _bill(content, look, marks, 4 if form == "receipt" else 6, how)
    size = r"\Huge" if form == "certificate" else r"\LARGE"
    parts = [_title(content, look, marks, size), _pairs(content, range(len(content.fields)), marks, how)]
    if content.paragraphs:
        parts += [r"\medskip", _paragraphs(content, marks)]
    if content.items is not None:
        parts += [r"\medskip", table(content.items, look, marks)]
    if form in {"certificate", "label"}:
        inside = "\n\n".join(parts)
        frame = r"\fcolorbox{accent}{white}{\begin{minipage}{0.92\linewidth}\setlength\parskip{6pt}\bigskip "
        return rf"{frame}{inside}\bigskip\end{{minipage}}}}"
    return "\n\n".join(parts)


def _style(rng: np.random.Generator) -> dict[str, int]:
    return {"dpi": int(rng.integers(90, 140))}


def _paper_writer(form: str) -> Callable[[np.random.Generator, Spec], Program]:
    def write(rng: np.random.Generator, spec: Spec) -> Program:
        content, look, marks = fields(rng, spec, form), choose_look(rng), Marks()
        how = one(rng, ("table", "lines", "spread" if form not in {"report", "timetable"} else "lines"))
        body = _paper(content, look, marks, form, how)
        source = document(look, marks, body, width=float(rng.uniform(*PAPERS[form])))
        return Program(spec=spec, content=content, source=source, style=_style(rng))

    return write


_SIZES = (r"\large", r"\normalsize")


def _table_writer(form: str) -> Callable[[np.random.Generator, Spec], Program]:
    def write(rng: np.random.Generator, spec: Spec) -> Program:
        # Without cells over several rows: each row names its group.
        content, look, marks = dataclasses.replace(grid(rng, spec, form), spans=()), choose_look(rng), Marks()
        words = marks.text("title", {}, content.title)
        title = rf"{{{one(rng, _SIZES)}\textbf{{{words}}}\par}}"
        parts = [title, table(content, look, marks)]
        body = "\n\n".join(parts if rng.random() < 0.75 else reversed(parts))
        source = document(look, marks, body, width=24.0)
        return Program(spec=spec, content=content, source=source, style=_style(rng))

    return write


FAMILIES = Families([
    *(
        FunctionFamily(name=f"latex_{form}", tool="latex", kind="table", writer=_table_writer(form))
        for form in GRID_FORMS
    ),
    *(
        FunctionFamily(name=f"latex_{form}", tool="latex", kind="document", writer=_paper_writer(form))
        for form in PAPERS
    ),
])  # fmt: skip
"""By name."""
