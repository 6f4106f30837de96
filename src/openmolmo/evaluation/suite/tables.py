"""Rows of the tables that people read: this model's scores with their controls, and the paper's models beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from openmolmo.core.progress import print_table
from openmolmo.evaluation.published.tables import academic
from openmolmo.evaluation.results import COLUMNS
from openmolmo.evaluation.suite.average import average_of
from openmolmo.evaluation.suite.judging import Judged

__all__ = ["HEADS", "SIGNS", "paper_rows", "print_suite", "score_rows"]

_BESIDE = "Molmo"  # the paper's own models

SIGNS = {
    "*": "not over all questions: not to be put beside the paper's numbers",
    "†": "the paper's numbers are of another split, whose answers are with a server",
}

HEADS = ["Benchmark", "Metric", "Scored", *COLUMNS.values()]


def score_rows(judged: Sequence[Judged]) -> list[list[str]]:
    """(benchmark, metric, questions scored of those expected, model ± half its 95 % interval, controls), in percent."""
    rows = []
    for one in judged:
        counts = one.counts
        expected = "?" if counts.expected is None else str(counts.expected)
        title = f"{one.benchmark.title}, {one.loaded.split}"
        if one.task is None:
            rows.append([title, one.benchmark.headline, f"0 of {expected}", "-", "-", "-"])
            continue
        estimates = {name: column.estimates[one.task.headline] for name, column in one.task.columns.items()}
        model = estimates["model"]
        cells = [f"{100 * model.mean:.1f} ±{50 * (model.high - model.low):.1f}"]
        cells += [
            f"{100 * estimates[name].mean:.1f}" if name in estimates else "-" for name in ("frequent", "shuffled")
        ]
        rows.append([title, one.task.headline, f"{one.task.questions} of {expected}", *cells])
    return rows


def paper_rows(judged: Sequence[Judged], name: str) -> tuple[list[str], list[list[str]]]:
    """(heads, rows): this model first, then the paper's; a column for each benchmark that the paper has, in percent.

    Signs stand where numbers are not to be put beside the paper's (:data:`SIGNS`).
    """
    shown = [one for one in judged if one.benchmark.published is not None and one.task is not None]
    signs = [("" if one.complete else " *") + (" †" if one.other_split else "") for one in shown]
    heads = ["Model", *(one.benchmark.title + sign for one, sign in zip(shown, signs, strict=True)), "Average"]
    average = average_of(judged)
    mine = [f"{100 * one.task.score:.1f}" for one in shown if one.task is not None]
    mean = "-" if average.value is None else f"{100 * average.value:.1f}{'' if average.complete else ' *'}"
    rows = [[name, *mine, mean]]
    for model in academic():
        scores = [f"{model.scores[str(one.benchmark.published)]:.1f}" for one in shown]
        rows.append([model.model, *scores, f"{model.average:.1f}"])
    return heads, rows


def print_suite(judged: Sequence[Judged], meta: dict[str, Any], not_judged: dict[str, str]) -> None:
    """The scores on standard output, beside the Molmo models' and the best of each benchmark, and every note."""
    notes = [f"{one.benchmark.title}: {note}" for one in judged for note in one.notes]
    notes += [f"{name} is not judged: {why}" for name, why in not_judged.items()]
    print_table(f"{meta['model']}, profile {meta['profile']}, in percent", HEADS, score_rows(judged), notes)
    heads, rows = paper_rows(judged, meta["model"])
    if len(heads) == 2:
        return
    mine, theirs = rows[0], rows[1:]
    molmos = {model.model for model in academic() if model.group == _BESIDE}
    shown = [mine, *(row for row in theirs if row[0] in molmos)]
    best = ["best of all", *(max((row[place] for row in theirs), key=float) for place in range(1, len(heads)))]
    turned = [[head, *(row[place] for row in (*shown, best))] for place, head in enumerate(heads) if place]
    below = [f"Average: {average_of(judged).sentence()}. The paper's is of all eleven."]
    below += [f"{sign} {what}" for sign, what in SIGNS.items() if any(sign in cell for cell in (*heads, *mine))]
    title = "Beside the paper's models (arXiv 2409.17146, Table 1; report.html has all of them)"
    print_table(title, ["Benchmark", *(row[0] for row in shown), best[0]], turned, below)
