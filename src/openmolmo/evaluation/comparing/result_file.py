"""Result files, read back: the settings of a run, and one scored row a question.

Two forms are read: ``results.json`` of ``openmolmo eval`` (or the folder it is in), and JSON lines of anybody's, one
object a question with ``task`` (or ``benchmark``), ``id`` and ``scores`` (metric -> number), where a line with
``meta`` tells the settings.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError

__all__ = ["ResultFile", "ScoredRow", "TaskRows", "read_result_file"]

_NAMES = ("results.json", "result.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRow:
    """One question and what was scored; ``cluster`` is its picture, whose questions are not independent."""

    id: str
    question: str
    reference: str
    reply: str
    group: str
    cluster: str
    scores: Mapping[str, float]


@dataclass(kw_only=True)
class TaskRows:
    """The rows of one task or benchmark. ``headline`` is its first metric; ``unscored`` rows had no number."""

    name: str
    headline: str
    rows: dict[str, ScoredRow] = field(default_factory=dict)
    unscored: list[str] = field(default_factory=list)
    repeated: int = 0

    @property
    def metrics(self) -> list[str]:
        """The headline first, then the others by name."""
        others = {name for row in self.rows.values() for name in row.scores} - {self.headline}
        return [self.headline, *sorted(others)]

    def mean(self, metric: str | None = None) -> float:
        """The mean over the rows that have it, 0-1; NaN where none has."""
        values = [
            row.scores[metric or self.headline] for row in self.rows.values() if (metric or self.headline) in row.scores
        ]
        return sum(values) / len(values) if values else math.nan


@dataclass(frozen=True, kw_only=True)
class ResultFile:
    """A run's settings and its rows by task; ``partial``: benchmarks of which not every question was scored."""

    path: Path
    meta: Mapping[str, Any]
    tasks: Mapping[str, TaskRows]
    partial: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """The model's name; the file's where none is on record."""
        return str(self.meta.get("model") or self.path.stem)


def read_result_file(path: Path) -> ResultFile:
    """Read a result file or a folder with one. Raises DataError for anything else, or where no row has a score."""
    if path.is_dir():
        found = next((path / name for name in _NAMES if (path / name).is_file()), None)
        if found is None:
            raise DataError(f"{path} has no {_NAMES[0]}", fix="name the folder that openmolmo eval wrote with --out")
        path = found
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", file=str(path)) from error
    read = _from_lines(path, text) if path.suffix == ".jsonl" else _from_whole(path, text)
    if not any(task.rows for task in read.tasks.values()):
        raise DataError("no row of it has a score", file=str(path), fix="it wants the results of openmolmo eval")
    return read


def _from_whole(path: Path, text: str) -> ResultFile:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise DataError(f"is no JSON: {error}", file=str(path)) from error
    if not isinstance(values, dict) or not isinstance(values.get("rows"), dict):
        raise DataError("has no rows by task", file=str(path), fix="name a results.json of openmolmo eval")
    told = values.get("tasks")
    tasks = {}
    for name, rows in values["rows"].items():
        one = told.get(name) if isinstance(told, dict) else None
        headline = one.get("headline") if isinstance(one, dict) else None
        tasks[name] = _task(name, headline, rows if isinstance(rows, list) else [], path)
    meta, suite = values.get("meta"), values.get("suite")
    by_name = suite.get("benchmarks") if isinstance(suite, dict) else None
    judged = by_name.items() if isinstance(by_name, dict) else ()
    partial = tuple(name for name, one in judged if name in tasks and one.get("complete") is False)
    return ResultFile(path=path, meta=meta if isinstance(meta, dict) else {}, tasks=tasks, partial=partial)


def _from_lines(path: Path, text: str) -> ResultFile:
    meta: dict[str, Any] = {}
    rows: dict[str, list[Any]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise DataError(f"is no JSON: {error}", file=str(path), row=number) from error
        if isinstance(value, dict) and isinstance(value.get("meta"), dict) and "scores" not in value:
            meta |= value["meta"]
        elif isinstance(value, dict):
            rows.setdefault(str(value.get("task") or value.get("benchmark") or "all"), []).append(value)
    return ResultFile(
        path=path, meta=meta, tasks={name: _task(name, None, found, path) for name, found in rows.items()}
    )


def _task(name: str, headline: str | None, rows: Iterable[Any], path: Path) -> TaskRows:
    task = TaskRows(name=name, headline=headline or "")
    for number, value in enumerate(rows):
        if not isinstance(value, dict) or "id" not in value:
            raise DataError(f"row {number} of {name} has no id", file=str(path))
        row = _row(value)
        if not row.scores or (headline is not None and headline not in row.scores):
            task.unscored.append(row.id)
            continue
        task.headline = task.headline or next(iter(row.scores))
        task.repeated += row.id in task.rows
        task.rows[row.id] = row
    return task


def _row(value: Mapping[str, Any]) -> ScoredRow:
    name = str(value["id"])
    scores = value.get("scores")
    kept = {str(k): float(v) for k, v in scores.items() if _is_number(v)} if isinstance(scores, dict) else {}
    reply = next((value[name] for name in ("reply", "prediction", "text") if name in value), "")
    return ScoredRow(
        id=name,
        question=str(value.get("question") or ""),
        reference=str(value.get("reference") or ""),
        reply=str(reply.get("text", "") if isinstance(reply, dict) else reply),
        group=str(value.get("group") or ""),
        cluster=str(value.get("example_id") or name.rpartition("/")[0] or name),
        scores=kept,
    )


def _is_number(value: object) -> bool:
    return isinstance(value, (bool, int, float)) and math.isfinite(value)
