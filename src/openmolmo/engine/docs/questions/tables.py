"""Questions about tables: cells by row and column, extremes, sums, spans, missing values, order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from openmolmo.engine.docs.base import Grid
from openmolmo.engine.docs.questions.base import Family, Question, View, wording
from openmolmo.engine.docs.worlds.language import word_list

__all__ = ["TABLE_QUESTIONS", "TableFacts"]


class TableFacts:
    """A table, and which of its rows and columns can be asked about by name."""

    def __init__(self, view: View, grid: Grid | None = None, prefix: str = "table") -> None:
        content = view.content if grid is None else grid
        assert isinstance(content, Grid)
        self.view, self.grid, self.prefix = view, content, prefix
        self.key = self._key()
        """The column whose texts name the rows: the first without numbers, repeats or spans."""
        self.names = [row[self.key] for row in content.rows] if self.key is not None else []

    def _key(self) -> int | None:
        for column in range(len(self.grid.header)):
            texts = [row[column] for row in self.grid.rows]
            if len(set(texts)) == len(texts) and all(row[column] is None for row in self.grid.numbers):
                return column
        return None

    @property
    def key_name(self) -> str:
        """The header of the column that names the rows."""
        return self.grid.header[self.key] if self.key is not None else ""

    def numeric(self) -> list[int]:
        """Columns with two numbers or more, but for ranks."""
        columns = range(len(self.grid.header))
        found = [c for c in columns if sum(row[c] is not None for row in self.grid.numbers) > 1]
        ranks = [place + 1.0 for place in range(len(self.grid.rows))]
        return [c for c in found if [row[c] for row in self.grid.numbers] != ranks]

    @property
    def totals(self) -> bool:
        """Whether the last row sums up the others."""
        rows = self.grid.numbers
        columns = self.numeric()
        return (
            len(rows) > 2
            and bool(columns)
            and all(
                rows[-1][c] is not None and abs(sum(row[c] or 0 for row in rows[:-1]) - (rows[-1][c] or 0)) < 0.01
                for c in columns
            )
        )

    def column(self) -> tuple[int, list[tuple[int, float]]] | None:
        """A column of numbers and its (row, number), without a line of totals."""
        options = self.numeric()
        if not options or self.key is None:
            return None
        column = int(self.view.pick(options))
        rows = self.grid.numbers[:-1] if self.totals else self.grid.numbers
        return column, [(row, value) for row, values in enumerate(rows) if (value := values[column]) is not None]

    def text(self, value: float) -> str:
        decimals = next(d for d in (0, 1, 2) if d == 2 or abs(value - round(value, d)) < 1e-9)
        return self.view.numbers.text(value, decimals)

    def cell(self, row: int, column: int) -> dict[str, Any]:
        return {"row": row, "column": column}

    def question(self, family: str, answer: str, value: Any, args: tuple[Any, ...], **more: Any) -> Question:
        words = more.pop("words", {})
        return Question(
            family=family, question=wording(self.view, family, key=self.key_name, **words), answer=answer, value=value,
            args=args, **more,
        )  # fmt: skip


def _family(make: Callable[[TableFacts], Question | None]) -> Family:
    return lambda view: make(TableFacts(view))


def lookup(facts: TableFacts) -> Question | None:
    if facts.key is None or len(facts.grid.header) < 2:
        return None
    row = int(facts.view.rng.integers(len(facts.names)))
    column = int(facts.view.pick([c for c in range(len(facts.grid.header)) if c != facts.key]))
    text, head, name = facts.grid.rows[row][column], facts.grid.header[column], facts.names[row]
    return facts.question(
        "table_lookup", text, text, (name, head), words={"r": name, "c": head}, data=(facts.cell(row, column),),
        explanation=f'In the row of {name}, the column "{head}" has {text}.',
    )  # fmt: skip


def _reverse(facts: TableFacts) -> Question | None:
    if facts.key is None:
        return None
    cells = [
        (row, column)
        for row, texts in enumerate(facts.grid.rows)
        for column, text in enumerate(texts)
        if column != facts.key and sum(other[column] == text for other in facts.grid.rows) == 1
    ]
    if not cells:
        return None
    row, column = facts.view.pick(cells)
    text, head = facts.grid.rows[row][column], facts.grid.header[column]
    return facts.question(
        "table_reverse", facts.names[row], facts.names[row], (head, text, facts.key_name),
        words={"c": head, "v": text},
        data=(facts.cell(row, facts.key),),
    )  # fmt: skip


def extreme(facts: TableFacts) -> Question | None:
    found = facts.column()
    if found is None or facts.key is None:
        return None
    column, cells = found
    which = facts.view.pick(("max", "min"))
    values = [value for _, value in cells]
    best = max(values) if which == "max" else min(values)
    if values.count(best) > 1:
        return None
    row = next(row for row, value in cells if value == best)
    head = facts.grid.header[column]
    most = "highest" if which == "max" else "lowest"
    return facts.question(
        "table_extreme", facts.names[row], facts.names[row], (head, which, facts.key_name),
        words={"c": head, "most": most},
        data=(facts.cell(row, facts.key), facts.cell(row, column)),
        explanation=f'The {most} value under "{head}" is {facts.grid.rows[row][column]}, in the row of '
        f"{facts.names[row]}.",
    )  # fmt: skip


def _extreme_value(facts: TableFacts) -> Question | None:
    found = facts.column()
    if found is None:
        return None
    column, cells = found
    which = facts.view.pick(("max", "min"))
    row, best = (max if which == "max" else min)(cells, key=lambda cell: cell[1])
    head = facts.grid.header[column]
    return facts.question(
        "table_extreme_value", facts.grid.rows[row][column], best, (head, which),
        words={"c": head, "most": "highest" if which == "max" else "lowest"}, data=(facts.cell(row, column),),
    )  # fmt: skip


def _over(family: str, compute: Callable[[list[float]], float]) -> Callable[[TableFacts], Question | None]:
    def make(facts: TableFacts) -> Question | None:
        found = facts.column()
        if found is None or facts.key is None or len(found[1]) < 2:
            return None
        column, cells = found
        head = facts.grid.header[column]
        value = round(compute([value for _, value in cells]), 2)
        return facts.question(
            family, facts.text(value), value, (head,), words={"c": head},
            data=tuple(facts.cell(row, column) for row, _ in cells),
            explanation=f'Under "{head}" stand {", ".join(facts.grid.rows[row][column] for row, _ in cells)}. '
            f"The answer is {facts.text(value)}.",
        )  # fmt: skip

    return make


def _pairwise(family: str, compute: Callable[[float, float], float]) -> Callable[[TableFacts], Question | None]:
    def make(facts: TableFacts) -> Question | None:
        found = facts.column()
        if found is None or facts.key is None or len(found[1]) < 2:
            return None
        column, cells = found
        one, other = (cells[int(place)] for place in facts.view.rng.permutation(len(cells))[:2])
        if family == "table_ratio" and (other[1] <= 0 or not 0.05 <= one[1] / other[1] <= 50):
            return None
        value = round(compute(one[1], other[1]), 2)
        names, head = facts.names, facts.grid.header[column]
        return facts.question(
            family, facts.text(value), value, (head, names[one[0]], names[other[0]]),
            words={"c": head, "a": names[one[0]], "b": names[other[0]]},
            data=(facts.cell(one[0], column), facts.cell(other[0], column)),
            explanation=f"{names[one[0]]} has {facts.grid.rows[one[0]][column]} and {names[other[0]]} has "
            f"{facts.grid.rows[other[0]][column]}: the answer is {facts.text(value)}.",
        )  # fmt: skip

    return make


def _greater(facts: TableFacts) -> Question | None:
    found = facts.column()
    if found is None or facts.key is None or len(found[1]) < 2:
        return None
    column, cells = found
    one, other = (cells[int(place)] for place in facts.view.rng.permutation(len(cells))[:2])
    if one[1] == other[1]:
        return None
    names, head, truth = facts.names, facts.grid.header[column], one[1] > other[1]
    return facts.question(
        "table_is_greater", "Yes" if truth else "No", truth, (head, names[one[0]], names[other[0]]),
        words={"c": head, "a": names[one[0]], "b": names[other[0]]},
        data=(facts.cell(one[0], column), facts.cell(other[0], column)),
    )  # fmt: skip


def _above(facts: TableFacts) -> Question | None:
    found = facts.column()
    if found is None or len(found[1]) < 3:
        return None
    column, cells = found
    values = sorted(value for _, value in cells)
    cut = int(facts.view.rng.integers(1, len(values)))
    limit = float(round((values[cut - 1] + values[cut]) / 2))
    above = [row for row, value in cells if value > limit]
    head = facts.grid.header[column]
    last = facts.names[-1] if facts.totals else ""
    return facts.question(
        "table_above", str(len(above)), float(len(above)), (head, limit, last, facts.key_name),
        words={"c": head, "v": facts.text(limit), "but": f", leaving out {last}" if last else ""},
        data=tuple(facts.cell(row, column) for row in above),
    )  # fmt: skip


def _multi_hop(facts: TableFacts) -> Question | None:
    found = facts.column()
    if found is None or facts.key is None:
        return None
    column, cells = found
    others = [c for c in range(len(facts.grid.header)) if c not in {column, facts.key}]
    which = facts.view.pick(("max", "min"))
    values = [value for _, value in cells]
    best = max(values) if which == "max" else min(values)
    if not others or values.count(best) > 1:
        return None
    row = next(row for row, value in cells if value == best)
    other = int(facts.view.pick(others))
    text, head = facts.grid.rows[row][other], facts.grid.header
    most = "highest" if which == "max" else "lowest"
    return facts.question(
        "table_multi_hop", text, text, (head[column], which, head[other]),
        words={"c": head[column], "most": most, "o": head[other]},
        data=(facts.cell(row, column), facts.cell(row, other)),
        explanation=f'"{head[column]}" is {most} in the row of {facts.names[row]}; there "{head[other]}" is {text}.',
    )  # fmt: skip


def _count_rows(facts: TableFacts) -> Question | None:
    count = len(facts.grid.rows)
    return facts.question("table_count_rows", str(count), float(count), ())


def _count_columns(facts: TableFacts) -> Question | None:
    count = len(facts.grid.header)
    data = tuple({"column": column, "role": "header"} for column in range(count))
    return facts.question("table_count_columns", str(count), float(count), (), data=data)


_NTH = ("first", "second", "third", "fourth", "fifth")


def _nth_header(facts: TableFacts) -> Question | None:
    place = int(facts.view.rng.integers(min(5, len(facts.grid.header))))
    head = facts.grid.header[place]
    return facts.question(
        "table_nth_header", head, head, (float(place + 1),), words={"nth": _NTH[place]},
        data=({"column": place, "role": "header"},),
    )  # fmt: skip


def _nth_row(facts: TableFacts) -> Question | None:
    if facts.key is None:
        return None
    last = facts.view.rng.random() < 0.4
    place = len(facts.names) - 1 if last else int(facts.view.rng.integers(min(5, len(facts.names))))
    name = facts.names[place]
    nth = "last" if last else _NTH[place]
    return facts.question(
        "table_nth_row", name, name, (facts.grid.header[facts.key], float(place + 1)), words={"nth": nth},
        data=(facts.cell(place, facts.key),),
    )  # fmt: skip


def _below(facts: TableFacts) -> Question | None:
    if facts.key is None:
        return None
    place = int(facts.view.rng.integers(len(facts.names) - 1))
    names = facts.names
    return facts.question(
        "table_below", names[place + 1], names[place + 1], (names[place], facts.key_name), words={"r": names[place]},
        data=(facts.cell(place + 1, facts.key),),
    )  # fmt: skip


def _missing(facts: TableFacts) -> Iterator[tuple[int, int]]:
    for row, values in enumerate(facts.grid.numbers):
        for column in facts.numeric():
            if values[column] is None:
                yield row, column


def _missing_count(facts: TableFacts) -> Question | None:
    cells = list(_missing(facts))
    if not cells:
        return None
    data = tuple(facts.cell(*cell) for cell in cells)
    return facts.question("table_missing_count", str(len(cells)), float(len(cells)), (), data=data)


def _missing_where(facts: TableFacts) -> Question | None:
    cells = list(_missing(facts))
    if len(cells) != 1 or facts.key is None:
        return None
    row, column = cells[0]
    head = facts.grid.header[column]
    return facts.question(
        "table_missing_where", facts.names[row], facts.names[row], (head, facts.key_name), words={"c": head},
        data=(facts.cell(row, facts.key), facts.cell(row, column)),
    )  # fmt: skip


def _point_missing(facts: TableFacts) -> Question | None:
    cells = list(_missing(facts))
    if not cells:
        return None
    data = tuple({**facts.cell(*cell), "role": "cell"} for cell in cells)
    return facts.question(
        "table_point_missing", str(len(cells)), float(len(cells)), (), data=data, kind="point",
        label="cells without a value",
    )  # fmt: skip


def _in_group(facts: TableFacts) -> Question | None:
    spans = [span for span in facts.grid.spans if span[1] == 0 and span[2] > 1]
    if not spans:
        return None
    row, column, rows, _ = facts.view.pick(spans)
    group = facts.grid.rows[row][column]
    return facts.question(
        "table_in_group", str(rows), float(rows), (group,), words={"g": group},
        data=tuple(facts.cell(row + down, 1) for down in range(rows)),
    )  # fmt: skip


def _group_of(facts: TableFacts) -> Question | None:
    spans = [span for span in facts.grid.spans if span[1] == 0 and span[2] > 1]
    if not spans or facts.key is None or facts.key == 0:
        return None
    row = int(facts.view.rng.integers(len(facts.names)))
    group = facts.grid.rows[row][0]
    return facts.question(
        "table_group_of", group, group, (facts.names[row],),
        words={"r": facts.names[row], "g": facts.grid.header[0]}, data=(facts.cell(row, 0),),
    )  # fmt: skip


def _unit(facts: TableFacts) -> Question | None:
    columns = [c for c, unit in enumerate(facts.grid.units) if unit and f"({unit})" in facts.grid.header[c]]
    if not columns:
        return None
    column = int(facts.view.pick(columns))
    unit, head = facts.grid.units[column], facts.grid.header[column]
    name = head.removesuffix(f" ({unit})")
    return facts.question(
        "table_unit", unit, unit, (name,), words={"c": name}, data=({"column": column, "role": "header"},)
    )


def _title(facts: TableFacts) -> Question | None:
    if not facts.grid.title:
        return None
    return facts.question("table_title", facts.grid.title, facts.grid.title, (), data=({"role": "title"},))


def _absent(facts: TableFacts) -> Question | None:
    there = " ".join(mark.text for mark in facts.view.rendered.marks).casefold()
    name = facts.view.pick([name for name in word_list("names")["places"] if name.casefold() not in there])
    return facts.question(
        "table_absent", "not in the picture", True, (name,), words={"r": name}, kind="not_present", label=name
    )


def _point_cell(facts: TableFacts) -> Question | None:
    if facts.key is None:
        return None
    row = int(facts.view.rng.integers(len(facts.names)))
    column = int(facts.view.pick([c for c in range(len(facts.grid.header)) if c != facts.key] or [facts.key]))
    if any(r <= row < r + h and c <= column < c + w and (r, c) != (row, column) for r, c, h, w in facts.grid.spans):
        return None
    name, head = facts.names[row], facts.grid.header[column]
    text = facts.grid.rows[row][column]
    return facts.question(
        "table_point_cell", text, text, (name, head), words={"r": name, "c": head}, kind="point",
        label=f"{head} of {name}", data=({**facts.cell(row, column), "role": "cell"},),
    )  # fmt: skip


_MAKERS: dict[str, Callable[[TableFacts], Question | None]] = {
    "table_lookup": lookup,
    "table_reverse": _reverse,
    "table_extreme": extreme,
    "table_extreme_value": _extreme_value,
    "table_sum": _over("table_sum", sum),
    "table_average": _over("table_average", lambda values: sum(values) / len(values)),
    "table_difference": _pairwise("table_difference", lambda a, b: abs(a - b)),
    "table_ratio": _pairwise("table_ratio", lambda a, b: a / b),
    "table_is_greater": _greater,
    "table_above": _above,
    "table_multi_hop": _multi_hop,
    "table_count_rows": _count_rows,
    "table_count_columns": _count_columns,
    "table_nth_header": _nth_header,
    "table_nth_row": _nth_row,
    "table_below": _below,
    "table_missing_count": _missing_count,
    "table_missing_where": _missing_where,
    "table_point_missing": _point_missing,
    "table_in_group": _in_group,
    "table_group_of": _group_of,
    "table_unit": _unit,
    "table_title": _title,
    "table_absent": _absent,
    "table_point_cell": _point_cell,
}

TABLE_QUESTIONS: dict[str, Family] = {name: _family(make) for name, make in _MAKERS.items()}
