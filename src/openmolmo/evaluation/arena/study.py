"""A whole preference study out of its votes: ratings, by category, at equal length, the win matrix, and who voted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from openmolmo.evaluation.arena.bradley_terry import Ratings, fit
from openmolmo.evaluation.arena.matrix import WinMatrix, win_matrix
from openmolmo.evaluation.arena.votes import Ballots, count_ballots

__all__ = ["Study", "Turnout", "study_of"]


@dataclass(frozen=True, kw_only=True)
class Turnout:
    """What came in: votes that count, how many of them ties, those left out, and by whom and on what."""

    votes: int
    good_ties: int
    bad_ties: int
    left_out: Mapping[str, int]
    voters: int
    questions: int
    fewest_a_pair: int
    most_a_pair: int
    median_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Study:
    """``ratings`` of all votes; ``by_category``; ``at_equal_length`` where votes say how long the answers are."""

    ratings: Ratings
    by_category: Mapping[str, Ratings]
    at_equal_length: Ratings | None
    matrix: WinMatrix
    turnout: Turnout

    @property
    def ranking(self) -> list[str]:
        """Models, the best first."""
        return list(self.matrix.models)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            **asdict(self.ratings),
            "left_out": dict(self.turnout.left_out),
            "by_category": {name: asdict(found) for name, found in self.by_category.items()},
            "at_equal_length": None if self.at_equal_length is None else asdict(self.at_equal_length),
            "matrix": self.matrix.to_dict(),
            "turnout": asdict(self.turnout),
        }


def study_of(
    ballots: Ballots,
    *,
    rounds: int = 200,
    seed: int = 0,
    anchor: tuple[str, float] | None = None,
    length: bool = False,
) -> Study:
    """Fit everything. The anchor holds for all votes; in a category without a vote on it the mean is 1000.

    ``length``: also the ratings at equal length, from the votes that tell it.
    """
    votes = count_ballots(ballots)
    ratings = fit(votes, rounds=rounds, seed=seed, anchor=anchor)
    by_category = {}
    for name in ballots.categories:
        part = count_ballots(ballots.of(name))
        held = anchor if anchor is not None and anchor[0] in part.models else None
        by_category[name] = fit(part, rounds=rounds, seed=seed, anchor=held)
    equal = None
    if length and any(vote.length is not None for vote in ballots.votes):
        told = count_ballots(ballots, length=True)
        held = anchor if anchor is not None and anchor[0] in told.models else None
        equal = fit(told, rounds=rounds, seed=seed, anchor=held)
    order = sorted(ratings.ratings, key=lambda model: -ratings.ratings[model])
    matrix = win_matrix(votes, order)
    return Study(
        ratings=ratings,
        by_category=by_category,
        at_equal_length=equal,
        matrix=matrix,
        turnout=_turnout(ballots, matrix),
    )


def _turnout(ballots: Ballots, matrix: WinMatrix) -> Turnout:
    upper = matrix.met[np.triu_indices(len(matrix.models), 1)]
    ties = Counter(vote.bad for vote in ballots.votes if vote.outcome == 0.5)
    seconds = [vote.seconds for vote in ballots.votes if vote.seconds is not None]
    return Turnout(
        votes=len(ballots.votes),
        good_ties=ties[False],
        bad_ties=ties[True],
        left_out=ballots.left_out,
        voters=len({vote.voter for vote in ballots.votes} - {""}),
        questions=len({vote.question for vote in ballots.votes} - {""}),
        fewest_a_pair=int(upper.min()),
        most_a_pair=int(upper.max()),
        median_seconds=float(np.median(seconds)) if seconds else None,
    )
