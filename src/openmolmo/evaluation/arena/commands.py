"""``openmolmo arena``: ratings of models from people's votes, what to vote on next, and the page of a study."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from openmolmo.core.command_group import OpenGroup
from openmolmo.core.console import counted, echo_json
from openmolmo.core.errors import ConfigError
from openmolmo.core.files import write_text
from openmolmo.core.progress import print_table
from openmolmo.evaluation.arena.bradley_terry import Ratings
from openmolmo.evaluation.arena.report import write_study
from openmolmo.evaluation.arena.schedule import Scheduled
from openmolmo.evaluation.arena.schedule import schedule as schedule_votes
from openmolmo.evaluation.arena.study import Study, study_of
from openmolmo.evaluation.arena.votes import CATEGORIES, read_ballots

__all__ = ["arena"]

_VOTES = click.Path(path_type=Path, exists=True, dir_okay=False)
_ROUNDS = click.option(
    "--rounds", default=200, show_default=True, type=click.IntRange(min=1), help="Draws of the bootstrap."
)
_SEED = click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of the draws.")
_ANCHOR = click.option("--anchor", metavar="MODEL=RATING", help="Fix one model's rating; by default the mean is 1000.")
_MODELS = click.option("--models", metavar="NAMES", help="Only votes between these, with commas between them.")
_BY = click.option("--by", default="category", show_default=True, help="The field that names a vote's category.")
_LENGTH = click.option("--length", is_flag=True, help="Also the ratings at equal length of the answers.")


@click.group(cls=OpenGroup, opened="openmolmo.arena_commands", summaries={})
def arena() -> None:
    """Rate models by votes between two anonymous answers."""


@arena.command()
@click.argument("votes", type=_VOTES)
@_ROUNDS
@_SEED
@_ANCHOR
@_MODELS
@_BY
@_LENGTH
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def fit(votes: Path, as_json: bool, **options: Any) -> None:
    """Fit Bradley-Terry ratings to VOTES: CSV or JSON lines with model_a, model_b and winner (or outcome).

    The winner is model_a, model_b, tie or "tie (bothbad)" as in Chatbot Arena, or the outcome a, b, both_good or
    both_bad as in the studio; other votes are left out and counted. Votes with a category are also rated by category.
    """
    study = _study(votes, **options)
    if as_json:
        echo_json(study.to_dict())
    else:
        _tell(study, votes)


@arena.command()
@click.argument("votes", type=_VOTES)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("arena.html"), show_default=True)
@click.option("--title", default="Human preference", show_default=True, help="Heading of the page.")
@_ROUNDS
@_SEED
@_ANCHOR
@_MODELS
@_BY
@_LENGTH
def report(votes: Path, out: Path, title: str, **options: Any) -> None:
    """Write the page of a study: leaderboard, intervals, who beats whom, and ratings by category."""
    study = _study(votes, **options)
    write_study(study, out, title=title)
    _warn(study)
    click.echo(f"{counted(len(study.ranking), 'model')}, {counted(study.turnout.votes, 'vote')}: {out}")


@arena.command()
@click.argument("votes", required=False, default=None, type=_VOTES)
@click.option("--models", metavar="NAMES", help="The models, with commas between them  [default: those of VOTES].")
@click.option("--count", default=100, show_default=True, type=click.IntRange(1, 1_000_000), help="Votes to ask for.")
@click.option("--categories", metavar="NAMES", help="Share them out over these; `paper` is the ten of the paper.")
@_BY
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of sides and order.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write CSV here instead of printing it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of CSV.")
def schedule(
    votes: Path | None,
    models: str | None,
    count: int,
    categories: str | None,
    by: str,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Say which pairs of models to show next, given the VOTES so far: those that make the ratings surest.

    Pairs of near models tell most, and so do models with few votes. The sides are drawn by lot.
    """
    ballots = None if votes is None else read_ballots(votes, by=by)
    named = _names(models)
    if named is None:
        if ballots is None:
            raise ConfigError("neither votes nor models are given", fix="name VOTES, or --models a,b,c")
        named = sorted({name for vote in ballots.votes for name in (vote.model_a, vote.model_b)})
    kinds = CATEGORIES if categories == "paper" else _names(categories) or ()
    found = schedule_votes(named, count, ballots, categories=kinds, seed=seed)
    if as_json:
        echo_json([asdict(one) for one in found])
    elif out is None:
        click.echo(_csv(found), nl=False)
    else:
        write_text(out, _csv(found))
        click.echo(f"{counted(len(found), 'comparison')} in {out}")


def _study(
    votes: Path, *, rounds: int, seed: int, anchor: str | None, models: str | None, by: str, length: bool
) -> Study:
    ballots = read_ballots(votes, models=_names(models), by=by)
    if length and not any(vote.length is not None for vote in ballots.votes):
        raise ConfigError(
            f"no vote of {votes} says how long the answers are, which --length needs",
            fix="give votes length_a and length_b (characters or tokens), or leave --length out",
        )
    fixed = None if anchor is None else _anchor(anchor)
    return study_of(ballots, rounds=rounds, seed=seed, anchor=fixed, length=length)


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _anchor(text: str) -> tuple[str, float]:
    name, equals, rating = text.rpartition("=")
    try:
        fixed = float(rating if equals else "")
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not of the form MODEL=RATING", param_hint="--anchor") from error
    if not math.isfinite(fixed):
        raise click.BadParameter(f"{text!r} fixes no rating: it must be a finite number", param_hint="--anchor")
    return name, fixed


def _csv(found: list[Scheduled]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["model_a", "model_b", "category"])
    rows.writerows([one.model_a, one.model_b, one.category] for one in found)
    return text.getvalue()


def _tell(study: Study, path: Path) -> None:
    found = study.ratings
    rows = [
        [
            found.ranks[model],
            model,
            f"{found.ratings[model]:.1f}",
            f"{found.bootstrap[model][0]:.1f} to {found.bootstrap[model][1]:.1f}",
            f"{found.sandwich[model][0]:.1f} to {found.sandwich[model][1]:.1f}",
            *([] if study.at_equal_length is None else [_rating(study.at_equal_length, model)]),
        ]
        for model in study.ranking
    ]
    heads = ["rank", "model", "rating", "95 % (bootstrap)", "95 % (sandwich)"]
    heads += [] if study.at_equal_length is None else ["at equal length"]
    print_table(f"{path}: {found.votes:,} votes", heads, rows)
    if study.at_equal_length is not None and study.at_equal_length.length is not None:
        effect = study.at_equal_length.length
        click.echo(
            f"an answer twice as long is worth {effect.points:+.0f} points ({effect.low:+.0f} to {effect.high:+.0f})"
        )
    if study.by_category:
        cells = [[model, *(_rating(one, model) for one in study.by_category.values())] for model in study.ranking]
        print_table("By category", ["model", *study.by_category], cells)
    _warn(study)


def _rating(found: Ratings, model: str) -> str:
    return f"{found.ratings[model]:.0f}" if model in found.ratings else "-"


def _warn(study: Study) -> None:
    for text, count in study.turnout.left_out.items():
        click.echo(f"left out: {count} votes {text!r}", err=True)
    for warning in study.ratings.warnings:
        click.echo(f"warning: {warning}; these ratings rest on a weak prior", err=True)
    for name, found in study.by_category.items():
        for warning in found.warnings:
            click.echo(f"warning: {name}: {warning}", err=True)
