"""Models by tasks, out of result files; the published models in the same columns.

A score stands beside published ones only under the name of a benchmark: pointing on drawn scenes is no Points-Eval.
The average of the eleven is shown where all eleven are there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.evaluation.comparing.bootstrap import interval
from openmolmo.evaluation.comparing.result_file import ResultFile, TaskRows
from openmolmo.evaluation.published.tables import BENCHMARKS, academic, skills

__all__ = ["Board", "Cell", "Entry", "board_of"]

_SKILLS = {
    "points_eval": ("pointing", "F1"),
    "clock_bench": ("clocks", "accuracy"),
    "android_control_low": ("AndroidControl", "low-level step accuracy"),
    "android_control_high": ("AndroidControl", "high-level step accuracy"),
}
"""Benchmarks outside of the eleven: topic and metric of the published skills."""

_SETTINGS = ("profile", "crops", "max_crops", "max_new_tokens", "limit", "split", "judge")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One score in percent; ``low``, ``high`` and ``questions`` where it comes from a result file."""

    score: float
    low: float | None = None
    high: float | None = None
    questions: int | None = None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One model's row. ``source``: a publication, or the names of result files; ``settings`` as they are on record."""

    model: str
    group: str
    source: str
    cells: Mapping[str, Cell]
    settings: Mapping[str, str] = field(default_factory=dict)
    published: bool = False

    @property
    def average(self) -> float | None:
        """The mean of the eleven; None where one is missing."""
        scores = [self.cells[name].score for name in BENCHMARKS if name in self.cells]
        return sum(scores) / len(scores) if len(scores) == len(BENCHMARKS) else None

    @property
    def counted(self) -> int:
        """How many of the eleven are there."""
        return sum(name in self.cells for name in BENCHMARKS)


@dataclass(frozen=True, kw_only=True)
class Board:
    """``entries``, the best average first; ``benchmarks`` and ``others``: the columns that any entry has."""

    entries: tuple[Entry, ...]
    benchmarks: tuple[str, ...]
    others: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def best(self, task: str) -> float:
        """The highest score in a column."""
        return max(entry.cells[task].score for entry in self.entries if task in entry.cells)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        entries = [{**asdict(one), "average": one.average} for one in self.entries]
        return {**asdict(self), "entries": entries}


def board_of(files: Sequence[ResultFile], *, published: bool = True) -> Board:
    """Files of one model make one row. Raises DataError without a file."""
    if not files:
        raise DataError("there is no result file", fix="name the results.json of openmolmo eval")
    by_model: dict[str, list[ResultFile]] = {}
    for file in files:
        by_model.setdefault(file.model, []).append(file)
    notes: list[str] = []
    own = [_entry(model, found, notes) for model, found in by_model.items()]
    tasks = list(dict.fromkeys(name for entry in own for name in entry.cells))
    benchmarks = tuple(name for name in BENCHMARKS if name in tasks)
    others = tuple(name for name in tasks if name not in BENCHMARKS)
    notes += _differences(own)
    entries = [*own, *(_published(tasks) if published else ())]
    entries.sort(key=lambda one: (one.average is None, -(one.average or 0.0), -one.counted, one.model))
    return Board(entries=tuple(entries), benchmarks=benchmarks, others=others, notes=tuple(notes))


def _entry(model: str, files: Sequence[ResultFile], notes: list[str]) -> Entry:
    cells: dict[str, Cell] = {}
    settings: dict[str, str] = {}
    partial = sorted({name for file in files for name in file.partial if name in file.tasks})
    if partial:
        notes.append(f"{model}: not all questions of {', '.join(partial)} were scored")
    for file in files:
        for name, task in file.tasks.items():
            if name in cells:
                notes.append(f"{model}: {name} is in more than one file; the last one counts, {file.path}")
            if task.unscored:
                notes.append(f"{model}: {len(task.unscored)} rows of {name} have no score that is a number")
            if task.rows:
                cells[name] = _cell(task)
                settings |= _of_task(file, name)
        for key in _SETTINGS:
            if key in file.meta and file.meta[key] is not None:
                settings[key] = str(file.meta[key])
    return Entry(
        model=model,
        group="here",
        source=", ".join(str(file.path) for file in files),
        cells=cells,
        settings=settings,
    )


def _of_task(file: ResultFile, task: str) -> dict[str, str]:
    """A benchmark's own settings, as a suite has them on record."""
    by_task = file.meta.get("benchmarks")
    one = by_task.get(task) if isinstance(by_task, Mapping) else None
    return {f"{task} {key}": str(one[key]) for key in _SETTINGS if key in one} if isinstance(one, Mapping) else {}


def _cell(task: TaskRows) -> Cell:
    rows = [row for row in task.rows.values() if task.headline in row.scores]
    low, high = interval([row.scores[task.headline] for row in rows], [row.cluster for row in rows])
    return Cell(score=100 * task.mean(), low=100 * low, high=100 * high, questions=len(rows))


def _differences(entries: Sequence[Entry]) -> list[str]:
    """Settings that are not the same for all models of the files."""
    said = []
    for key in dict.fromkeys(name for entry in entries for name in entry.settings):
        asked = [one for one in entries if key in _SETTINGS or key.partition(" ")[0] in one.cells]
        values = {entry.model: entry.settings.get(key, "not on record") for entry in asked}
        if len(set(values.values())) > 1:
            said.append(f"{key} differs: " + ", ".join(f"{model} {value}" for model, value in values.items()))
    for name in dict.fromkeys(task for entry in entries for task in entry.cells):
        counts = {entry.model: entry.cells[name].questions for entry in entries if name in entry.cells}
        if len(set(counts.values())) > 1:
            said.append(
                f"{name} was asked in {', '.join(f'{count} questions of {model}' for model, count in counts.items())}"
            )
    return said


def _published(tasks: Sequence[str]) -> list[Entry]:
    """Published models with a number for any of the tasks."""
    known = {(one.topic, one.metric, one.model): one.value for one in skills()}
    entries = []
    for row in academic():
        cells = {name: Cell(score=row.scores[name]) for name in BENCHMARKS}
        for task, (topic, metric) in _SKILLS.items():
            if task in tasks and (topic, metric, row.model) in known:
                cells[task] = Cell(score=known[topic, metric, row.model])
        if any(name in cells for name in tasks):
            entries.append(Entry(model=row.model, group=row.group, source=row.source, cells=cells, published=True))
    return entries
