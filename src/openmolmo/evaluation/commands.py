"""``openmolmo eval MODEL``: the scores of a model card, from one command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from openmolmo.core.errors import ConfigError

if TYPE_CHECKING:
    from openmolmo.evaluation.tasks import Task

__all__ = ["evaluate"]


@click.command("eval")
@click.argument("model", default="nano")
@click.option("--data", type=click.Path(path_type=Path), help="A data set to judge on: its folder, or a JSONL file.")
@click.option("--synth", default="scenes,clocks", show_default=True, help="Generators to judge on, without --data.")
@click.option("--count", default=500, show_default=True, type=click.IntRange(min=1), help="Examples a generator.")
@click.option("--seed", default=0, show_default=True, help="Seed of the generators and of --limit.")
@click.option("--size", default=256, show_default=True, type=click.IntRange(min=16), help="Pixels of the pictures.")
@click.option(
    "--split",
    default=None,
    help="Split to judge on, or all. [default: test; of --data without it validation, else all]",
)
@click.option("--tasks", default=None, help="Names with commas between them; all by default.")
@click.option("--limit", default=500, show_default=True, type=click.IntRange(min=1), help="Most questions a task.")
@click.option("--radius", type=float, help="Hit radius for points without masks, in percent of the picture's width.")
@click.option("--batch-size", default=32, show_default=True, type=click.IntRange(min=1), help="Replies made together.")
@click.option("--max-new-tokens", default=512, show_default=True, type=click.IntRange(min=1), help="Cut replies here.")
@click.option("--device", default=None, help="cpu or cuda; the accelerator if there is one, by default.")
@click.option("--cases", default=6, show_default=True, type=click.IntRange(min=0), help="Right and wrong cases a task.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("evaluation"), show_default=True, help="Folder.")
def evaluate(
    model: str,
    data: Path | None,
    synth: str,
    tasks: str | None,
    out: Path,
    radius: float | None,
    cases: int,
    **options: object,
) -> None:
    """Judge MODEL (a bundled model's name, a checkpoint or a run's folder) on held-out data, with two controls.

    Pictures of --data that are among those of the model's own training are counted, and table, page and JSON say so.
    Writes results.json and report.html into --out and prints the table. The same command gives the same scores.
    """
    from openmolmo.core.files import require_writable
    from openmolmo.evaluation.report import print_results, write_results
    from openmolmo.evaluation.session import Setup, judge

    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out} is a file, not a folder", fix="choose another --out")
    require_writable(out)
    setup = Setup(model=model, data=data, synth=_names(synth), tasks=_chosen(tasks, radius), **options)  # type: ignore[arg-type]
    results = judge(setup)
    write_results(results, out, cases=cases)
    print_results(results)
    click.echo(f"{out / 'results.json'}\n{out / 'report.html'}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _chosen(names: str | None, radius: float | None) -> tuple[Task, ...]:
    """Tasks by name, under the settings that concern them."""
    from openmolmo.evaluation.tasks import TASKS
    from openmolmo.evaluation.tasks.base import TaskSettings, adjust

    tasks = [TASKS.get(name) for name in (TASKS.names() if names is None else _names(names))]
    if not tasks:
        raise ConfigError("--tasks names no task", fix=f"known: {', '.join(TASKS.names())}")
    settings = TaskSettings(radius=radius)
    return tuple(adjust(task, settings) for task in tasks)
