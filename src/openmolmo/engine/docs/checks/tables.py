"""Answers about tables, found in the picture: rows are lines of cells, columns stand under their headers."""

from __future__ import annotations

from collections.abc import Callable

from openmolmo.engine.docs.base import Mark
from openmolmo.engine.docs.checks.reading import Reading, middle

__all__ = ["TABLE_CHECKS", "Table"]

_GAPS = {"–", "—", "-", "n/a", ""}


class Table:
    """Cells by place: a column takes the cells whose box overlaps its header's, a row those of one line."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.heads = sorted(reading.role("header"), key=lambda mark: mark.box[0])
        cells = reading.role("cell")
        if not self.heads or not cells:
            raise LookupError("there is no table")
        self.columns = [[cell for cell in cells if self._column_of(cell) == c] for c in range(len(self.heads))]
        self.rows = self._lines(cells)

    def _column_of(self, cell: Mark) -> int:
        """The header that the cell's box overlaps most, or else the nearest."""
        left, _, right, _ = cell.box
        gaps = [max(head.box[0] - right, left - head.box[2]) for head in self.heads]
        return gaps.index(min(gaps))

    def _lines(self, cells: list[Mark]) -> list[list[Mark]]:
        """Lines of the narrowest kind: a cell that spans several stands between two of them and joins none."""
        lines: list[list[Mark]] = []
        for column in self.columns:
            ordered = sorted((cell for cell in column if cell in cells), key=lambda mark: middle(mark)[1])
            if len(ordered) > len(lines):
                lines = [[cell] for cell in ordered]
        for cell in cells:
            y = middle(cell)[1]
            for line in lines:
                if cell is not line[0] and line[0].box[1] <= y <= line[0].box[3]:
                    line.append(cell)
        return [sorted(line, key=lambda mark: mark.box[0]) for line in lines]

    def head(self, name: str) -> int:
        found = [place for place, head in enumerate(self.heads) if head.text == name]
        if len(found) != 1:
            raise LookupError(f"{len(found)} columns are called {name!r}")
        return found[0]

    def row(self, name: str) -> list[Mark]:
        """The line in which a name stands that stands in no other."""
        found = [line for line in self.rows if any(cell.text == name for cell in line)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} rows have {name!r}")
        return found[0]

    def at(self, line: list[Mark], column: int) -> str:
        """The text of a line under a header; a spanning cell is the last one that begins above."""
        for cell in line:
            if self._column_of(cell) == column:
                return cell.text
        y = middle(line[0])[1]
        spanning = [cell for cell in self.columns[column] if abs(middle(cell)[1] - y) < self._reach(cell)]
        if len(spanning) != 1:
            raise LookupError("no cell stands there")
        return spanning[0].text

    def _reach(self, cell: Mark) -> float:
        """Half the height that a spanning cell covers: the lines are shared out evenly in its column."""
        others = self.columns[self._column_of(cell)]
        top, bottom = middle(self.rows[0][0])[1], middle(self.rows[-1][0])[1]
        step = (bottom - top) / max(1, len(self.rows) - 1)
        return (len(self.rows) / len(others)) * step / 2

    def numbers(self, name: str) -> list[tuple[list[Mark], float]]:
        """Lines and numbers of a column, without gaps and without a last line that adds the others up."""
        column = self.head(name)
        found = []
        for line in self.rows:
            text = self.at(line, column)
            if text.strip() not in _GAPS:
                found.append((line, self.reading.number(text)))
        if len(found) > 2 and abs(sum(value for _, value in found[:-1]) - found[-1][1]) < 0.01:
            found.pop()
        return found

    def name(self, line: list[Mark], key: str) -> str:
        """What stands in a line under the header that names the lines."""
        return self.at(line, self.head(key))

    def value(self, column: str, row: str) -> float:
        return self.reading.number(self.at(self.row(row), self.head(column)))


def _lookup(reading: Reading, row: str, column: str) -> str:
    table = reading.seen_as(Table)
    return table.at(table.row(row), table.head(column))


def _reverse(reading: Reading, column: str, text: str, key: str) -> str:
    table = reading.seen_as(Table)
    place = table.head(column)
    lines = [line for line in table.rows if table.at(line, place) == text]
    if len(lines) != 1:
        raise LookupError(f"{len(lines)} rows have {text!r}")
    return table.name(lines[0], key)


def _best(table: Table, column: str, which: str) -> tuple[list[Mark], float]:
    found = table.numbers(column)
    best = (max if which == "max" else min)(found, key=lambda pair: pair[1])
    if sum(value == best[1] for _, value in found) > 1:
        raise LookupError("there are several")
    return best


