"""``openmolmo scaling list``, ``run`` and ``report``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from openmolmo.core.errors import ConfigError
from openmolmo.core.executors import Executor, executor_option
from openmolmo.core.progress import print_table, say
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
from openmolmo.recipes.ablate.results import read_results
from openmolmo.recipes.scaling.base import GRIDS, Grid

if TYPE_CHECKING:
    from openmolmo.recipes.ablate.queue import Plan

__all__ = ["scaling"]

_folder = folder_option("scaling", more=" That of ablations lends its encoder.")


@click.group()
def scaling() -> None:
    """Train small models of several sizes, and see how far a power law of their loss can be trusted."""


@scaling.command("list")
@_folder
def list_(root: Path) -> None:
    """List the grids: what they ask, their settings, and what has been run."""
    rows = []
    for name in GRIDS:
        one = GRIDS.get(name)
        done = f"{len(read_results(root, name))} of {len(one.arms) * one.ablation.seeds}"
        rows.append([name, one.ablation.question, ", ".join(one.factors), f"{len(one.arms)}", done])
    print_table("Grids", ["grid", "question", "factors", "settings", "runs here"], rows)


@scaling.command()
@click.argument("names", nargs=-1, metavar="[GRID]...")
@budget_option
@click.option("--seeds", type=click.IntRange(min=1), help="Seeds of every setting. [default: as each grid says, 2]")
@workers_option
@_folder
@scale_option("steps and pictures")
@executor_option
def run(
    names: tuple[str, ...],
    budget: str | None,
    seeds: int | None,
    workers: int | None,
    root: Path,
    scale: float,
    executor: Executor,
) -> None:
    """Run the grids (all of them by default) until every run is made or the time is over; the same command goes on.

    Any number of processes and machines may work in one --dir. Killed at any moment, a run goes on from its last
    checkpoint.
    """
    from openmolmo.recipes.ablate.pace import read_budget

    seconds = None if budget is None else read_budget(budget)
    grids = [GRIDS.get(name) for name in (dict.fromkeys(names) or GRIDS.names())]
    from openmolmo.recipes.ablate.queue import Plan
    from openmolmo.recipes.ablate.resolve import resolve
    from openmolmo.recipes.ablate.running import run_plans
    from openmolmo.recipes.scaling.measuring import carry_out_loss

    plans = [Plan(ablation=one.ablation, runs=tuple(resolve(one.ablation, seeds=seeds, scale=scale))) for one in grids]
    prepare(plans, root)
    workers = workers or os.cpu_count() or 1
    if seconds is not None:
        _tell_budget(grids, plans, root, seconds, workers)
    run_plans(plans, root, workers=workers, seconds=seconds, executor=executor, carry=carry_out_loss)
    _conclude(grids, plans, root)


def _tell_budget(grids: Sequence[Grid], plans: Sequence[Plan], root: Path, seconds: float, workers: int) -> None:
    from openmolmo.recipes.scaling.pace import measure_kinds, minutes_left, tell_pace

    say("looking how fast this machine is: a few steps of every stage")
    pace = measure_kinds(plans)
    left = seconds / 60
    for grid, plan in zip(grids, plans, strict=True):
        say(tell_pace(grid, plan, root, pace, workers, max(left, 0.0)))
        left -= minutes_left(plan.runs, root, pace, workers)


def _conclude(grids: Sequence[Grid], plans: Sequence[Plan], root: Path) -> None:
    """The table of what was found; failed runs are an error at the end."""
    from openmolmo.recipes.ablate.queue import finished
    from openmolmo.recipes.scaling.findings import findings_of
    from openmolmo.recipes.scaling.report import print_summary

    print_summary([findings_of(grid, finished(plan, root)) for grid, plan in zip(grids, plans, strict=True)])
    require_none_failed(plans, root)


@scaling.command()
@_folder
@report_options
@click.option("--rounds", default=400, show_default=True, help="Draws of runs behind an interval.")
def report(root: Path, markdown: Path | None, html: Path | None, as_json: Path | None, rounds: int) -> None:
    """Report the laws with their intervals and predictions; as one table where no file is named."""
    if rounds < 40:
        raise ConfigError(f"--rounds {rounds}: an interval of 95 % needs at least 40 draws", fix="leave it out")
    from openmolmo.core.files import write_json, write_text
    from openmolmo.recipes.scaling.findings import collect
    from openmolmo.recipes.scaling.report import print_summary, render_html, render_markdown, to_json

    found = collect(root, rounds=rounds)
    if not write_reports(
        (markdown, lambda path: write_text(path, render_markdown(found))),
        (html, lambda path: write_text(path, render_html(found))),
        (as_json, lambda path: write_json(path, to_json(found))),
    ):
        print_summary(found)
