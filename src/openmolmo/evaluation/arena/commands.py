"""``openmolmo arena``: ratings of models from people's votes."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import click

from openmolmo.core.command_group import OpenGroup
from openmolmo.core.progress import print_table
from openmolmo.evaluation.arena.bradley_terry import Ratings
from openmolmo.evaluation.arena.bradley_terry import fit as fit_votes
from openmolmo.evaluation.arena.votes import Votes, read_votes

__all__ = ["arena"]


@click.group(cls=OpenGroup, opened="openmolmo.arena_commands", summaries={})
def arena() -> None:
    """Rate models by votes between two anonymous answers."""


@arena.command()
@click.argument("votes", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--rounds", default=200, show_default=True, type=click.IntRange(min=1), help="Draws of the bootstrap.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of the draws.")
@click.option("--anchor", metavar="MODEL=RATING", help="Fix one model's rating; by default the mean is 1000.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def fit(votes: Path, rounds: int, seed: int, anchor: str | None, as_json: bool) -> None:
    """Fit Bradley-Terry ratings to VOTES: CSV or JSON lines with model_a, model_b and winner.

    The winner is model_a, model_b, tie or "tie (bothbad)"; other votes are left out and counted.
    """
    read = read_votes(votes)
    found = fit_votes(read, rounds=rounds, seed=seed, anchor=None if anchor is None else _anchor(anchor))
    if as_json:
        click.echo(json.dumps({**dataclasses.asdict(found), "left_out": read.left_out}, indent=2, ensure_ascii=False))
    else:
        _tell(found, read, votes)


def _anchor(text: str) -> tuple[str, float]:
    name, equals, rating = text.rpartition("=")
    try:
        fixed = float(rating if equals else "")
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not of the form MODEL=RATING", param_hint="--anchor") from error
    if not math.isfinite(fixed):
        raise click.BadParameter(f"{text!r} fixes no rating: it must be a finite number", param_hint="--anchor")
    return name, fixed


def _tell(found: Ratings, votes: Votes, path: Path) -> None:
    rows = [
        [
            found.ranks[model],
            model,
            f"{rating:.1f}",
            f"{found.bootstrap[model][0]:.1f} to {found.bootstrap[model][1]:.1f}",
            f"{found.sandwich[model][0]:.1f} to {found.sandwich[model][1]:.1f}",
        ]
        for model, rating in sorted(found.ratings.items(), key=lambda item: -item[1])
    ]
    heads = ["rank", "model", "rating", "95 % (bootstrap)", "95 % (sandwich)"]
    print_table(f"{path}: {found.votes:,} votes", heads, rows)
    for text, count in votes.left_out.items():
        click.echo(f"left out: {count} votes {text!r}", err=True)
    for warning in found.warnings:
        click.echo(f"warning: {warning}; these ratings rest on a weak prior", err=True)
