"""Ratings by maximum likelihood (Bradley-Terry): the chance that a beats b is 1 / (1 + 10^((b - a) / 400)).

Ties count half for each. The fit is Newton's method, to a gradient of 1e-9, on ratings whose mean is 1000 (or where one
model is anchored). Two kinds of interval: the bootstrap draws the votes again, the sandwich estimate takes the
curvature and the scatter of the votes. Where votes carry the answers' lengths, ratings are those at equal length. Where
some models were never beaten by the rest, or never met them, the best ratings are infinitely far apart: that is found
from the graph of who beat whom, said, and made finite by a weak prior.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from openmolmo.core.errors import ConfigError
from openmolmo.core.optional import require
from openmolmo.evaluation.arena.solve import information, residuals, solve
from openmolmo.evaluation.arena.votes import Votes

__all__ = ["LengthEffect", "Ratings", "fit"]

Array = NDArray[np.float64]

_SCALE, _MEAN = 400 / np.log(10), 1000.0
_NORMAL = 1.959963984540054  # 95 % of a normal distribution lie so many deviations around its mean
_TWICE = 1 / 3  # (a - b) / (a + b) of an answer twice as long as the other
_WEAK = 1e-2  # votes: half a win and half a loss of so much against an imaginary average model


@dataclass(frozen=True)
class LengthEffect:
    """What an answer twice as long is worth in rating points, and the bounds of 95 % by the bootstrap."""

    points: float
    low: float
    high: float


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
    length: LengthEffect | None = None

    @property
    def diverges(self) -> bool:
        """Whether the ratings rest on a prior, because the votes alone put no bound on them."""
        return bool(self.warnings)


def fit(votes: Votes, *, rounds: int = 200, seed: int = 0, anchor: tuple[str, float] | None = None) -> Ratings:
    """Ratings of all models, with intervals from ``rounds`` draws; lengths are controlled for where votes have them.

    Raises ConfigError where the model to ``anchor`` is not among those voted on.
    """
    if anchor is not None and anchor[0] not in votes.models:
        raise ConfigError(
            f"the anchor {anchor[0]!r} has no vote", fix=f"models voted on: {', '.join(votes.models[:20])}"
        )
    warnings = _undecided(votes)
    prior = _WEAK if warnings else 0.0
    n = len(votes.models)
    best = solve(votes, votes.counts, prior)
    drawn = _bootstrap(votes, best, prior, rounds, seed)
    low, high = _quantiles(_SCALE * drawn[:, :n] + _shift(votes, drawn, anchor)[:, None])
    error = _sandwich(votes, best, prior)
    named = dict(zip(votes.models, (_SCALE * best[:n] + _shift(votes, best[None], anchor)[0]).tolist(), strict=True))
    bounds = {model: (float(low[i]), float(high[i])) for i, model in enumerate(votes.models)}
    return Ratings(
        ratings=named,
        bootstrap=bounds,
        sandwich={
            model: (named[model] - _NORMAL * _SCALE * error[i], named[model] + _NORMAL * _SCALE * error[i])
            for i, model in enumerate(votes.models)
        },
        ranks={model: 1 + sum(other[0] > bounds[model][1] for other in bounds.values()) for model in votes.models},
        votes=votes.total,
        warnings=warnings,
        length=None if votes.lengths is None else _length_effect(best, drawn),
    )


def _length_effect(best: Array, drawn: Array) -> LengthEffect:
    low, high = _quantiles(drawn[:, -1])
    return LengthEffect(*(float(_SCALE * _TWICE * value) for value in (best[-1], low, high)))


def _quantiles(drawn: Array) -> tuple[Array, Array]:
    """2.5 % and 97.5 % over the first axis; without bounds where nothing was drawn."""
    if not len(drawn):
        return np.full(drawn.shape[1:], -np.inf), np.full(drawn.shape[1:], np.inf)
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    return low, high


def _shift(votes: Votes, parameters: Array, anchor: tuple[str, float] | None) -> Array:
    """What is added to the ratings of each row of ``parameters`` (rounds, P)."""
    n = len(votes.models)
    if anchor is None:
        return np.asarray(_MEAN - _SCALE * parameters[:, :n].mean(axis=1))
    return np.asarray(anchor[1] - _SCALE * parameters[:, votes.models.index(anchor[0])])


def _bootstrap(votes: Votes, best: Array, prior: float, rounds: int, seed: int) -> Array:
    """Parameters over votes drawn again, (rounds, P)."""
    rng = np.random.default_rng(seed)
    shares = votes.counts / votes.counts.sum()
    drawn = np.empty((rounds, len(best)))
    for number in range(rounds):
        counts = rng.multinomial(votes.total, shares).astype(np.float64)
        drawn[number] = solve(votes, counts, prior or 1e-6, start=best)  # a draw may leave a model without a loss
    return drawn


def _sandwich(votes: Votes, best: Array, prior: float) -> Array:
    """Standard errors (natural units) that hold whether or not the model is right (White 1982)."""
    chance, off = residuals(votes, best)
    curvature = information(votes, votes.counts * chance * (1 - chance))
    if prior:
        alone = 1 / (1 + np.exp(-best))
        curvature[np.diag_indices(len(best))] += prior * alone * (1 - alone)
    bread = np.linalg.pinv(curvature)
    scatter = information(votes, votes.counts * off**2)
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
