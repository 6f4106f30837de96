"""Results for people and programs: JSON, a terminal table, and one HTML page with pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openmolmo.core.files import write_json, write_text
from openmolmo.core.pages import page
from openmolmo.core.progress import print_table
from openmolmo.evaluation.overlap import heading
from openmolmo.evaluation.pictures import RIGHT, TRUTH, WRONG, case_picture, data_url
from openmolmo.evaluation.results import COLUMNS, Results, Row, TaskResult

__all__ = ["markdown_table", "pick_cases", "print_results", "render_html", "summary_rows", "write_results"]

_GOOD, _BAD = 0.8, 0.5  # headline score from which a case is shown as right, under which as wrong
_HEADS = ("Task", "Metric", "Asked")


def write_results(results: Results, out: Path, *, cases: int = 6) -> None:
    """Write ``results.json`` and ``report.html`` into folder ``out``, each whole or not at all."""
    page = render_html(results, cases=cases)
    write_json(out / "results.json", results.to_json())
    write_text(out / "report.html", page)


def summary_rows(results: Results) -> list[list[str]]:
    """Rows (task, metric, number of questions, one cell a column): every metric of every task."""
    rows = []
    for task in results.tasks.values():
        for number, metric in enumerate(task.columns["model"].estimates):
            first = [task.title, metric, str(task.questions)] if number == 0 else ["", metric, ""]
            rows.append([*first, *(_cell(task, name, metric) for name in COLUMNS)])
    return rows


def print_results(results: Results) -> None:
    """The table on standard output; a task's first metric is its headline, ± half the 95 % interval."""
    print_table(heading(results.meta), [*_HEADS, *COLUMNS.values()], summary_rows(results))


def markdown_table(results: Results) -> str:
    """The same table for a model card."""
    heads = [*_HEADS, *COLUMNS.values()]
    lines = ["| " + " | ".join(heads) + " |", "|---|---|" + "---:|" * (len(heads) - 2)]
    lines += ["| " + " | ".join(row) + " |" for row in summary_rows(results)]
    return "\n".join(lines) + "\n"


def render_html(results: Results, *, cases: int = 6) -> str:
    """One self-contained page; ``cases`` right and ``cases`` wrong examples of every task."""
    return page(
        "openmolmo.evaluation",
        "report.html.j2",
        title=f"Evaluation of {results.meta['model']}",
        meta=results.meta,
        heading=heading(results.meta),
        columns=COLUMNS,
        tasks=[_task_view(task, cases) for task in results.tasks.values()],
        colours={"right": RIGHT, "wrong": WRONG, "truth": TRUTH},
    )


def pick_cases(rows: Sequence[Row], headline: str, count: int) -> tuple[list[Row], list[Row]]:
    """(right, wrong) cases, spread evenly over the rows; fewer where there are not so many."""
    right = [row for row in rows if row.scores[headline] >= _GOOD]
    wrong = [row for row in rows if row.scores[headline] < _BAD]
    return _spread(right, count), _spread(wrong, count)


def _spread(rows: list[Row], count: int) -> list[Row]:
    if len(rows) <= count:
        return rows
    return [rows[i * len(rows) // count] for i in range(count)]


def _cell(task: TaskResult, column: str, metric: str) -> str:
    if column not in task.columns:
        return "-"
    value = task.columns[column].estimates[metric]
    spread = f" ±{(value.high - value.low) / 2:.3f}" if column == "model" else ""
    return f"{value.mean:.3f}{spread}"


def _task_view(task: TaskResult, cases: int) -> dict[str, Any]:
    cases_of = zip(("Right", "Wrong"), pick_cases(task.rows, task.headline, cases), strict=True)
    groups = task.columns["model"].groups
    return {
        "task": task,
        "metrics": list(task.columns["model"].estimates),
        "groups": [
            {
                "name": name,
                "questions": count,
                "means": {c: task.columns[c].groups[name][0] for c in COLUMNS if c in task.columns},
            }
            for name, (_, count) in groups.items()
        ],
        "cases": [(title, [_case_view(row, task) for row in rows]) for title, rows in cases_of],
    }


def _case_view(row: Row, task: TaskResult) -> dict[str, Any]:
    question = row.question
    asked = question.text or f"({question.style}, length hint {question.length_hint})"
    return {
        "id": question.id,
        "picture": data_url(case_picture(row)),
        "question": asked,
        "reply": row.answer.text or "(nothing)",
        "reference": question.reply,
        "score": row.scores[task.headline],
    }
