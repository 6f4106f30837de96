"""Tables: groups that span rows, units in the header or in the cells, missing values, a line of totals."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from openmolmo.core.errors import ConfigError
from openmolmo.engine.docs.base import Grid, Spec
from openmolmo.engine.docs.worlds.chart import Measure, categories, has_year
from openmolmo.engine.docs.worlds.language import (
    NumberFormat,
    inside,
    number_format,
    one,
    person,
    place,
    some,
    word,
    word_list,
)

__all__ = ["GRID_FORMS", "grid"]

GRID_FORMS = ("measures", "grouped", "people", "matrix", "league", "prices")


@dataclass(kw_only=True)
class _Table:
    header: list[str] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    numbers: list[list[float | None]] = field(default_factory=list)

    def text_column(self, header: str, cells: list[str]) -> None:
        self._column(header, "", cells, [None] * len(cells))

    def number_column(self, header: str, unit: str, cells: list[str], numbers: list[float | None]) -> None:
        self._column(header, unit, cells, numbers)

    def _column(self, header: str, unit: str, cells: list[str], numbers: list[float | None]) -> None:
        self.header.append(header)
        self.units.append(unit)
        if not self.rows:
            self.rows, self.numbers = [[] for _ in cells], [[] for _ in cells]
        for row, values, cell, number in zip(self.rows, self.numbers, cells, numbers, strict=True):
            row.append(cell)
            values.append(number)

    def finished(self, title: str, spans: tuple[tuple[int, int, int, int], ...] = ()) -> Grid:
        return Grid(
            title=title,
            header=tuple(self.header),
            rows=tuple(map(tuple, self.rows)),
            numbers=tuple(map(tuple, self.numbers)),
            units=tuple(self.units),
            spans=spans,
        )


def grid(rng: np.random.Generator, spec: Spec, form: str | None = None) -> Grid:
    """A table of a form in :data:`GRID_FORMS` (any, unless given).

    Rows count from 0 below the header. The cells under a span all hold the text of the cell that covers them.
    A missing value is printed as a dash (or "n/a") and is none in ``numbers``. ``units`` has one entry a column;
    the header names it in brackets, or the cells carry it.
    """
    form = form or one(rng, GRID_FORMS)
    if form not in GRID_FORMS:
        raise ConfigError(f"there is no table form {form!r}", fix=f"use one of {', '.join(GRID_FORMS)}")
    numbers = number_format(rng, spec.language)
    if form == "prices":
        return _prices(rng, numbers)
    if form in {"people", "league"}:
        return _people(rng, numbers, ranked=form == "league")
    if form == "matrix":
        return _matrix(rng, numbers)
    return _measures(rng, numbers, grouped=form == "grouped")


def _measures(rng: np.random.Generator, numbers: NumberFormat, *, grouped: bool) -> Grid:
    """Things or towns in rows, several measures of one world in columns; ``grouped`` by a column that spans rows."""
    language, terms, table = numbers.language, word_list("terms"), _Table()
    world = one(rng, sorted(terms["measures"]))
    label, names = categories(rng, language, world)
    spans: list[tuple[int, int, int, int]] = []
    rows = list(names)
    if grouped:
        groups, size = [place(rng) for _ in range(8)], int(rng.integers(2, 4))
        groups = list(dict.fromkeys(groups))[: int(rng.integers(2, 4))]
        rows = [name for _ in groups for name in names[:size]]
        spans = [(first * size, 0, size, 1) for first in range(len(groups))]
        table.text_column(word(terms["axes"]["place"], language), [group for group in groups for _ in range(size)])
        if label == table.header[0]:
            label = word(terms["axes"]["group"], language)
            rows = [f"{letter}{number + 1}" for letter in "ABC"[: len(groups)] for number in range(size)]
    table.text_column(label, rows)
    in_cells, gap = rng.random() < 0.4, one(rng, ("–", "—", "n/a"))
    entries = some(rng, terms["measures"][world], int(rng.integers(2, 4)))
    for name, unit, low, high, decimals in entries:
        subject = Measure(world=world, name=word(name, language), unit=unit, low=low, high=high, decimals=decimals)
        _numeric(rng, table, numbers, subject, len(rows), in_cells=in_cells, gap=gap)
    return table.finished(_title(rng, language, table.header[-1], label, dated=has_year(rows)), tuple(spans))


def _numeric(
    rng: np.random.Generator,
    table: _Table,
    numbers: NumberFormat,
    subject: Measure,
    count: int,
    *,
    in_cells: bool,
    gap: str,
) -> None:
    values: list[float | None] = []
    for part in rng.random(count):
        value = float(round(subject.low + (subject.high - subject.low) * float(part), subject.decimals))
        values.append(None if rng.random() < 0.07 else value)
    if all(value is None for value in values):
        values[0] = float(round(subject.low, subject.decimals))
    unit = subject.unit if in_cells else ""
    cells = [gap if value is None else numbers.with_unit(value, unit, subject.decimals) for value in values]
    header = subject.name if in_cells or not subject.unit else f"{subject.name} ({subject.unit})"
    table.number_column(header, subject.unit, cells, values)


def _people(rng: np.random.Generator, numbers: NumberFormat, *, ranked: bool) -> Grid:
    """Invented people with where they come from and a score or two; ``ranked`` by the last column."""
    language, terms, columns, table = numbers.language, word_list("terms"), word_list("papers")["columns"], _Table()
    count = int(rng.integers(4, 10))
    people = list(dict.fromkeys(person(rng, language) for _ in range(count)))
    world = one(rng, ("race", "school", "office")) if not ranked else "race"
    entries = terms["measures"][world][: 1 if ranked else int(rng.integers(1, 3))]
    if ranked:
        top = float(rng.integers(60, 148))
        points = [top]
        for _ in people[1:]:
            points.append(points[-1] - float(rng.integers(1, 7)))
        table.number_column(
            word(columns["rank"], language),
            "",
            [str(number + 1) for number in range(len(people))],
            [float(number + 1) for number in range(len(people))],
        )
    table.text_column(word(terms["axes"]["person"], language), people)
    table.text_column(word(terms["axes"]["place"], language), [place(rng) for _ in people])
    if ranked:
        name = word(entries[0][0], language)
        table.number_column(name, "", [numbers.text(value) for value in points], list(points))
    else:
        gap = one(rng, ("–", "—", "n/a"))
        for name, unit, low, high, decimals in entries:
            subject = Measure(world=world, name=word(name, language), unit=unit, low=low, high=high, decimals=decimals)
            _numeric(rng, table, numbers, subject, len(people), in_cells=rng.random() < 0.4, gap=gap)
    return table.finished(_title(rng, language, table.header[-1], word(terms["axes"]["person"], language)))


def _matrix(rng: np.random.Generator, numbers: NumberFormat) -> Grid:
    """One measure by thing and by year or town, with a line of totals now and then."""
    language, terms, table = numbers.language, word_list("terms"), _Table()
    world = one(rng, sorted(terms["things"]))
    name, unit, low, high, decimals = terms["measures"][world][0]
    subject = Measure(world=world, name=word(name, language), unit=unit, low=low, high=high, decimals=decimals)
    label, things = terms["things"][world]
    rows = list(dict.fromkeys(word(thing, language) for thing in some(rng, things, int(rng.integers(3, 7)))))
    across = int(rng.integers(3, 6))
    start = int(rng.integers(2010, 2022))
    heads = [str(start + step) for step in range(across)] if rng.random() < 0.5 else []
    heads = heads or some(rng, word_list("names")["places"], min(across, 4))
    columns = [[float(round(v, decimals)) for v in rng.uniform(low, high, len(rows))] for _ in heads]
    totals = rng.random() < 0.5
    table.text_column(word(label, language), [*rows, word(terms["total"], language)] if totals else rows)
    for head, values in zip(heads, columns, strict=True):
        shown: list[float | None] = [*values, *([round(sum(values), decimals)] if totals else [])]
        table.number_column(head, unit, [numbers.text(v or 0.0, decimals) for v in shown], shown)
    title = _title(
        rng,
        language,
        f"{subject.name} ({unit})" if unit else subject.name,
        word(label, language),
        dated=has_year(heads),
    )
    return table.finished(title)


def _prices(rng: np.random.Generator, numbers: NumberFormat) -> Grid:
    """A price list with codes."""
    language, papers, table = numbers.language, word_list("papers"), _Table()
    goods = [word(item, language) for item in some(rng, papers["goods"], int(rng.integers(4, 10)))]
    letters = one(rng, ("AK", "BT", "RX", "ZN"))
    codes = [f"{letters}-{number}" for number in some(rng, range(100, 999), len(goods))]
    prices: list[float | None] = [float(round(cents) / 100) for cents in rng.uniform(80, 9900, len(goods))]
    table.text_column(word(papers["columns"]["code"], language), codes)
    table.text_column(word(papers["columns"]["item"], language), goods)
    table.number_column(
        word(papers["columns"]["price"], language), "€", [numbers.money(price or 0.0) for price in prices], prices
    )
    return table.finished(f"{one(rng, word_list('names')['firms'])}")


def _title(rng: np.random.Generator, language: str, what: str, by: str, *, dated: bool = False) -> str:
    title = word(word_list("terms")["by"], language).format(m=what, x=inside(by, language))
    return f"{title}, {int(rng.integers(2014, 2027))}" if rng.random() < 0.5 and not dated else title
