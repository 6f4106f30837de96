"""Two result files, question by question: the difference, how sure it is, and where it comes from.

The interval is a paired bootstrap over pictures: each draw takes whole pictures with all their questions in both files,
so what makes a picture hard for both models cancels. For scores of 0 and 1 stands McNemar's exact test beside it, which
asks only about the questions that one of the two gets right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.optional import require
from openmolmo.evaluation.comparing.bootstrap import draw_means
from openmolmo.evaluation.comparing.power import reach
from openmolmo.evaluation.comparing.result_file import ResultFile, ScoredRow, TaskRows
from openmolmo.evaluation.comparing.settings import differing_settings

__all__ = ["Changed", "Comparison", "Difference", "McNemar", "TaskComparison", "compare"]

_FEW = 10  # pictures under which draws of them say nothing


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Means of the first and the second file, second minus first with its 95 % interval, and the chance ``p`` of so
    much where there is none (two-sided, from the draws); ``least``: the smallest difference that these questions show
    in four cases of five. Few pictures cannot be drawn from: under ten, ``p`` and ``least`` are None."""

    questions: int
    pictures: int
    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float | None
    least: float | None


@dataclass(frozen=True, kw_only=True)
class McNemar:
    """Questions that only the first, and only the second file has right; the exact two-sided chance."""

    only_first: int
    only_second: int
    p: float


@dataclass(frozen=True, kw_only=True)
class Changed:
    """One question whose score differs."""

    id: str
    question: str
    reference: str
    replies: tuple[str, str]
    scores: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class TaskComparison:
    """One task: every metric, the headline's groups, McNemar where its scores are 0 and 1, and what changed."""

    name: str
    headline: str
    metrics: Mapping[str, Difference]
    groups: Mapping[str, Difference]
    mcnemar: McNemar | None
    changed: tuple[Changed, ...]
    only_first: int
    only_second: int
    otherwise_asked: int


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All tasks that both files have; ``warnings`` say what makes the two less comparable."""

    first: str
    second: str
    tasks: Mapping[str, TaskComparison]
    warnings: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def compare(
    first: ResultFile,
    second: ResultFile,
    *,
    tasks: Sequence[str] | None = None,
    rounds: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compare the questions that both files have. Raises DataError where there are none, ConfigError for a task that
    is in neither."""
    both = [name for name in first.tasks if name in second.tasks]
    if tasks is not None:
        for name in tasks:
            if name not in both:
                raise ConfigError(f"{name!r} is not in both files", fix=f"in both: {', '.join(both) or 'nothing'}")
        both = [name for name in both if name in tasks]
    warnings = list(differing_settings(first.meta, second.meta, both))
    alone = sorted({*first.tasks} ^ {*second.tasks}) if tasks is None else []
    warnings += [f"{name} is in {'the first' if name in first.tasks else 'the second'} file only" for name in alone]
    found = {}
    for name in both:
        warnings += _complaints(name, first.tasks[name], second.tasks[name])
        compared = _task(first.tasks[name], second.tasks[name], rounds, seed)
        if compared is not None:
            found[name] = compared
    if not found:
        raise DataError(
            f"{first.path} and {second.path} have no question in common",
            fix="judge both models on the same data, with the same --seed and --limit",
        )
    same = first.model == second.model
    names = [f"{file.model} ({file.path})" if same else file.model for file in (first, second)]
    return Comparison(first=names[0], second=names[1], tasks=found, warnings=tuple(warnings))


def _complaints(name: str, one: TaskRows, other: TaskRows) -> list[str]:
    said = []
    for task, which in ((one, "first"), (other, "second")):
        if task.unscored:
            said.append(f"{name}: {len(task.unscored)} rows of the {which} file have no score that is a number")
        if task.repeated:
            said.append(f"{name}: {task.repeated} rows of the {which} file repeat an id; the last of each counts")
    if one.headline != other.headline:
        said.append(f"{name}: headlines differ: {one.headline!r} and {other.headline!r}; compared is the first")
    common = one.rows.keys() & other.rows.keys()
    missing = len(one.rows) - len(common), len(other.rows) - len(common)
    if any(missing):
        said.append(
            f"{name}: {len(common)} questions are in both files; {missing[0]} in the first only, "
            f"{missing[1]} in the second only, which are not compared"
        )
    asked = sum(_otherwise(one.rows[key], other.rows[key]) for key in common)
    if asked:
        said.append(f"{name}: {asked} questions of the same id have another text or reference, and are not compared")
    return said


