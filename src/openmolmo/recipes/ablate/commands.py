"""``openmolmo ablate list``, ``run`` and ``report``."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from openmolmo.core.errors import ConfigError
from openmolmo.core.executors import Executor, executor_option
from openmolmo.core.progress import print_table, say
from openmolmo.recipes.ablate.base import ABLATIONS, Ablation
from openmolmo.recipes.ablate.options import (
    budget_option,
    folder_option,
    prepare,
    report_options,
    require_none_failed,
    scale_option,
    workers_option,
    write_reports,
)
from openmolmo.recipes.ablate.paper import paper_difference
from openmolmo.recipes.ablate.results import read_results

if TYPE_CHECKING:
    from openmolmo.recipes.ablate.queue import Plan

__all__ = ["ablate"]

_folder = folder_option("ablations")


@click.group()
def ablate() -> None:
    """Change one thing of a recipe, train a few seeds of both, and see whether it matters."""


@ablate.command("list")
@_folder
def list_(root: Path) -> None:
    """List the ablations: what they ask, their arms, what the paper found, and what has been run."""
    rows = []
    for name in ABLATIONS:
        one = ABLATIONS.get(name)
        signs = {"better": ">", "worse": "<", "none": "="}
        expected = ", ".join(f"{c.arm} {signs[c.expected]} {c.against}" for c in one.contrasts)
        paper = paper_difference(one, one.contrasts[0]) if one.contrasts else None
        rows.append([name, one.question, one.world.name, one.metric, expected, paper or "-", _state(one, root)])
    heads = ["ablation", "question", "world", "metric", "expected", "in the paper", "runs here"]
    print_table("Ablations", heads, rows)


def _state(ablation: Ablation, root: Path) -> str:
    if not ablation.arms:
        return "cannot be shown here"
    counts = Counter(one.arm for one in read_results(root, ablation.name))
    return ", ".join(f"{arm.name} {counts[arm.name]}" for arm in ablation.arms) if counts else "none"


@ablate.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="All ablations that can be run.")
@budget_option
@click.option("--seeds", type=click.IntRange(min=2), help="Seeds at most. [default: as each ablation says, mostly 3]")
@workers_option
@_folder
@scale_option("steps, pictures and questions")
@executor_option
def run(
    names: tuple[str, ...],
    every: bool,
    budget: str | None,
    seeds: int | None,
    workers: int | None,
    root: Path,
    scale: float,
    executor: Executor,
) -> None:
    """Run ablations, seed by seed, until each is decided or the time is over; the same command goes on.

    Any number of processes and machines may work in one --dir. Killed at any moment, a run goes on from its last
    checkpoint.
    """
    from openmolmo.recipes.ablate.pace import read_budget

    seconds = None if budget is None else read_budget(budget)
    chosen = _chosen(names, every)
    from openmolmo.recipes.ablate.queue import Plan
    from openmolmo.recipes.ablate.resolve import resolve
    from openmolmo.recipes.ablate.running import run_plans

    plans = [Plan(ablation=one, runs=tuple(resolve(one, seeds=seeds, scale=scale))) for one in chosen]
    prepare(plans, root)
    workers = workers or os.cpu_count() or 1
    if seconds is not None:
        _tell_budget(plans, root, seconds, workers)
    run_plans(plans, root, workers=workers, seconds=seconds, executor=executor)
    _conclude(plans, root)


def _chosen(names: Sequence[str], every: bool) -> list[Ablation]:
    if bool(names) == every:
        raise ConfigError(
            "name the ablations to run, or give --all" if not names else "names and --all exclude each other",
            fix=f"openmolmo ablate run {' '.join(list(ABLATIONS)[:2])}; openmolmo ablate list shows them",
        )
    found = [ABLATIONS.get(name) for name in (ABLATIONS.names() if every else dict.fromkeys(names))]
    for one in found:
        if not one.arms and not every:
            raise ConfigError(f"{one.name} cannot be shown here: {one.cannot}", fix="choose another one")
    return [one for one in found if one.arms]


def _tell_budget(plans: Sequence[Plan], root: Path, seconds: float, workers: int) -> None:
    from openmolmo.recipes.ablate.pace import measure, minutes_to_decide, too_small

    say("looking how fast this machine is: a few steps of every stage")
    pace = measure(plans)
    left = seconds / 60
    for plan in plans:
        needed = minutes_to_decide(plan, root, pace, workers)
        said = too_small(plan, max(left, 0.0), needed, workers)
        say(said or f"{plan.ablation.name}: about {needed:.0f} minutes to decide, with {workers} at once")
        left -= needed


def _conclude(plans: Sequence[Plan], root: Path) -> None:
    """The table of what was found; failed runs are an error at the end."""
    from openmolmo.recipes.ablate.queue import finished
    from openmolmo.recipes.ablate.report import findings_of, table_rows

    for plan in plans:
        heads, rows = table_rows(findings_of(plan.ablation, finished(plan, root)))
        print_table(f"{plan.ablation.table}: {plan.ablation.question}", heads, rows)
    require_none_failed(plans, root)


@ablate.command()
@_folder
@report_options
def report(root: Path, markdown: Path | None, html: Path | None, as_json: Path | None) -> None:
    """Report what has been found, beside the paper's numbers; as one table where no file is named."""
    from openmolmo.core.files import write_json, write_text
    from openmolmo.recipes.ablate.report import (
        collect,
        print_summary,
        render_html,
        render_markdown,
        to_json,
    )

    found = collect(root)
    if not write_reports(
        (markdown, lambda path: write_text(path, render_markdown(found))),
        (html, lambda path: write_text(path, render_html(found, root))),
        (as_json, lambda path: write_json(path, to_json(found))),
    ):
        print_summary(found)
