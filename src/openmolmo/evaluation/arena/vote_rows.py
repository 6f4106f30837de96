"""The rows of vote files as they stand: CSV, JSON lines and JSON lists; what their fields are called in them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError

__all__ = ["WINNERS", "length_of", "rows_of", "winner_of"]

WINNERS: Mapping[str, tuple[float, bool]] = {
    "model_a": (1.0, False),
    "model_b": (0.0, False),
    "a": (1.0, False),
    "b": (0.0, False),
    "tie": (0.5, False),
    "both_good": (0.5, False),
    "tie (bothbad)": (0.5, True),
    "both_bad": (0.5, True),
}
"""What a vote may say -> (outcome for the first model, whether both answers were bad)."""

_ONE_HOT = {"winner_model_a": "model_a", "winner_model_b": "model_b", "winner_tie": "tie"}


def rows_of(path: Path) -> Iterator[Mapping[str, Any] | DataError]:
    """Rows that name two models and a winner; of a row that does not, the error that says where and why.

    Raises DataError where the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", file=str(path)) from error
    if path.suffix == ".jsonl":
        for number, line in enumerate(text.split("\n"), 1):  # not splitlines: texts of votes hold U+2028 as it is
            if line.strip():
                yield _checked(_json(line, path, number), path, number)
    elif path.suffix == ".json":
        rows = _json(text, path, None)
        if isinstance(rows, DataError):
            raise rows
        if not isinstance(rows, list):
            raise DataError("is no JSON list of votes", file=str(path), fix="name JSON lines .jsonl")
        for number, row in enumerate(rows, 1):
            yield _checked(row, path, number)
    else:
        for number, row in enumerate(csv.DictReader(io.StringIO(text, newline="")), 2):
            yield _checked(row, path, number)


def winner_of(row: Mapping[str, Any]) -> str:
    """What the vote says; empty where it says nothing."""
    said = row.get("winner") or row.get("outcome")
    if said:
        return str(said)
    return next((winner for column, winner in _ONE_HOT.items() if row.get(column) in (1, True, "1", "True")), "")


def length_of(row: Mapping[str, Any]) -> float | None:
    """How much longer the first answer is, (a - b) / (a + b), in -1 to 1; None where that is not on record.

    From ``length_a`` and ``length_b``, ``lengths`` (both), the tokens of Chatbot Arena's ``conv_metadata``, or the
    answers themselves (``answer_a``, ``response_a``, ...).
    """
    first, second = _lengths(row)
    if first is None or second is None or first < 0 or second < 0 or first + second <= 0:
        return None
    return (first - second) / (first + second)


def _lengths(row: Mapping[str, Any]) -> tuple[float | None, float | None]:
    if row.get("length_a") not in (None, ""):
        return _number(row.get("length_a")), _number(row.get("length_b"))
    both = row.get("lengths")
    if isinstance(both, Sequence) and not isinstance(both, str) and len(both) == 2:
        return _number(both[0]), _number(both[1])
    if isinstance(both, Mapping):
        return _number(both.get("a")), _number(both.get("b"))
    told = row.get("conv_metadata")
    if isinstance(told, Mapping):
        return _number(told.get("sum_assistant_a_tokens")), _number(told.get("sum_assistant_b_tokens"))
    for name in ("answer", "response"):
        one, other = row.get(f"{name}_a"), row.get(f"{name}_b")
        if isinstance(one, str) and isinstance(other, str):
            return float(len(one)), float(len(other))
    return None, None


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, (int, float, str)) else None
    except ValueError:
        return None


def _json(text: str, path: Path, number: int | None) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        return DataError(f"is no JSON: {error}", file=str(path), row=number)


def _checked(row: Any, path: Path, number: int) -> Mapping[str, Any] | DataError:
    if isinstance(row, DataError):
        return row
    if not isinstance(row, dict):
        return DataError("is no JSON object", file=str(path), row=number)
    missing = [column for column in ("model_a", "model_b") if row.get(column) in (None, "")]
    if not winner_of(row) and not any(column in row for column in _ONE_HOT):
        missing.append("winner")
    if missing:
        return DataError(f"has no {', '.join(missing)}", file=str(path), row=number, fix="give every vote all three")
    return row
