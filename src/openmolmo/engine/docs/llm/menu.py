"""How a question may be checked: the families that a model may name, with what each is told."""

from __future__ import annotations

from dataclasses import dataclass

from openmolmo.engine.docs.base import Kind
from openmolmo.engine.docs.checks import CHECKS

__all__ = ["Way", "menu"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to check an answer: ``args`` in words, and the type of the answer (text, number, yes or no)."""

    name: str
    args: tuple[str, ...]
    answer: str
    about: str


def _way(name: str, answer: str, about: str, *args: str) -> Way:
    return Way(name=name, args=args, answer=answer, about=about)


_WHICH = "max or min"
_WAYS: dict[Kind, tuple[Way, ...]] = {
    "chart": (
        _way("chart_lookup", "number", "the value of one category of a series", "series", "category"),
        _way("chart_extreme_category", "text", "the category with the largest or smallest value", "series", _WHICH),
        _way("chart_extreme_series", "text", "the series with the largest or smallest value", "category", _WHICH),
        _way("chart_extreme_value", "number", "the largest or smallest value of a series", "series", _WHICH),
        _way("chart_greater", "text", "which of two categories is larger", "series", "category", "category"),
        _way("chart_sum_two", "number", "the sum of two categories", "series", "category", "category"),
        _way("chart_difference", "number", "by how much two categories differ", "series", "category", "category"),
        _way("chart_total", "number", "the sum of a series", "series"),
        _way("chart_average", "number", "the mean of a series, two decimals", "series"),
        _way("chart_range", "number", "largest less smallest value of a series", "series"),
        _way("chart_series_gap", "number", "by how much two series differ", "category", "series", "series"),
        _way("chart_above", "number", "how many categories are above a limit", "series", "limit, a number"),
        _way("chart_count_categories", "number", "how many categories there are"),
        _way("chart_count_series", "number", "how many series there are"),
    ),
    "table": (
        _way("table_lookup", "text", "the cell of a row and a column", "first cell of the row", "column"),
        _way("table_sum", "number", "the sum of a column", "column"),
        _way("table_average", "number", "the mean of a column, two decimals", "column"),
        _way("table_difference", "number", "by how much two rows differ", "column", "first cell", "first cell"),
        _way("table_extreme_value", "number", "the largest or smallest number of a column", "column", _WHICH),
        _way("table_count_rows", "number", "how many rows there are"),
        _way("table_count_columns", "number", "how many columns there are"),
    ),
    "document": (
        _way("paper_value", "text", "the value that stands by a name", "name of the field"),
        _way("paper_field_of", "text", "the name by which a value stands", "the value"),
        _way("paper_title", "text", "the title"),
        _way("paper_count_paragraphs", "number", "how many paragraphs there are"),
    ),
    "diagram": (
        _way("diagram_count_nodes", "number", "how many nodes there are"),
        _way("diagram_count_edges", "number", "how many edges there are"),
        _way("diagram_next", "text", "the only node that an edge leads to", "node"),
        _way("diagram_previous", "text", "the only node from which an edge leads there", "node"),
        _way("diagram_count_after", "number", "how many edges leave a node", "node"),
        _way("diagram_label", "text", "the label of the edge between two nodes", "node", "node"),
        _way("diagram_most_edges", "text", "the node with most edges"),
    ),
}


def menu(kind: Kind) -> tuple[Way, ...]:
    """The ways of a kind that the verifier knows."""
    return tuple(way for way in _WAYS[kind] if way.name in CHECKS)
