"""``openmolmo train RECIPE [key=value ...]``."""

from __future__ import annotations

import os
from pathlib import Path

import click

__all__ = ["train"]


@click.command()
@click.argument("recipe")
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run. [default: runs/NAME]")
@click.option("--resume", is_flag=True, help="Go on from the newest checkpoint in --out.")
@click.option("--dry-run", is_flag=True, help="Print settings, parameters, memory, work and time; train nothing.")
@click.option("--gpus", type=click.IntRange(1), help="With --dry-run: how many devices. [default: as few as will do]")
@click.option("--gpu", help="With --dry-run: which (h100, a100, rtx4090 ...). [default: that of this machine]")
def train(
    recipe: str,
    settings: tuple[str, ...],
    out: Path | None,
    resume: bool,
    dry_run: bool,
    gpus: int | None,
    gpu: str | None,
) -> None:
    """Train by RECIPE: a registered name, or my_file.py:function.

    KEY=VALUE gives a parameter of the recipe (data=mine.jsonl) or changes a setting of what it
    returns, e.g. steps=300 optimizer.llm.lr=1e-3.
    With --resume the settings the run was started with are used; only those that do not change
    its result (threads, loader.workers, checkpoint_every ...) can be given anew.
    """
    from openmolmo.core.config import override
    from openmolmo.core.errors import ConfigError, OpenMolmoError
    from openmolmo.core.progress import console, print_table
    from openmolmo.training.describe import describe
    from openmolmo.training.recipe import load_recipe, parameters_of, run_of
    from openmolmo.training.resume import require_same, saved_config

    if not dry_run and (gpus or gpu):
        raise ConfigError(
            "--gpu and --gpus only plan a run",
            fix="add --dry-run; to train on several, start as many processes by torchrun (docs/how-to/train.md)",
        )
    try:
        arguments, changes = parameters_of(recipe, settings)
        config = load_recipe(recipe, **arguments)
        out = out or Path("runs") / config.name
        if resume:
            given, config = config, saved_config(out, config)
            if arguments:
                require_same(override(config, changes), override(given, changes))
        config = override(config, changes)
    except OpenMolmoError as error:
        error.quiet = os.environ.get("LOCAL_RANK", "0") != "0"  # all processes of a machine find it
        raise
    if dry_run:
        description = describe(config, gpus, gpu)
        click.echo(description.settings)
        for title, columns, rows in description.tables:
            print_table(title, columns, rows)
        return
    final = run_of(config)(out, resume)
    if os.environ.get("RANK", "0") != "0":
        return  # the first process says it
    console.print(f"done: {final} (curves: {out / 'curves.png'}, log: {out / 'metrics.jsonl'})", highlight=False)
    click.echo(str(final))
