"""Vote files: one row a vote, with the two models and who won.

    model_a,model_b,winner
    nano,micro,model_a            model_a, model_b, tie, tie (bothbad)

CSV or JSON lines, in the columns of Chatbot Arena. Votes of other kinds ("don't know") are left out and counted.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmolmo.core.errors import DataError

__all__ = ["Votes", "count_votes", "read_votes"]

_OUTCOMES = {"model_a": 1.0, "model_b": 0.0, "tie": 0.5, "tie (bothbad)": 0.5}
_COLUMNS = ("model_a", "model_b", "winner")


@dataclass(frozen=True)
class Votes:
    """Different rows (a, b, outcome) with their numbers of votes.

    ``pairs``: (R, 2) indexes into ``models``; ``outcomes``: (R,) 1 where the first won, 0, or 0.5 for a tie;
    ``counts``: (R,). ``left_out``: votes that are none of these, by what they say.
    """

    models: tuple[str, ...]
    pairs: NDArray[np.int64]
    outcomes: NDArray[np.float64]
    counts: NDArray[np.float64]
    left_out: Mapping[str, int]

    @property
    def total(self) -> int:
        """Votes that count."""
        return int(self.counts.sum())


def read_votes(path: Path) -> Votes:
    """The votes of a file. Raises DataError where it cannot be read, lacks a column, or has no vote that counts."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", file=str(path)) from error
    votes = count_votes(_rows(text, path))
    if not votes.total:
        raise DataError("there is no vote in it", file=str(path), fix=f"it wants rows with {', '.join(_COLUMNS)}")
    return votes


def count_votes(rows: Iterable[Mapping[str, Any]]) -> Votes:
    """The votes of rows with ``model_a``, ``model_b`` and ``winner``."""
    counted: Counter[tuple[str, str, float]] = Counter()
    left_out: Counter[str] = Counter()
    for row in rows:
        one, other, winner = (str(row[column]) for column in _COLUMNS)
        if one == other:
            left_out["a model against itself"] += 1
        elif winner in _OUTCOMES:
            counted[one, other, _OUTCOMES[winner]] += 1
        else:
            left_out[winner] += 1
    # Numbered as they come first in the first column, then in the second, and rows sorted by these numbers: the order
    # of the public implementation, so that the same seed draws the same votes.
    models = tuple(dict.fromkeys([*(one for one, _, _ in counted), *(other for _, other, _ in counted)]))
    place = {name: index for index, name in enumerate(models)}
    different = sorted((place[one], place[other], outcome, n) for (one, other, outcome), n in counted.items())
    table = np.array(different, np.float64).reshape(-1, 4)
    return Votes(models, table[:, :2].astype(np.int64), table[:, 2], table[:, 3], dict(left_out))


def _rows(text: str, path: Path) -> Iterator[Mapping[str, Any]]:
    if path.suffix == ".jsonl":
        for number, line in enumerate(text.split("\n"), 1):  # not splitlines: texts of votes hold U+2028 as it is
            if line.strip():
                yield _checked(_json(line, path, number), path, number)
        return
    for number, row in enumerate(csv.DictReader(io.StringIO(text, newline="")), 2):
        yield _checked(row, path, number)


def _json(line: str, path: Path, number: int) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"is no JSON: {error}", file=str(path), row=number) from error
    if not isinstance(row, dict):
        raise DataError("is no JSON object", file=str(path), row=number)
    return row


def _checked(row: Mapping[str, Any], path: Path, number: int) -> Mapping[str, Any]:
    missing: Sequence[str] = [column for column in _COLUMNS if row.get(column) in (None, "")]
    if missing:
        raise DataError(f"has no {', '.join(missing)}", file=str(path), row=number, fix="give every vote all three")
    return row
