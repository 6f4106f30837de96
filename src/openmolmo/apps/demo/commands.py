"""The command ``openmolmo demo``."""

from __future__ import annotations

import time
from pathlib import Path

import click

__all__ = ["demo"]


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("demo"), show_default=True, help="Folder to write."
)
@click.option("--seed", type=click.IntRange(min=0), help="The same seed makes the same data. [default: a new one]")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0.2, max=24 * 60),
    help="Time to train, all stages together. [default: 5 to 7, by the pace of this machine]",
)
@click.option("--model", default="nano", show_default=True, help="The finished model to compare with and to ask.")
@click.option("--quick", is_flag=True, help="A few steps on a few pictures: see that everything works, in a minute.")
def demo(out: Path, seed: int | None, minutes: float | None, model: str, quick: bool) -> None:
    """Make data, train a small model from scratch, judge it beside a finished one, ask about pictures.

    Leaves one page, OUT/report.html. A folder made by an earlier demo is replaced; anything else is
    left alone.
    """
    from openmolmo.apps.demo.run import run_demo

    chosen = int(time.time()) if seed is None else seed
    run_demo(out, minutes, seed=chosen, model=model, quick=quick)
