"""Tables of figures, groups, people, years, leagues and prices, in typst."""

from __future__ import annotations

import numpy as np

from openmolmo.engine.docs.base import Kind, Program, Spec
from openmolmo.engine.docs.families.typst.source import choose_look, page, quoted, table
from openmolmo.engine.docs.worlds import grid
from openmolmo.engine.docs.worlds.grid import GRID_FORMS
from openmolmo.engine.docs.worlds.language import one

__all__ = ["TABLES", "TypstTable"]


class TypstTable:
    """One form of table, with title above or below and several kinds of rules."""

    tool = "typst"
    kind: Kind = "table"

    def __init__(self, form: str) -> None:
        self.form, self.name = form, f"typst_{form}"

    def write(self, rng: np.random.Generator, spec: Spec) -> Program:
        content, look = grid(rng, spec, self.form), choose_look(rng)
        size = one(rng, ("1.1em", "1.3em", "1.5em"))
        title = f'#text(size: {size}, weight: 700)[#words("title", (:), {quoted(content.title)})]'
        rows = table(content, look, fill_header=rng.random() < 0.75)
        parts = [title, rows] if rng.random() < 0.8 else [rows, title]
        body = "\n\n".join(parts)
        if rng.random() < 0.4:
            body = f"#set align(center)\n{body}"
        # As wide as its content asks for: about six points a letter of the widest line.
        columns = zip(content.header, *content.rows, strict=True)
        widest = sum(max(map(len, column)) + 3 for column in columns)
        width = None if rng.random() < 0.6 else float(round(max(260.0, widest * look.size * 0.62 + 80)))
        return Program(
            spec=spec,
            content=content,
            source=page(look, body, width=width),
            style={"ppi": int(rng.integers(90, 131))},
        )


TABLES = {form: TypstTable(form) for form in GRID_FORMS}

# Entry points need a name each.
MEASURES = TABLES["measures"]
GROUPED = TABLES["grouped"]
PEOPLE = TABLES["people"]
MATRIX = TABLES["matrix"]
LEAGUE = TABLES["league"]
PRICES = TABLES["prices"]
