"""Which two models to show next: the pairs whose votes make all ratings surer together.

A vote between i and j tells p (1 - p) about the difference of their strengths: much where they are near to one another,
little where the outcome is known before. With the covariance C of the ratings so far, it takes
p (1 - p) |C d|^2 / (1 + p (1 - p) d'C d) off the sum of their variances, d being +1 at i and -1 at j. Pairs are taken
one by one, the best first, C brought up to date after each as if its vote had come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openmolmo.core.errors import ConfigError
from openmolmo.core.rng import derive
from openmolmo.evaluation.arena.solve import information, residuals, solve
from openmolmo.evaluation.arena.votes import Ballots, Votes, count_ballots

__all__ = ["Scheduled", "best_pairs", "schedule"]

Array = NDArray[np.float64]

_SPREAD = 200 * np.log(10) / 400  # how far apart models are taken to be before any vote: 200 rating points


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One comparison to ask for; the sides are drawn by lot. ``category`` is empty where none was asked for."""

    model_a: str
    model_b: str
    category: str = ""


def schedule(
    models: Sequence[str],
    count: int,
    ballots: Ballots | None = None,
    *,
    categories: Sequence[str] = (),
    seed: int = 0,
) -> list[Scheduled]:
    """``count`` comparisons of ``models``, given the votes so far.

    With ``categories`` their number is shared out evenly, and each is scheduled by its own votes. Raises ConfigError
    for fewer than two models or one that is named twice. Votes on other models are not looked at.
    """
    if len(models) < 2 or len(set(models)) < len(models):
        raise ConfigError(
            f"a schedule needs two different models at least, there are {', '.join(models) or 'none'}",
            fix="name every model once",
        )
    if count < 1:
        raise ConfigError(f"count={count} must be at least 1")
    known = Ballots(votes=[v for v in ballots.votes if {v.model_a, v.model_b} <= set(models)] if ballots else [])
    rng = derive(seed, "arena schedule")
    found: list[Scheduled] = []
    names: Sequence[str] = categories or ("",)
    for number, category in enumerate(names):
        share = count // len(names) + (number < count % len(names))
        votes = count_ballots(known.of(category) if category else known)
        for i, j in best_pairs(models, share, votes):
            a, b = (i, j) if rng.random() < 0.5 else (j, i)
            found.append(Scheduled(models[a], models[b], category))
    return [found[i] for i in rng.permutation(len(found))]


def best_pairs(models: Sequence[str], count: int, votes: Votes | None = None) -> list[tuple[int, int]]:
    """``count`` pairs of indexes into ``models``, the most telling first."""
    n = len(models)
    strengths, known = _state(models, votes)
    covariance = np.linalg.inv(known + np.eye(n) / _SPREAD**2)
    chance = 1 / (1 + np.exp(-(strengths[:, None] - strengths[None, :])))
    told = chance * (1 - chance)
    found = []
    for _ in range(count):
        shared = covariance @ covariance
        own, both = np.diag(covariance), np.diag(shared)
        reach = own[:, None] + own[None, :] - 2 * covariance
        gain = told * (both[:, None] + both[None, :] - 2 * shared) / (1 + told * reach)
        gain[np.tril_indices(n)] = -np.inf
        i, j = divmod(int(np.argmax(gain)), n)
        step = covariance[:, i] - covariance[:, j]
        covariance = covariance - told[i, j] * np.outer(step, step) / (1 + told[i, j] * reach[i, j])
        found.append((i, j))
    return found


def _state(models: Sequence[str], votes: Votes | None) -> tuple[Array, Array]:
    """(strengths, information) so far, in the order of ``models``; a model without a vote stands at the mean."""
    n = len(models)
    strengths, known = np.zeros(n), np.zeros((n, n))
    if votes is None or not votes.total:
        return strengths, known
    places = [list(models).index(name) for name in votes.models]
    best = solve(votes, votes.counts, 1 / _SPREAD**2)  # as much as the spread of the prior tells
    chance, _ = residuals(votes, best)
    strengths[places] = best
    known[np.ix_(places, places)] = information(votes, votes.counts * chance * (1 - chance))
    return strengths, known
