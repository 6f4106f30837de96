"""``openmolmo eval compare`` and ``openmolmo eval power``."""

from __future__ import annotations

from pathlib import Path

import click

from openmolmo.core.console import counted, echo_json
from openmolmo.core.progress import print_table
from openmolmo.evaluation.comparing.paired import Comparison, Difference, TaskComparison
from openmolmo.evaluation.comparing.paired import compare as compare_files
from openmolmo.evaluation.comparing.power import independent_share, least_difference, least_questions
from openmolmo.evaluation.comparing.result_file import read_result_file

__all__ = ["compare", "power"]

_RESULTS = click.Path(path_type=Path, exists=True)
_ACCURACIES = (0.5, 0.6, 0.7, 0.8, 0.9)
_SHARES = (0.05, 0.1, 0.2, 0.3)


@click.command()
@click.argument("first", type=_RESULTS)
@click.argument("second", type=_RESULTS)
@click.option("--tasks", help="Only these, with commas between them.")
@click.option("--rounds", default=2000, show_default=True, type=click.IntRange(min=100), help="Draws of the bootstrap.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of the draws.")
@click.option("--changed", default=5, show_default=True, type=click.IntRange(min=0), help="Changed questions a task.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with every changed question instead of tables.")
def compare(first: Path, second: Path, tasks: str | None, rounds: int, seed: int, changed: int, as_json: bool) -> None:
    """Compare two result files of `openmolmo eval`: SECOND minus FIRST, on the questions that both have.

    Shown are the difference with its 95 % interval (paired bootstrap over pictures), McNemar's test for scores of 0
    and 1, the difference by group, the questions that changed, and what makes the two files less comparable: other
    crops, tokens, profiles or questions.
    """
    names = None if tasks is None else [name.strip() for name in tasks.split(",") if name.strip()]
    found = compare_files(read_result_file(first), read_result_file(second), tasks=names, rounds=rounds, seed=seed)
    if as_json:
        echo_json(found.to_dict())
        return
    _tell(found)
    for task in found.tasks.values():
        _tell_changed(task, changed)
    for warning in found.warnings:
        click.echo(f"warning: {warning}", err=True)


def _tell(found: Comparison) -> None:
    rows: list[list[str]] = []
    for task in found.tasks.values():
        for number, (metric, one) in enumerate(task.metrics.items()):
            mcnemar = task.mcnemar if number == 0 else None
            rows.append([task.name if number == 0 else "", metric, *_cells(one), _p(mcnemar.p) if mcnemar else "-"])
        rows += [["", f"  {name}", *_cells(one), "-"] for name, one in task.groups.items()]
    heads = [
        "task",
        "metric, group",
        "asked",
        found.first,
        found.second,
        "difference",
        "95 %",
        "p",
        "least",
        "McNemar p",
    ]
    print_table(
        f"{found.second} minus {found.first}",
        heads,
        rows,
        [
            "least: the smallest difference that these questions show in four cases of five; "
            "rows of fewer than ten pictures have neither it nor p"
        ],
    )


def _cells(one: Difference) -> list[str]:
    return [
        str(one.questions),
        f"{one.first:.3f}",
        f"{one.second:.3f}",
        f"{one.difference:+.3f}",
        f"{one.low:+.3f} to {one.high:+.3f}",
        "-" if one.p is None else _p(one.p),
        "-" if one.least is None else f"{one.least:.3f}",
    ]


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "<0.001"


def _tell_changed(task: TaskComparison, most: int) -> None:
    if not task.changed or not most:
        return
    worse = [case for case in task.changed if case.scores[1] < case.scores[0]]
    better = [case for case in task.changed if case.scores[1] > case.scores[0]][::-1]
    click.echo(f"{task.name}: {counted(len(better), 'question')} better, {len(worse)} worse")
    half = (most + 1) // 2
    for case in [*better[: max(half, most - len(worse))], *worse[: max(most - half, most - len(better))]][:most]:
        click.echo(
            f"  {case.scores[0]:.2f} -> {case.scores[1]:.2f}  {case.id}: {_short(case.question)!r}"
            f"  {_short(case.replies[0])!r} -> {_short(case.replies[1])!r}  (reference {_short(case.reference)!r})"
        )


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


@click.command()
@click.argument("questions", type=click.IntRange(min=1))
@click.option("--difference", type=click.FloatRange(0, 1, min_open=True), help="Say how many questions show so much.")
@click.option(
    "--power", "chance", default=0.8, show_default=True, type=click.FloatRange(0.5, 0.999), help="Its chance."
)
@click.option("--alpha", default=0.05, show_default=True, type=click.FloatRange(1e-6, 0.5), help="Level of the test.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def power(questions: int, difference: float | None, chance: float, alpha: float, as_json: bool) -> None:
    """Print the smallest difference of two accuracies that so many QUESTIONS can show.

    It depends on the share of questions that only one of the two models answers rightly: small for two checkpoints of
    one run, 2 p (1 - p) for models that have nothing to do with each other.
    """
    cases = [(f"{share:.0%} of the answers differ", share) for share in _SHARES]
    cases += [(f"independent models at {accuracy:.0%}", independent_share(accuracy)) for accuracy in _ACCURACIES]
    found = [
        {
            "case": name,
            "differing": round(share, 4),
            "least_difference": least_difference(questions, share, power=chance, alpha=alpha),
            "questions_needed": None
            if difference is None or difference > share
            else least_questions(difference, share, power=chance, alpha=alpha),
        }
        for name, share in cases
    ]
    if as_json:
        echo_json(found)
        return
    heads = ["the two models", "least difference"]
    rows = [[one["case"], f"{one['least_difference']:.3f}"] for one in found]
    if difference is not None:
        heads.append(f"questions for {difference:g}")
        rows = [[*row, one["questions_needed"] or "-"] for row, one in zip(rows, found, strict=True)]
    print_table(f"{questions:,} questions, chance {chance:.0%}, level {alpha:g}", heads, rows)
