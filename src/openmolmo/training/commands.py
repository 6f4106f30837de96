"""``openmolmo train RECIPE [key=value ...]``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from openmolmo.training.config import BaseRunConfig

__all__ = ["train"]


@click.command()
@click.argument("recipe")
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run. [default: runs/NAME]")
@click.option("--resume", is_flag=True, help="Go on from the newest checkpoint in --out.")
@click.option(
    "--finish", is_flag=True, help="Train no further: make the final model of the newest checkpoint in --out."
)
@click.option("--require-audit", is_flag=True, help="Refuse data of which `openmolmo data audit` refuses a part.")
@click.option("--dry-run", is_flag=True, help="Print settings, parameters, memory, work and time; train nothing.")
@click.option("--json", "as_json", is_flag=True, help="With --dry-run: print all settings as JSON, and nothing else.")
@click.option("--gpus", type=click.IntRange(1), help="With --dry-run: how many devices. [default: as few as will do]")
@click.option("--gpu", help="With --dry-run: which (h100, a100, rtx4090 ...). [default: that of this machine]")
@click.option(
    "--utilisation",
    type=float,
    help="With --dry-run: share of the peak that is useful work, as measured. [default: a range, 0.35 to 0.16]",
)
def train(
    recipe: str,
    settings: tuple[str, ...],
    out: Path | None,
    resume: bool,
    finish: bool,
    require_audit: bool,
    dry_run: bool,
    **plan: Any,
) -> None:
    """Train by RECIPE: a registered name, or my_file.py:function.

    KEY=VALUE gives a parameter of the recipe (data=mine.jsonl) or changes a setting of what it
    returns, e.g. steps=300 optimizer.llm.lr=1e-3.
    With --resume the settings the run was started with are used; only those that do not change
    its result (threads, loader.workers, checkpoint_every ...) can be given anew; so it is with
    --finish, which ends a run early with a model.
    """
    from openmolmo.core.errors import ConfigError
    from openmolmo.core.progress import console, say
    from openmolmo.training.config import RunConfig
    from openmolmo.training.parallel.world import told_by
    from openmolmo.training.recipe import change, load_recipe, missing_data, parameters_of, run_of
    from openmolmo.training.resume import require_same, saved_config

    if not dry_run and any(plan.values()):
        raise ConfigError(
            "--gpu, --gpus, --utilisation and --json only plan a run",
            fix="add --dry-run; to train on several, start as many processes by torchrun (docs/how-to/train.md)",
        )
    if finish and dry_run:
        raise ConfigError("--finish makes a model and --dry-run makes nothing", fix="leave one of them out")
    with told_by(os.environ.get("LOCAL_RANK", "0") == "0"):
        arguments, changes = parameters_of(recipe, settings)
        config = load_recipe(recipe, **arguments)
        out = out or Path("runs") / config.name
        if resume or finish:
            given, config = config, saved_config(out, config)
            if arguments:
                require_same(change(recipe, config, changes), change(recipe, given, changes))
        config = change(recipe, config, changes)
        if require_audit and isinstance(config, RunConfig):  # others draw their data themselves
            config = config.replace(require_audit=True)
        lacking = None if resume or finish else missing_data(recipe, arguments, config)
        if lacking and not dry_run:
            raise lacking
    if dry_run:
        _tell(config, **plan)
        if lacking and not plan["as_json"]:
            say(f"note: {lacking}")
        return
    final = run_of(config)(out, resume, finish)
    if os.environ.get("RANK", "0") != "0":
        return  # the first process says it
    console.print(f"done: {final} (curves: {out / 'curves.png'}, log: {out / 'metrics.jsonl'})", highlight=False)
    click.echo(str(final))


def _tell(config: BaseRunConfig, as_json: bool, **plan: Any) -> None:
    """Print what a run would be, in short and with tables, or all of its settings as JSON."""
    from openmolmo.core.progress import print_table
    from openmolmo.training.describe import describe

    description = describe(config, **plan)
    if as_json:
        click.echo(description.settings)
        return
    click.echo(description.shown)
    for title, columns, rows in description.tables:
        print_table(title, columns, rows, description.notes.get(title, ()))
