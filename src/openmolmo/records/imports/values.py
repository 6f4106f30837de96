"""Numbers, sizes and ids as other programs write them: 1, 1.0 and "1" are the same, NaN is nothing.

What cannot be used raises :class:`BadEntry` with the field's name and the value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.records.imports.marked import BadEntry

__all__ = ["entry", "identity", "number", "numbers", "read_json", "read_text", "required", "shown", "size"]

_SHOWN = 60


def shown(value: object) -> str:
    """A value for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def read_text(file: Path) -> str:
    """The text of a file: UTF-8, or UTF-16 with its mark, as spreadsheets write it."""
    data = file.read_bytes()
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"is no UTF-8 text: byte {error.start} is {data[error.start]:#04x}",
            file=str(file),
            rule="UTF-8",
            fix="save it as UTF-8",
        ) from error


def read_json(file: Path) -> Any:
    """The values of a JSON file."""
    try:
        return json.loads(read_text(file))
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not JSON: {error}", file=str(file), rule="JSON") from error


def entry(value: object, what: str) -> Mapping[str, Any]:
    """An object with named fields."""
    if not isinstance(value, Mapping):
        raise BadEntry(f"{what} is {shown(value)}, not an object with fields")
    return value


def required(values: Mapping[str, Any], key: str) -> Any:
    """A field that must be there."""
    if values.get(key) is None:
        raise BadEntry(f"lacks {key!r}")
    return values[key]


def number(value: object, what: str) -> float:
    """A finite number; a text of one is one."""
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError
        found = float(value)
    except (ValueError, OverflowError) as error:
        raise BadEntry(f"{what} is {shown(value)}, not a number") from error
    if not math.isfinite(found):
        raise BadEntry(f"{what} is {value}, not a finite number")
    return found


def numbers(value: object, what: str, count: int) -> list[float]:
    """A list of so many finite numbers."""
    if not isinstance(value, (list, tuple)) or len(value) != count:
        raise BadEntry(f"{what} is {shown(value)}, not {count} numbers")
    return [number(one, f"{what}[{place}]") for place, one in enumerate(value)]


def size(values: Mapping[str, Any], width: str = "width", height: str = "height") -> tuple[float, float] | None:
    """Width and height in pixels; None when the file does not say both (nothing, 0 or an empty text)."""
    if not values.get(width) or not values.get(height):
        return None
    found = number(values[width], width), number(values[height], height)
    for side, what in zip(found, (width, height), strict=True):
        if side < 1 or side != int(side):
            raise BadEntry(f"{what} is {side:g}, not a whole number above zero")
    return found


def identity(value: object, what: str) -> str:
    """An id, the same whether it is written as a number or as a text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise BadEntry(f"{what} is {shown(value)}, neither a number nor a text")
    return str(value).strip()
