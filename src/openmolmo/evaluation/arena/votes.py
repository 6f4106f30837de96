"""Vote files: one row a vote, with the two models and who won.

    model_a,model_b,winner
    nano,micro,model_a            model_a, model_b, tie, tie (bothbad)

CSV, JSON lines or a JSON list, in the columns of Chatbot Arena, or in those of the studio: ``outcome`` (a, b,
both_good, both_bad, dont_know), ``category``, ``question_id``, ``voter``, ``seconds``, ``length_a`` and ``length_b``.
Both kinds of tie count half for each side. Votes of other kinds ("don't know") and rows that are no votes are left out
and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openmolmo.core.errors import DataError
from openmolmo.evaluation.arena.vote_rows import WINNERS, length_of, rows_of, winner_of

__all__ = ["CATEGORIES", "Ballots", "Vote", "Votes", "count_ballots", "count_votes", "read_ballots", "read_votes"]

CATEGORIES = (
    "output format",
    "fine-grained QA",
    "general",
    "documents",
    "captions",
    "counting",
    "homework",
    "charts",
    "named entities",
    "creative",
)
"""The ten kinds of questions of arXiv 2409.17146; other names are taken as well."""

_LENGTH_STEP = 0.05
"""Differences of length are rounded to this, so that equal rows are counted together."""


@dataclass(frozen=True)
class Votes:
    """Different rows (a, b, outcome) with their numbers of votes.

    ``pairs``: (R, 2) indexes into ``models``; ``outcomes``: (R,) 1 where the first won, 0, or 0.5 for a tie;
    ``counts``: (R,). ``left_out``: votes that are none of these, by what they say. ``lengths``: (R,) how much longer
    the first answer is, (a - b) / (a + b), where it is to be controlled for.
    """

    models: tuple[str, ...]
    pairs: NDArray[np.int64]
    outcomes: NDArray[np.float64]
    counts: NDArray[np.float64]
    left_out: Mapping[str, int]
    lengths: NDArray[np.float64] | None = None

    @property
    def total(self) -> int:
        """Votes that count."""
        return int(self.counts.sum())


class Vote(NamedTuple):
    """One vote that counts. ``outcome``: 1 where the first won, 0, or 0.5; ``length``: (a - b) / (a + b), or None."""

    model_a: str
    model_b: str
    outcome: float
    category: str
    question: str
    voter: str
    seconds: float | None
    length: float | None
    bad: bool
    """A tie of two bad answers."""


@dataclass(frozen=True, kw_only=True)
class Ballots:
    """The votes of a file one by one, and those left out by what they say."""

    votes: Sequence[Vote]
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def categories(self) -> tuple[str, ...]:
        """Those of the paper first and in its order, then others by name."""
        there = {vote.category for vote in self.votes} - {""}
        return (*(name for name in CATEGORIES if name in there), *sorted(there - set(CATEGORIES)))

    def of(self, category: str) -> Ballots:
        """The votes of one category."""
        return Ballots(votes=[vote for vote in self.votes if vote.category == category])


def read_votes(path: Path) -> Votes:
    """The votes of a file. Raises DataError where it cannot be read, lacks a column, or has no vote that counts."""
    return count_ballots(read_ballots(path))


def read_ballots(path: Path, *, models: Collection[str] | None = None, by: str = "category") -> Ballots:
    """The votes of a file one by one; ``by`` names the field of their category.

    ``models``: only votes between these; others are left out and counted. Errors as of :func:`read_votes`.
    """
    bad: list[DataError] = []
    ballots = _ballots(_good(rows_of(path), bad), models, by)
    if bad and not ballots.votes and not ballots.left_out:
        raise bad[0]
    if bad:
        left_out = {**ballots.left_out, f"no vote, first in row {bad[0].row}: {bad[0].reason}": len(bad)}
        ballots = replace(ballots, left_out=left_out)
    if not ballots.votes:
        left = ", ".join(f"{count} {text!r}" for text, count in ballots.left_out.items())
        raise DataError(
            f"there is no vote in it{f' that counts (left out: {left})' if left else ''}",
            file=str(path),
            fix="it wants rows with model_a, model_b and winner (or outcome)",
        )
    return ballots


def _good(rows: Iterable[Mapping[str, Any] | DataError], bad: list[DataError]) -> Iterator[Mapping[str, Any]]:
    for row in rows:
        if isinstance(row, DataError):
            bad.append(row)
        else:
            yield row


def count_votes(rows: Iterable[Mapping[str, Any]]) -> Votes:
    """The votes of rows with ``model_a``, ``model_b`` and ``winner``."""
    return count_ballots(_ballots(rows, None, "category"))


def count_ballots(ballots: Ballots, *, length: bool = False) -> Votes:
    """Equal votes counted together; with ``length`` only those that say how long the answers are."""
    left_out = Counter(ballots.left_out)
    counted: Counter[tuple[str, str, float, float]] = Counter()
    for vote in ballots.votes:
        if not length:
            counted[vote.model_a, vote.model_b, vote.outcome, 0.0] += 1
        elif vote.length is None:
            left_out["without the answers' lengths"] += 1
        else:
            rounded = round(vote.length / _LENGTH_STEP) * _LENGTH_STEP
            counted[vote.model_a, vote.model_b, vote.outcome, rounded] += 1
    # Numbered as they come first in the first column, then in the second, and rows sorted by these numbers: the order
    # of the public implementation, so that the same seed draws the same votes.
    models = tuple(dict.fromkeys([*(key[0] for key in counted), *(key[1] for key in counted)]))
    place = {name: index for index, name in enumerate(models)}
    different = sorted((place[key[0]], place[key[1]], key[2], key[3], n) for key, n in counted.items())
    table = np.array(different, np.float64).reshape(-1, 5)
    return Votes(
        models=models,
        pairs=table[:, :2].astype(np.int64),
        outcomes=table[:, 2],
        counts=table[:, 4],
        left_out=dict(left_out),
        lengths=table[:, 3] if length else None,
    )


def _ballots(rows: Iterable[Mapping[str, Any]], models: Collection[str] | None, by: str) -> Ballots:
    kept: list[Vote] = []
    left_out: Counter[str] = Counter()
    for row in rows:
        one, other, winner = str(row["model_a"]), str(row["model_b"]), winner_of(row)
        strange = next((name for name in (one, other) if models is not None and name not in models), None)
        if strange is not None:
            left_out[f"unknown model {strange}"] += 1
        elif one == other:
            left_out["a model against itself"] += 1
        elif winner not in WINNERS:
            left_out[winner] += 1
        else:
            kept.append(_vote(row, one, other, winner, by))
    return Ballots(votes=kept, left_out=dict(left_out))


def _vote(row: Mapping[str, Any], one: str, other: str, winner: str, by: str) -> Vote:
    outcome, bad = WINNERS[winner]
    seconds = row.get("seconds")
    return Vote(
        model_a=one,
        model_b=other,
        outcome=outcome,
        category=str(row.get(by) or ""),
        question=str(row.get("question_id") or row.get("question") or ""),
        voter=str(row.get("voter") or row.get("judge") or ""),
        seconds=float(seconds) if isinstance(seconds, (int, float)) else None,
        length=length_of(row),
        bad=bad,
    )
