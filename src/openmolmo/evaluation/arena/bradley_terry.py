"""Ratings by maximum likelihood (Bradley-Terry): the chance that a beats b is 1 / (1 + 10^((b - a) / 400)).

Ties count half for each. The fit is Newton's method, to a gradient of 1e-9, on ratings whose mean is 1000 (or where one
model is anchored). Two kinds of interval: the bootstrap draws the votes again, the sandwich estimate takes the
curvature and the scatter of the votes. Where some models were never beaten by the rest, or never met them, the best
ratings are infinitely far apart: that is found from the graph of who beat whom, said, and made finite by a weak prior.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from openmolmo.core.errors import ConfigError
from openmolmo.core.optional import require
from openmolmo.evaluation.arena.votes import Votes

__all__ = ["Ratings", "fit"]

Array = NDArray[np.float64]

_SCALE, _MEAN = 400 / np.log(10), 1000.0
_TOLERANCE = 1e-9
_STEPS = 100
_NORMAL = 1.959963984540054  # 95 % of a normal distribution lie so many deviations around its mean
_WEAK = 1e-2  # votes: half a win and half a loss of so much against an imaginary average model


@dataclass(frozen=True, kw_only=True)
class Ratings:
    """``ratings`` by model; ``bootstrap`` and ``sandwich`` are (low, high) of 95 %; ``ranks``: 1 + how many models are
    surely better. ``warnings`` say what the votes cannot decide.
    """

    ratings: Mapping[str, float]
    bootstrap: Mapping[str, tuple[float, float]]
    sandwich: Mapping[str, tuple[float, float]]
    ranks: Mapping[str, int]
    votes: int
    warnings: tuple[str, ...] = field(default=())

    @property
    def diverges(self) -> bool:
        """Whether the ratings rest on a prior, because the votes alone put no bound on them."""
        return bool(self.warnings)


def fit(votes: Votes, *, rounds: int = 200, seed: int = 0, anchor: tuple[str, float] | None = None) -> Ratings:
    """Ratings of all models, with intervals from ``rounds`` draws.

    Raises ConfigError where the model to ``anchor`` is not among those voted on.
    """
    if anchor is not None and anchor[0] not in votes.models:
        raise ConfigError(
            f"the anchor {anchor[0]!r} has no vote", fix=f"models voted on: {', '.join(votes.models[:20])}"
        )
    warnings = _undecided(votes)
    prior = _WEAK if warnings else 0.0
    best = _solve(votes, votes.counts, prior)
    shift = _shift(votes, best, anchor)
    low, high = _bootstrap(votes, best, prior, rounds, seed, anchor)
    error = _sandwich(votes, best, prior)
    named = dict(zip(votes.models, (_SCALE * best + shift).tolist(), strict=True))
    drawn = {model: (float(low[i]), float(high[i])) for i, model in enumerate(votes.models)}
    return Ratings(
        ratings=named,
        bootstrap=drawn,
        sandwich={
            model: (named[model] - _NORMAL * _SCALE * error[i], named[model] + _NORMAL * _SCALE * error[i])
            for i, model in enumerate(votes.models)
        },
        ranks={model: 1 + sum(other[0] > drawn[model][1] for other in drawn.values()) for model in votes.models},
        votes=votes.total,
        warnings=warnings,
    )


def _shift(votes: Votes, strengths: Array, anchor: tuple[str, float] | None) -> float:
    if anchor is None:
        return float(_MEAN - _SCALE * strengths.mean())
    return float(anchor[1] - _SCALE * strengths[votes.models.index(anchor[0])])


def _solve(votes: Votes, counts: Array, prior: float, start: Array | None = None) -> Array:
    """Strengths (natural units, mean 0) of the greatest likelihood."""
    n = len(votes.models)
    strengths = np.zeros(n) if start is None else start.copy()
    one, other = votes.pairs[:, 0], votes.pairs[:, 1]
    value = _loss(votes, counts, strengths, prior)
    for _ in range(_STEPS):
        gradient, curvature = _slopes(counts, strengths, votes.outcomes, one, other, prior)
        if np.abs(gradient).max() <= _TOLERANCE * max(1.0, counts.sum()):
            break
        step = np.linalg.solve(curvature + np.ones((n, n)) / n, gradient)  # the ones: the mean stays where it is
        size = 1.0
        while size > 1e-6:  # Newton's step can overshoot far from the best: halve it until it helps
            tried = strengths - size * step
            now = _loss(votes, counts, tried, prior)
            if now <= value:
                strengths, value = tried, now
                break
            size /= 2
        else:
            break
    return np.asarray(strengths - strengths.mean())


def _loss(votes: Votes, counts: Array, strengths: Array, prior: float) -> float:
    gap = strengths[votes.pairs[:, 0]] - strengths[votes.pairs[:, 1]]
    likelihood = np.sum(counts * (np.logaddexp(0, gap) - votes.outcomes * gap))
    return float(likelihood + prior * np.sum(np.logaddexp(0, strengths) - 0.5 * strengths))


def _slopes(
    counts: Array,
    strengths: Array,
    outcomes: Array,
    one: NDArray[np.int64],
    other: NDArray[np.int64],
    prior: float,
) -> tuple[Array, Array]:
    """Gradient and matrix of second derivatives."""
    n = len(strengths)
    chance = 1 / (1 + np.exp(-(strengths[one] - strengths[other])))
    slope = counts * (chance - outcomes)
    gradient: Array = np.asarray(np.bincount(one, slope, n) - np.bincount(other, slope, n), np.float64)
    weight = counts * chance * (1 - chance)
    curvature = np.zeros((n, n))
    np.add.at(curvature, (one, other), -weight)
    np.add.at(curvature, (other, one), -weight)
    curvature[np.diag_indices(n)] -= curvature.sum(axis=1)
    if prior:
        alone = 1 / (1 + np.exp(-strengths))
        gradient += prior * (alone - 0.5)
        curvature[np.diag_indices(n)] += prior * alone * (1 - alone)
    return gradient, curvature


def _bootstrap(
    votes: Votes, best: Array, prior: float, rounds: int, seed: int, anchor: tuple[str, float] | None
) -> tuple[Array, Array]:
    """Quantiles (2.5 % and 97.5 %) of the ratings over votes drawn again."""
    rng = np.random.default_rng(seed)
    shares = votes.counts / votes.counts.sum()
    drawn = np.empty((rounds, len(votes.models)))
    for number in range(rounds):
        counts = rng.multinomial(votes.total, shares).astype(np.float64)
        strengths = _solve(votes, counts, prior or 1e-6, start=best)  # a draw may leave a model without a loss
        drawn[number] = _SCALE * strengths + _shift(votes, strengths, anchor)
    if not rounds:
        return np.full(len(votes.models), -np.inf), np.full(len(votes.models), np.inf)
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    return low, high


def _sandwich(votes: Votes, strengths: Array, prior: float) -> Array:
    """Standard errors (natural units) that hold whether or not the model is right (White 1982)."""
    n = len(strengths)
    one, other = votes.pairs[:, 0], votes.pairs[:, 1]
    _, curvature = _slopes(votes.counts, strengths, votes.outcomes, one, other, prior)
    chance = 1 / (1 + np.exp(-(strengths[one] - strengths[other])))
    scatter = np.zeros((n, n))
    square = votes.counts * (chance - votes.outcomes) ** 2
    for (i, j), sign in (((one, one), 1), ((other, other), 1), ((one, other), -1), ((other, one), -1)):
        np.add.at(scatter, (i, j), sign * square)
    bread = np.linalg.pinv(curvature)
    errors: Array = np.sqrt(np.clip(np.diag(bread @ scatter @ bread), 0, None))
    return errors


def _undecided(votes: Votes) -> tuple[str, ...]:
    """What the votes put no bound on: groups that never met, and groups that the rest never beat."""
    sparse = require("scipy.sparse", extra="eval")
    n = len(votes.models)
    # An arrow from each winner to each loser; ties go both ways.
    ahead, behind = votes.outcomes > 0, votes.outcomes < 1
    starts = np.concatenate([votes.pairs[ahead, 0], votes.pairs[behind, 1]])
    ends = np.concatenate([votes.pairs[ahead, 1], votes.pairs[behind, 0]])
    graph = sparse.csr_matrix((np.ones(len(starts)), (starts, ends)), shape=(n, n))
    groups, of_model = require("scipy.sparse.csgraph", extra="eval").connected_components(
        graph, directed=True, connection="strong"
    )
    if groups <= 1:
        return ()
    parts, of_part = require("scipy.sparse.csgraph", extra="eval").connected_components(graph, directed=False)
    warnings = []
    if parts > 1:
        named = "; ".join(_names(votes, of_part == part) for part in range(parts))
        warnings.append(f"{parts} groups of models never met, so nothing compares them: {named}")
    for group in range(groups):
        inside = of_model == group
        lost = bool((inside[ends] & ~inside[starts]).any())
        won = bool((inside[starts] & ~inside[ends]).any())
        if won and not lost:
            warnings.append(f"never beaten from outside, so their lead has no bound: {_names(votes, inside)}")
        if lost and not won:
            warnings.append(f"never won against the rest, so their distance has no bound: {_names(votes, inside)}")
    return tuple(warnings)


def _names(votes: Votes, inside: NDArray[np.bool_]) -> str:
    names = [model for model, there in zip(votes.models, inside, strict=True) if there]
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
