"""A file of scored rows, read again: which of them does a metric score as the file expects?

Where the published code has a defect that is not reproduced (its evaluation stops, reads a click twice, or cannot read
"none"), a row is compared with the value that is right, and counted apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.evaluation.metric_rows import score_row
from openmolmo.evaluation.metrics.profile import Profile

__all__ = ["Difference", "MetricReport", "compare", "score_file"]

_DECIMALS = 2e-6  # files round to six decimals, percentages to four
_PERCENT = 1.1e-4
_RATING = 0.2
_CLICK = re.compile(r"Click\([0-9]+\.[0-9], ?[0-9]+\.[0-9]\)")
_NONE = re.compile(r"\bnone\b", re.IGNORECASE)
_NO_METRIC = "(no metric)"  # of lines that are no rows
_NO_POINTS = {"precision": 0.0, "recall": 0.0, "f1": 0.0}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A row that is not as expected: its place and id, what came out, and what was to."""

    row: int
    id: str
    prediction: str
    value: Any
    expected: Any


@dataclass(kw_only=True)
class MetricReport:
    """One metric's rows: ``equal`` to what is expected, ``defects`` (rows of listed defects, as they should be), and
    the rest; ``scored``: rows that expect nothing.
    """

    metric: str
    rows: int = 0
    equal: int = 0
    defects: int = 0
    scored: int = 0
    values: list[Any] = field(default_factory=list)
    differing: list[Difference] = field(default_factory=list)
    unscored: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every row was scored, and as expected."""
        return not self.differing and not self.unscored

    @property
    def mean(self) -> float | None:
        """The mean of values that are scores; None where there is none (a chosen option's place has no mean)."""
        numbers = [value for value in self.values if isinstance(value, float)]
        return sum(numbers) / len(numbers) if numbers else None

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {**asdict(self), "ok": self.ok, "mean": self.mean}


def score_file(path: Path, profile: Profile) -> list[MetricReport]:
    """Every metric's rows in the order of the file, compared where the profile is ``released`` (which rows expect).

    Raises DataError where the file cannot be read; a row that cannot be scored is named in its report.
    """
    reports: dict[str, MetricReport] = {}
    for number, row in _rows(path):
        if isinstance(row, str):
            report = reports.setdefault(_NO_METRIC, MetricReport(metric=_NO_METRIC))
            report.rows += 1
            report.unscored.append(f"row {number}: {row}")
            continue
        name = "elo" if "votes_csv" in row else str(row.get("metric"))
        report = reports.setdefault(name, MetricReport(metric=name))
        report.rows += 1
        try:
            value = score_row(row, profile, path.parent)
        except DataError as error:
            report.unscored.append(f"row {number}: {error}")
            continue
        report.values.append(value)
        _add(report, number, row, value, profile)
    if not reports:
        raise DataError("has no row", file=str(path), fix="give a file of JSON lines with metric and prediction")
    return list(reports.values())


def _add(report: MetricReport, number: int, row: Mapping[str, Any], value: Any, profile: Profile) -> None:
    expected, defect = _expected(row)
    if profile != "released" or expected is None:
        report.scored += 1
    elif not compare(value, expected):
        prediction = str(row.get("prediction", row.get("judge_output", row.get("votes_csv", ""))))
        name = str(row.get("id", number))
        difference = Difference(row=number, id=name, prediction=prediction, value=value, expected=expected)
        report.differing.append(difference)
    elif defect:
        report.defects += 1
    else:
        report.equal += 1


def compare(value: Any, expected: Any) -> bool:
    """Whether a value is the expected one: numbers within the decimals of files, of dictionaries the expected keys."""
    if isinstance(expected, _Rating):
        return isinstance(value, (int, float)) and abs(value - expected.value) <= _RATING
    if isinstance(expected, Mapping):
        return isinstance(value, Mapping) and all(k in value and compare(value[k], v) for k, v in expected.items())
    if isinstance(expected, list):
        return (
            isinstance(value, list)
            and len(value) == len(expected)
            and all(compare(one, other) for one, other in zip(value, expected, strict=True))
        )
    if isinstance(expected, bool) or isinstance(value, bool):
        return bool(value == expected)
    if isinstance(expected, (int, float)) and isinstance(value, (int, float)):
        return abs(value - expected) <= (_PERCENT if abs(expected) > 1 else _DECIMALS)
    return bool(value == expected)


@dataclass(frozen=True)
class _Rating:
    value: float


def _expected(row: Mapping[str, Any]) -> tuple[Any, bool]:
    """What the row's value should be (None: nothing is said), and whether that is not what the published code gives."""
    if "votes_csv" in row:
        return _expected_ratings(row)
    expected, name = row.get("expected"), row.get("metric")
    recommended = row.get("recommended")
    if recommended is not None and recommended != expected:
        return recommended, True
    if isinstance(expected, Mapping) and "error" in expected:
        return (_NO_POINTS if str(name).startswith("pointing") else 0.0), True
    if name == "point_parse" and isinstance(expected, list) and (clicks := _CLICK.findall(row["prediction"])):
        return expected[len(clicks) :], True
    if name == "count" and _NONE.search(row["prediction"]) and not row.get("molmo_detail", {}).get("valid", 0.0):
        return float(int(row["references"][0]) == 0), True
    return expected, False


def _expected_ratings(row: Mapping[str, Any]) -> tuple[Any, bool]:
    """Ratings and both kinds of interval; of votes that bound nothing, that this is noticed."""
    ratings, drawn, sandwich = (
        row.get(f"{n}") for n in ("fastchat_compute_bt", "fastchat_bootstrap_bt", "arena_rank_bt")
    )
    if ratings is None:
        return None, False
    if not any("newton_mle" in key for key in row):  # there is no best fit
        return {"diverges": True}, True
    expected: dict[str, Any] = {
        "ratings": {model: _Rating(value) for model, value in ratings.items()},
        "diverges": False,
    }
    if drawn:
        bounds = {model: [_Rating(drawn["q025"][model]), _Rating(drawn["q975"][model])] for model in ratings}
        expected["bootstrap"] = bounds
    if sandwich:
        expected["sandwich"] = {m: [_Rating(one["lower"]), _Rating(one["upper"])] for m, one in sandwich.items()}
    return expected, False


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    """Rows with their numbers; of a line that holds none, what is wrong with it."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", file=str(path), fix="give a file of JSON lines") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            yield number, f"is no JSON: {error}"
            continue
        yield number, row if isinstance(row, dict) else f"is a {type(row).__name__}, not an object"
