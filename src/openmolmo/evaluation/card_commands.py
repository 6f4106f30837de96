"""``openmolmo eval card MODEL``: every score of a model card, by one command."""

from __future__ import annotations

from pathlib import Path

import click

from openmolmo.core.errors import ConfigError

__all__ = ["card"]


@click.command("card")
@click.argument("model", default="nano")
@click.option("--synth", default=None, help="Generators to judge on, each by itself. [default: those of nano's card]")
@click.option("--count", default=200, show_default=True, type=click.IntRange(min=1), help="Examples a generator.")
@click.option("--limit", default=500, show_default=True, type=click.IntRange(min=1), help="Most questions a task.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("card"), show_default=True, help="Folder.")
def card(model: str, synth: str | None, count: int, limit: int, out: Path) -> None:
    """Every score of MODEL's card again: each world by itself with controls, and pictures unlike all of them.

    Writes scores.md, scores.json and, for each world, results.json and report.html into --out.
    """
    from openmolmo.core.files import require_writable
    from openmolmo.evaluation.card import WORLDS, judge_card, write_card_scores
    from openmolmo.evaluation.report import print_results
    from openmolmo.evaluation.session import Setup

    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out} is a file, not a folder", fix="choose another --out")
    worlds = WORLDS if synth is None else tuple(name.strip() for name in synth.split(",") if name.strip())
    if not worlds:
        raise ConfigError("--synth names no generator", fix=f"e.g. --synth {','.join(WORLDS)}")
    require_writable(out)
    scores = judge_card(Setup(model=model, count=count, limit=limit), worlds)
    write_card_scores(scores, out)
    for world, results in scores.worlds.items():
        click.echo(f"\n{world}")
        print_results(results)
    if scores.known is not None:
        click.echo(scores.known_table())
    click.echo(f"{out / 'scores.md'}\n{out / 'scores.json'}")