def _extreme(reading: Reading, column: str, which: str, key: str) -> str:
    table = reading.seen_as(Table)
    return table.name(_best(table, column, which)[0], key)


def _extreme_value(reading: Reading, column: str, which: str) -> float:
    values = [value for _, value in reading.seen_as(Table).numbers(column)]
    return max(values) if which == "max" else min(values)


def _sum(reading: Reading, column: str) -> float:
    return sum(value for _, value in reading.seen_as(Table).numbers(column))


def _average(reading: Reading, column: str) -> float:
    values = [value for _, value in reading.seen_as(Table).numbers(column)]
    return round(sum(values) / len(values), 2)


def _difference(reading: Reading, column: str, one: str, other: str) -> float:
    table = reading.seen_as(Table)
    return abs(table.value(column, one) - table.value(column, other))


def _ratio(reading: Reading, column: str, one: str, other: str) -> float:
    table = reading.seen_as(Table)
    return round(table.value(column, one) / table.value(column, other), 2)


def _is_greater(reading: Reading, column: str, one: str, other: str) -> bool:
    table = reading.seen_as(Table)
    return table.value(column, one) > table.value(column, other)


def _above(reading: Reading, column: str, limit: float, but: str, key: str) -> float:
    table = reading.seen_as(Table)
    return float(sum(value > limit for line, value in table.numbers(column) if not but or table.name(line, key) != but))


def _multi_hop(reading: Reading, column: str, which: str, other: str) -> str:
    table = reading.seen_as(Table)
    return table.at(_best(table, column, which)[0], table.head(other))


def _rows(reading: Reading) -> float:
    return float(len(reading.seen_as(Table).rows))


def _columns(reading: Reading) -> float:
    return float(len(reading.seen_as(Table).heads))


def _nth_header(reading: Reading, place: float) -> str:
    return reading.seen_as(Table).heads[int(place) - 1].text


def _nth_row(reading: Reading, column: str, place: float) -> str:
    table = reading.seen_as(Table)
    return table.at(table.rows[int(place) - 1], table.head(column))


def _below(reading: Reading, name: str, key: str) -> str:
    table = reading.seen_as(Table)
    line = table.row(name)
    return table.name(table.rows[table.rows.index(line) + 1], key)


def _gaps(table: Table) -> list[Mark]:
    return [cell for line in table.rows for cell in line if cell.text.strip() in _GAPS]


def _missing_count(reading: Reading) -> float:
    return float(len(_gaps(reading.seen_as(Table))))


def _missing_where(reading: Reading, column: str, key: str) -> str:
    table = reading.seen_as(Table)
    place = table.head(column)
    (line,) = [line for line in table.rows if table.at(line, place).strip() in _GAPS]
    return table.name(line, key)


def _in_group(reading: Reading, group: str) -> float:
    table = reading.seen_as(Table)
    return float(sum(table.at(line, 0) == group for line in table.rows))


def _group_of(reading: Reading, name: str) -> str:
    table = reading.seen_as(Table)
    return table.at(table.row(name), 0)


def _unit(reading: Reading, name: str) -> str:
    (head,) = [head.text for head in reading.role("header") if head.text.startswith(f"{name} (")]
    return head.removeprefix(f"{name} (").removesuffix(")")


def _title(reading: Reading) -> str:
    return reading.text("title")


def _absent(reading: Reading, name: str) -> bool:
    return name.casefold() not in reading.everything


TABLE_CHECKS: dict[str, Callable[..., str | float | bool | None]] = {
    "table_lookup": _lookup,
    "table_reverse": _reverse,
    "table_extreme": _extreme,
    "table_extreme_value": _extreme_value,
    "table_sum": _sum,
    "table_average": _average,
    "table_difference": _difference,
    "table_ratio": _ratio,
    "table_is_greater": _is_greater,
    "table_above": _above,
    "table_multi_hop": _multi_hop,
    "table_count_rows": _rows,
    "table_count_columns": _columns,
    "table_nth_header": _nth_header,
    "table_nth_row": _nth_row,
    "table_below": _below,
    "table_missing_count": _missing_count,
    "table_missing_where": _missing_where,
    "table_point_missing": _missing_count,
    "table_in_group": _in_group,
    "table_group_of": _group_of,
    "table_unit": _unit,
    "table_title": _title,
    "table_absent": _absent,
    "table_point_cell": _lookup,
}
