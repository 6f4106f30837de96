"""What a run of the evaluation gives: estimates with intervals, breakdowns, and one row a question."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from openmolmo.core.rng import derive
from openmolmo.evaluation.tasks.base import Question
from openmolmo.words.answer import Answer

__all__ = ["COLUMNS", "Column", "Estimate", "Results", "Row", "TaskResult", "estimate"]

COLUMNS = {"model": "Model", "frequent": "Most frequent", "shuffled": "Shuffled"}
"""The model, the most frequent answer, and the model with images shuffled, in the order of every table."""

_RESAMPLES = 1000
_DRAWN = 4_000_000  # weights drawn together, 32 MB: at once those of VQA v2.0 would take 600


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean in 0-1 and its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Row:
    """One question, the reply and its scores."""

    question: Question
    answer: Answer
    scores: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """JSON values, without the picture."""
        question = self.question
        asked = {"id": question.id, "example_id": question.example_id, "question": question.text}
        known = {"group": question.group, "reference": question.reply}
        return {**asked, **known, "reply": self.answer.to_json(), "scores": self.scores}


@dataclass(frozen=True, slots=True)
class Column:
    """Scores of the model or of one control: metric -> estimate, and group -> (headline mean, questions)."""

    estimates: dict[str, Estimate]
    groups: dict[str, tuple[float, int]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """JSON values; every estimate as mean, low and high."""
        estimates = {name: {"mean": e.mean, "low": e.low, "high": e.high} for name, e in self.estimates.items()}
        groups = {name: {"mean": mean, "questions": count} for name, (mean, count) in self.groups.items()}
        return {"metrics": estimates, "groups": groups}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """One task: its columns (keys of ``COLUMNS``), the constant reply of the first control, all rows."""

    name: str
    title: str
    headline: str
    questions: int
    examples: int
    columns: dict[str, Column]
    constant: str
    rows: list[Row]

    @property
    def score(self) -> float:
        """The model's headline number."""
        return self.columns["model"].estimates[self.headline].mean

    def to_json(self) -> dict[str, Any]:
        """JSON values, the rows left out."""
        return {
            "headline": self.headline,
            "questions": self.questions,
            "examples": self.examples,
            "columns": {name: column.to_json() for name, column in self.columns.items()},
            "most_frequent_answer": self.constant,
        }


@dataclass(frozen=True, slots=True)
class Results:
    """All tasks of one run, and what is needed to run it again."""

    tasks: dict[str, TaskResult]
    meta: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """JSON values: meta, then each task's columns, then its rows."""
        return {
            "meta": self.meta,
            "tasks": {name: task.to_json() for name, task in self.tasks.items()},
            "rows": {name: [row.to_json() for row in task.rows] for name, task in self.tasks.items()},
        }

    def headlines(self) -> dict[str, dict[str, float]]:
        """task -> column -> headline number."""
        return {
            name: {column: scores.estimates[task.headline].mean for column, scores in task.columns.items()}
            for name, task in self.tasks.items()
        }


def make_column(questions: Sequence[Question], scores: Sequence[Mapping[str, float]], headline: str) -> Column:
    """Average per-question ``scores``; the intervals resample examples, since questions share pictures."""
    clusters = [question.example_id for question in questions]
    estimates = {name: estimate([s[name] for s in scores], clusters) for name in scores[0]}
    groups: dict[str, list[float]] = {}
    for question, score in zip(questions, scores, strict=True):
        if question.group:
            groups.setdefault(question.group, []).append(score[headline])
    return Column(estimates, {name: (float(np.mean(v)), len(v)) for name, v in sorted(groups.items(), key=_order)})


def _order(group: tuple[str, list[float]]) -> tuple[int, str]:
    """Groups by the number they begin with ("not there" first, "10 points" after "2-4 points")."""
    number = re.match(r"\s*(\d+)", group[0])
    return (int(number[1]) if number else -1, group[0])


def estimate(values: Sequence[float], clusters: Sequence[str]) -> Estimate:
    """Mean of ``values`` with the 2.5 % and 97.5 % points of a bootstrap over whole clusters."""
    assert values and len(values) == len(clusters)
    _, member = np.unique(np.array(clusters), return_inverse=True)
    sums = np.bincount(member, weights=np.array(values, dtype=np.float64))
    counts = np.bincount(member).astype(np.float64)
    n = len(sums)
    rng, means = derive(0, "bootstrap", n), []
    together = max(1, _DRAWN // n)
    for done in range(0, _RESAMPLES, together):
        weights = rng.multinomial(n, np.full(n, 1 / n), size=min(together, _RESAMPLES - done))
        means.append((weights @ sums) / (weights @ counts))
    low, high = np.quantile(np.concatenate(means), (0.025, 0.975))
    return Estimate(float(np.mean(values)), float(low), float(high))