def _otherwise(one: ScoredRow, other: ScoredRow) -> bool:
    return one.reference != other.reference or one.question != other.question


def _task(one: TaskRows, other: TaskRows, rounds: int, seed: int) -> TaskComparison | None:
    common = [key for key in one.rows if key in other.rows]
    kept = [key for key in common if not _otherwise(one.rows[key], other.rows[key])]
    pairs = [(one.rows[key], other.rows[key]) for key in kept]
    metrics = {}
    for metric in one.metrics:
        with_it = [pair for pair in pairs if metric in pair[0].scores and metric in pair[1].scores]
        if with_it:
            metrics[metric] = _difference(with_it, metric, rounds, seed)
    headline = one.headline
    if headline not in metrics:
        return None
    scored = [pair for pair in pairs if headline in pair[0].scores and headline in pair[1].scores]
    names = sorted({pair[0].group for pair in scored} - {""})
    groups = {
        name: _difference([pair for pair in scored if pair[0].group == name], headline, rounds, seed) for name in names
    }
    return TaskComparison(
        name=one.name,
        headline=headline,
        metrics=metrics,
        groups=groups,
        mcnemar=_mcnemar(scored, headline),
        changed=_changed(scored, headline),
        only_first=len(one.rows) - len(common),
        only_second=len(other.rows) - len(common),
        otherwise_asked=len(common) - len(kept),
    )


def _difference(pairs: Sequence[tuple[ScoredRow, ScoredRow]], metric: str, rounds: int, seed: int) -> Difference:
    first = np.array([one.scores[metric] for one, _ in pairs])
    second = np.array([other.scores[metric] for _, other in pairs])
    clusters = [one.cluster for one, _ in pairs]
    drawn = draw_means(second - first, clusters, rounds=rounds, seed=seed)
    mean = float((second - first).mean())
    few = len(set(clusters)) < _FEW
    low, high = np.quantile(drawn, (0.025, 0.975))
    rarer = min(float(np.mean(drawn <= 0)), float(np.mean(drawn >= 0)))
    return Difference(
        questions=len(pairs),
        pictures=len(set(clusters)),
        first=float(first.mean()),
        second=float(second.mean()),
        difference=mean,
        low=float(low),
        high=float(high),
        p=None if few else min(1.0, 2 * max(rarer, 1 / (rounds + 1))),
        least=None if few else float(reach() * drawn.std()),
    )


def _mcnemar(pairs: Sequence[tuple[ScoredRow, ScoredRow]], metric: str) -> McNemar | None:
    """None where a score is neither 0 nor 1."""
    scores = [(one.scores[metric], other.scores[metric]) for one, other in pairs]
    if any(value not in (0.0, 1.0) for both in scores for value in both):
        return None
    only_first = sum(one > other for one, other in scores)
    only_second = sum(other > one for one, other in scores)
    if not only_first + only_second:
        return McNemar(only_first=0, only_second=0, p=1.0)
    test = require("scipy.stats", extra="eval").binomtest(only_first, only_first + only_second)
    return McNemar(only_first=only_first, only_second=only_second, p=float(test.pvalue))


def _changed(pairs: Sequence[tuple[ScoredRow, ScoredRow]], metric: str) -> tuple[Changed, ...]:
    """The greatest losses first, then in their order; equal scores are no change."""
    found = [
        Changed(
            id=one.id,
            question=one.question,
            reference=one.reference,
            replies=(one.reply, other.reply),
            scores=(one.scores[metric], other.scores[metric]),
        )
        for one, other in pairs
        if not math.isclose(one.scores[metric], other.scores[metric], abs_tol=1e-9)
    ]
    return tuple(sorted(found, key=lambda case: case.scores[1] - case.scores[0]))
