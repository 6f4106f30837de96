"""Two evaluations of the same questions side by side, with their controls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from openmolmo.apps.demo.plan import Plan, too_short
from openmolmo.core.progress import print_table
from openmolmo.evaluation.pictures import case_picture, data_url
from openmolmo.evaluation.report import pick_cases
from openmolmo.evaluation.results import Estimate, Results, Row, TaskResult
from openmolmo.records.example import Counting, NotPresent, Pointing
from openmolmo.words.points import without_points

__all__ = ["CLEARLY", "Comparison", "case_views"]

_COLUMNS = (("new", "model"), ("new", "shuffled"), ("finished", "model"), ("finished", "shuffled"), ("new", "frequent"))
CLEARLY = 0.15
"""So much above both of its controls a model has looked at the pictures."""

_LONGEST = 420  # letters of a reply on the page


@dataclass(frozen=True)
class Comparison:
    """Results of the model trained just now and of a finished one called ``name``."""

    new: Results
    finished: Results
    name: str

    @property
    def heads(self) -> list[str]:
        """Titles of the columns."""
        return ["trained now", "shuffled", self.name, "shuffled", "most frequent"]

    def rows(self, *, every_metric: bool = False) -> list[dict[str, Any]]:
        """One row a task (or a metric of a task): title, metric, questions, an estimate or None a column."""
        made = []
        for task in self.new.tasks.values():
            metrics = list(task.columns["model"].estimates) if every_metric else [task.headline]
            for metric in metrics:
                cells = [self._cell(which, column, task.name, metric) for which, column in _COLUMNS]
                head = {"title": task.title, "metric": metric, "headline": metric == task.headline}
                made.append({**head, "asked": task.questions, "cells": cells})
        return made

    def print(self) -> None:
        """The headlines on the terminal."""
        rows = [
            [f"{row['title']} ({row['metric']})", *("-" if c is None else c.mean for c in row["cells"])]
            for row in self.rows()
        ]
        print_table("Scores on held-out pictures, 0-1", ["", *self.heads], rows)

    def above(self, which: str) -> list[str]:
        """Titles of the tasks on which model ``which`` is at least :data:`CLEARLY` above both of its controls."""
        return [task.title for task in self._results(which).tasks.values() if _margin(task) >= CLEARLY]

    def words(self, plan: Plan) -> str:
        """What the new model's scores say, and what to do where they say little."""
        tasks = self.new.tasks
        above = self.above("new")
        said = f"The model trained just now stands {CLEARLY} or more above both of its controls on {len(above)} of "
        said += f"{len(tasks)} tasks{': ' * bool(above)}{', '.join(above).lower()}."
        if plan.seconds is None:
            return f"{said} It was a quick run: the numbers mean nothing."
        if plan.short_of is not None:
            return f"{said} {too_short(plan)[0].upper()}{too_short(plan)[1:]}."
        if len(above) < 3:
            longer = math.ceil(plan.seconds / 30)
            return f"{said} It has not learnt to look yet: --minutes {longer} gives it twice the time."
        return said

    def _results(self, which: str) -> Results:
        return self.new if which == "new" else self.finished

    def _cell(self, which: str, column: str, task: str, metric: str) -> Estimate | None:
        found = self._results(which).tasks.get(task)
        return found.columns[column].estimates[metric] if found and column in found.columns else None


def _margin(task: TaskResult) -> float:
    """How far the model is above the better of its controls."""
    controls = [column.estimates[task.headline].mean for name, column in task.columns.items() if name != "model"]
    return task.columns["model"].estimates[task.headline].mean - max(controls)


def case_views(scores: Comparison, count: int) -> list[dict[str, Any]]:
    """For every task, ``count`` questions the finished model got right and as many it got wrong."""
    views = []
    for task in scores.finished.tasks.values():
        other = {row.question.id: row for row in scores.new.tasks[task.name].rows}
        right, wrong = pick_cases(task.rows, task.headline, count)
        cards = [
            _card([(scores.name, row), ("trained now", other[row.question.id])], task.headline)
            for row in (*right, *wrong)
        ]
        views.append({"title": task.title, "metric": task.headline, "cards": cards})
    return views


def _card(rows: list[tuple[str, Row]], metric: str) -> dict[str, Any]:
    question = rows[0][1].question
    drawn = isinstance(question.truth, (Pointing, Counting, NotPresent))
    return {
        "question": question.text or "Describe this picture.",
        "reference": _short(question.reply),
        "pictures": [(name, data_url(case_picture(row))) for name, row in (rows if drawn else rows[:1])],
        "drawn": drawn,
        "replies": [(name, _short(row.answer.text) or "(nothing)", row.scores[metric]) for name, row in rows],
    }


def _short(text: str) -> str:
    words = without_points(text).strip()
    return words if len(words) <= _LONGEST else words[:_LONGEST].rsplit(" ", 1)[0] + " …"
