"""``openmolmo train RECIPE [key=value ...]``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from openmolmo.training.config import BaseRunConfig

__all__ = ["train"]


@click.command()
@click.argument("recipe")
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run. [default: runs/NAME]")
@click.option("--resume", is_flag=True, help="Go on from the newest checkpoint in --out.")
@click.option("--dry-run", is_flag=True, help="Print settings, parameters, memory, work and time; train nothing.")
@click.option("--json", "as_json", is_flag=True, help="With --dry-run: print all settings as JSON, and nothing else.")
@click.option("--gpus", type=click.IntRange(1), help="With --dry-run: how many devices. [default: as few as will do]")
@click.option("--gpu", help="With --dry-run: which (h100, a100, rtx4090 ...). [default: that of this machine]")
def train(
    recipe: str,
    settings: tuple[str, ...],
    out: Path | None,
    resume: bool,
    dry_run: bool,
    as_json: bool,
    gpus: int | None,
    gpu: str | None,
) -> None:
    """Train by RECIPE: a registered name, or my_file.py:function.

    KEY=VALUE gives a parameter of the recipe (data=mine.jsonl) or changes a setting of what it
    returns, e.g. steps=300 optimizer.llm.lr=1e-3.
    With --resume the settings the run was started with are used; only those that do not change
    its result (threads, loader.workers, checkpoint_every ...) can be given anew.
    """
    from openmolmo.core.errors import ConfigError
    from openmolmo.core.progress import console, say
    from openmolmo.training.parallel.world import told_by
    from openmolmo.training.recipe import change, load_recipe, missing_data, parameters_of, run_of
    from openmolmo.training.resume import require_same, saved_config

    if not dry_run and (gpus or gpu or as_json):
        raise ConfigError(
            "--gpu, --gpus and --json only plan a run",
            fix="add --dry-run; to train on several, start as many processes by torchrun (docs/how-to/train.md)",
        )
    with told_by(os.environ.get("LOCAL_RANK", "0") == "0"):
        arguments, changes = parameters_of(recipe, settings)
        config = load_recipe(recipe, **arguments)
        out = out or Path("runs") / config.name
        if resume:
            given, config = config, saved_config(out, config)
            if arguments:
                require_same(change(recipe, config, changes), change(recipe, given, changes))
        config = change(recipe, config, changes)
        lacking = None if resume else missing_data(recipe, arguments, config)
        if lacking and not dry_run:
            raise lacking
    if dry_run:
        _tell(config, gpus, gpu, as_json)
        if lacking and not as_json:
            say(f"note: {lacking}")
        return
    final = run_of(config)(out, resume)
    if os.environ.get("RANK", "0") != "0":
        return  # the first process says it
    console.print(f"done: {final} (curves: {out / 'curves.png'}, log: {out / 'metrics.jsonl'})", highlight=False)
    click.echo(str(final))


def _tell(config: BaseRunConfig, gpus: int | None, gpu: str | None, as_json: bool) -> None:
    """Print what a run would be, in short and with tables, or all of its settings as JSON."""
    from openmolmo.core.progress import print_table
    from openmolmo.training.describe import describe

    description = describe(config, gpus, gpu)
    if as_json:
        click.echo(description.settings)
        return
    click.echo(description.shown)
    for title, columns, rows in description.tables:
        print_table(title, columns, rows, description.notes.get(title, ()))
