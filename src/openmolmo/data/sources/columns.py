"""The types that the columns of a published set must have, and what is said when they do not.

    COLUMNS = {"image": PICTURE, "query": TEXT, "label": many(TEXT), "human_or_machine": WHOLE}

Only the columns that are used are named; others may come and go. A row that does not fit is a
:class:`DataError` with the column, the expected type and what was found: published sets change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from openmolmo.core.errors import DataError

__all__ = [
    "ANY",
    "FLAG",
    "NUMBER",
    "PICTURE",
    "TEXT",
    "WHOLE",
    "Columns",
    "Kind",
    "check_row",
    "fields",
    "hidden_in_test",
    "many",
    "maybe",
]

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """A type of values: ``name`` for messages, ``fault`` finds the first place that does not fit.

    ``fault(value, place)`` gives None or (place, expected, value).
    """

    name: str
    fault: Callable[[Any, str], tuple[str, str, Any] | None]


Columns = Mapping[str, Kind]


def _plain(name: str, fits: Callable[[Any], bool]) -> Kind:
    return Kind(name, lambda value, place: None if fits(value) else (place, name, value))


def _is_whole(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value) and value == int(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _is_picture(value: Any) -> bool:
    if isinstance(value, Mapping):
        return isinstance(value.get("bytes"), bytes) or isinstance(value.get("path"), str)
    return isinstance(value, (str, bytes))


TEXT = _plain("a text", lambda value: isinstance(value, str))
FLAG = _plain("true or false", lambda value: isinstance(value, bool))
WHOLE = _plain("a whole number", _is_whole)
NUMBER = _plain("a number", lambda value: isinstance(value, (int, float)) and not isinstance(value, bool))
PICTURE = _plain("a picture (bytes, or a path in the folder)", _is_picture)
ANY = _plain("a text or a number", lambda value: isinstance(value, (str, int, float)))


def many(kind: Kind) -> Kind:
    """A list whose items are all of a kind."""
    name = f"a list, each item {kind.name}"

    def fault(value: Any, place: str) -> tuple[str, str, Any] | None:
        if not isinstance(value, (list, tuple)):
            return place, name, value
        found = (kind.fault(item, f"{place}[{number}]") for number, item in enumerate(value))
        return next((one for one in found if one is not None), None)

    return Kind(name, fault)


def fields(**kinds: Kind) -> Kind:
    """An object that has (at least) these fields."""
    name = f"an object with {', '.join(kinds)}"

    def fault(value: Any, place: str) -> tuple[str, str, Any] | None:
        if not isinstance(value, Mapping) or not kinds.keys() <= value.keys():
            return place, name, value
        found = (kind.fault(value[key], f"{place}.{key}") for key, kind in kinds.items())
        return next((one for one in found if one is not None), None)

    return Kind(name, fault)


def maybe(kind: Kind) -> Kind:
    """This kind, or nothing at all."""
    return Kind(f"{kind.name}, or null", lambda value, place: None if value is None else kind.fault(value, place))


def hidden_in_test(kind: Kind) -> Kind:
    """A column that is always there, and holds nothing where the answers are with a server."""
    return Kind(f"{kind.name}; null in test", lambda value, place: None if value is None else kind.fault(value, place))


def check_row(row: Row, columns: Columns, *, file: str, number: int) -> None:
    """Raise DataError for the first column of ``row`` that is missing or of another type."""
    for name, kind in columns.items():
        if name not in row:
            if kind.name.endswith("or null"):
                continue
            raise missing_columns([name], list(row), file=file)
        fault = kind.fault(row[name], name)
        if fault is not None:
            place, expected, value = fault
            raise DataError(
                f"column {place} holds {_shown(value)}, expected {expected}",
                file=file,
                row=number,
                field=place,
                rule="column types",
                fix="the published set may have changed: use the revision you had, or report it",
            )


def missing_columns(missing: list[str], found: list[str], *, file: str) -> DataError:
    """What to say when columns are not there."""
    return DataError(
        f"column {', '.join(missing)} is missing; the file has {', '.join(map(str, found)) or 'no columns'}",
        file=file,
        field=missing[0],
        rule="column names",
        fix="check that this is the set it is taken for; if the published set has changed, report it",
    )


def _shown(value: Any) -> str:
    text = f"{len(value)} bytes" if isinstance(value, bytes) else repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"
