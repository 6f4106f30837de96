"""Data as JSON: what a model is asked for, by kind, and what it becomes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.engine.docs.base import Chart, Content, Diagram, Fields, Grid, Kind, Spec
from openmolmo.engine.docs.worlds.language import NumberFormat

__all__ = ["SCHEMAS", "chart_form", "content_of", "numbers_of"]

_TEXT = {"type": "string", "minLength": 1, "maxLength": 60}
_LONG = {"type": "string", "minLength": 1, "maxLength": 700}
_DRAWN = ("bar", "horizontal_bar", "grouped_bar", "stacked_bar", "line", "area", "pie", "donut", "lollipop", "dot")
_OF_ONE = ("bar", "horizontal_bar", "pie", "donut", "lollipop", "dot")
"""Forms of one series."""


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: Any, least: int, most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least, "maxItems": most}


_EMPTY = {"type": "string", "maxLength": 60}
SCHEMAS: dict[Kind, dict[str, Any]] = {
    "chart": _object(
        topic=_TEXT,
        title=_TEXT,
        x_label=_TEXT,
        y_label=_TEXT,
        unit={"type": "string", "maxLength": 12},
        categories=_list(_TEXT, 3, 8),
        series=_list(_TEXT, 1, 4),
        values=_list(_list({"type": "number"}, 3, 8), 1, 4),
    ),
    "table": _object(topic=_TEXT, title=_TEXT, header=_list(_TEXT, 2, 7), rows=_list(_list(_EMPTY, 2, 7), 3, 14)),
    "document": _object(
        topic=_TEXT,
        title=_TEXT,
        fields=_list(_object(name=_TEXT, value=_TEXT), 3, 16),
        paragraphs=_list(_LONG, 0, 5),
    ),
    "diagram": _object(
        topic=_TEXT,
        title=_TEXT,
        nodes=_list(_TEXT, 3, 14),
        edges=_list(_object(start={"type": "integer"}, end={"type": "integer"}, label=_EMPTY), 2, 24),
    ),
}
"""JSON schemas by kind."""


def chart_form(spec: Spec) -> str:
    """The form of chart that the specification's family has, where it can be read back from a stranger's figure."""
    name = spec.family.removeprefix(f"{spec.tool}_")
    return name if name in _DRAWN else _DRAWN[spec.index % len(_DRAWN)]


def numbers_of(language: str) -> NumberFormat:
    """How numbers are written in a picture of this language."""
    decimal, group = {"en": (".", ","), "fr": (",", "\u00a0")}.get(language, (",", "."))
    return NumberFormat(language=language, decimal=decimal, group=group)


def content_of(spec: Spec, data: Mapping[str, Any]) -> Content:
    """The content; DataError where the parts of the data do not fit together."""
    makers: dict[Kind, Callable[[Spec, Mapping[str, Any]], Content]] = {
        "chart": _chart,
        "table": _table,
        "document": _document,
        "diagram": _diagram,
    }
    return makers[spec.kind](spec, data)


def _chart(spec: Spec, data: Mapping[str, Any]) -> Chart:
    form = chart_form(spec)
    categories, series, rows = data["categories"], data["series"], data["values"]
    if form in _OF_ONE:
        series, rows = series[:1], rows[:1]
    _different("categories", categories)
    _different("series", series)
    if len(rows) != len(series) or any(len(row) != len(categories) for row in rows):
        sizes = f"{len(rows)} rows of {sorted({len(row) for row in rows})} values"
        raise DataError(f"{len(series)} series and {len(categories)} categories need as many values, there are {sizes}")
    values = [[float(value) for value in row] for row in rows]
    if not all(math.isfinite(value) and abs(value) < 1e12 for row in values for value in row):
        raise DataError("a value is no plain number")
    if form in ("pie", "donut", "stacked_bar", "area") and min(map(min, values)) <= 0:
        raise DataError(f"a {form} chart needs values above 0")
    numbers = numbers_of(spec.language)
    decimals = next((d for d in (0, 1) if all(abs(v - round(v, d)) < 1e-9 for row in values for v in row)), 2)
    values = [[round(value, decimals) for value in row] for row in values]
    return Chart(
        title=data["title"],
        x_label=data["x_label"],
        y_label=data["y_label"],
        unit=data["unit"],
        categories=tuple(categories),
        series=tuple(series),
        values=tuple(map(tuple, values)),
        form=form,
        shown=tuple(tuple(numbers.text(value, decimals) for value in row) for row in values),
    )


def _table(spec: Spec, data: Mapping[str, Any]) -> Grid:
    header, rows = data["header"], data["rows"]
    _different("columns", header)
    _different("first cells of the rows", [row[0] for row in rows])
    if any(len(row) != len(header) for row in rows):
        raise DataError(f"every row must have {len(header)} cells, as the header has")
    numbers = numbers_of(spec.language)
    return Grid(
        title=data["title"],
        header=tuple(header),
        rows=tuple(map(tuple, rows)),
        numbers=tuple(
            tuple(None if place == 0 else numbers.parse(text) for place, text in enumerate(row)) for row in rows
        ),
    )


def _document(spec: Spec, data: Mapping[str, Any]) -> Fields:
    del spec
    _different("fields", [one["name"] for one in data["fields"]])
    fields = tuple((one["name"], one["value"]) for one in data["fields"])
    return Fields(title=data["title"], fields=fields, paragraphs=tuple(data["paragraphs"]))


def _diagram(spec: Spec, data: Mapping[str, Any]) -> Diagram:
    nodes = data["nodes"]
    _different("nodes", nodes)
    edges = [(one["start"], one["end"], one["label"]) for one in data["edges"]]
    if any(not 0 <= place < len(nodes) for start, end, _ in edges for place in (start, end)):
        raise DataError(f"an edge leads to a node that is not there: there are 0 to {len(nodes) - 1}")
    return Diagram(
        title=data["title"],
        form=spec.family.removeprefix(f"{spec.tool}_"),
        nodes=tuple(nodes),
        edges=tuple(dict.fromkeys(edges)),
    )


def _different(what: str, names: Sequence[str]) -> None:
    folded = [name.strip().casefold() for name in names]
    if len(set(folded)) != len(folded):
        raise DataError(f"the {what} must all be different")
