"""The fit itself: Newton's method on the likelihood of votes, with or without the answers' lengths.

Parameters are the models' strengths in natural units (mean 0) and, where lengths are controlled for, one weight of the
length after them. The chance that a row's first model wins is 1 / (1 + exp(-gap)).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openmolmo.evaluation.arena.votes import Votes

__all__ = ["information", "residuals", "solve"]

Array = NDArray[np.float64]

_TOLERANCE = 1e-9
_STEPS = 100


def solve(votes: Votes, counts: Array, prior: float, start: Array | None = None) -> Array:
    """Parameters of the greatest likelihood. ``prior``: so much of a win and a loss against an average model."""
    n = len(votes.models)
    size = n + (votes.lengths is not None)
    found = np.zeros(size) if start is None else start.copy()
    still = np.zeros((size, size))
    still[:n, :n] = 1 / n  # the mean of the strengths stays where it is
    value = _loss(votes, counts, found, prior)
    for _ in range(_STEPS):
        gradient, curvature = _slopes(votes, counts, found, prior)
        if np.abs(gradient).max() <= _TOLERANCE * max(1.0, counts.sum()):
            break
        step = np.linalg.solve(curvature + still, gradient)
        length = 1.0
        while length > 1e-6:  # Newton's step can overshoot far from the best: halve it until it helps
            tried = found - length * step
            now = _loss(votes, counts, tried, prior)
            if now <= value:
                found, value = tried, now
                break
            length /= 2
        else:
            break
    found[:n] -= found[:n].mean()
    return found


def residuals(votes: Votes, parameters: Array) -> tuple[Array, Array]:
    """(chance, chance minus outcome) of every row."""
    chance = 1 / (1 + np.exp(-_gap(votes, parameters)))
    return chance, chance - votes.outcomes


def information(votes: Votes, weight: Array) -> Array:
    """The sum over rows of weight times the outer product of what the row compares: +1, -1 and the length."""
    n = len(votes.models)
    one, other = votes.pairs[:, 0], votes.pairs[:, 1]
    across = np.bincount(one * n + other, weight, n * n).reshape(n, n)
    size = n + (votes.lengths is not None)
    found = np.zeros((size, size))
    found[:n, :n] = -across - across.T
    found[np.arange(n), np.arange(n)] = across.sum(axis=0) + across.sum(axis=1)
    if votes.lengths is not None:
        leaning = weight * votes.lengths
        found[:n, n] = found[n, :n] = np.bincount(one, leaning, n) - np.bincount(other, leaning, n)
        found[n, n] = leaning @ votes.lengths
    return found


def _gap(votes: Votes, parameters: Array) -> Array:
    gap: Array = parameters[votes.pairs[:, 0]] - parameters[votes.pairs[:, 1]]
    return gap if votes.lengths is None else gap + parameters[-1] * votes.lengths


def _loss(votes: Votes, counts: Array, parameters: Array, prior: float) -> float:
    gap = _gap(votes, parameters)
    likelihood = np.sum(counts * (np.logaddexp(0, gap) - votes.outcomes * gap))
    return float(likelihood + prior * np.sum(np.logaddexp(0, parameters) - 0.5 * parameters))


def _slopes(votes: Votes, counts: Array, parameters: Array, prior: float) -> tuple[Array, Array]:
    """Gradient and matrix of second derivatives."""
    n = len(votes.models)
    chance, off = residuals(votes, parameters)
    slope = counts * off
    gradient = np.zeros(len(parameters))
    gradient[:n] = np.bincount(votes.pairs[:, 0], slope, n) - np.bincount(votes.pairs[:, 1], slope, n)
    if votes.lengths is not None:
        gradient[n] = slope @ votes.lengths
    curvature = information(votes, counts * chance * (1 - chance))
    if prior:
        alone = 1 / (1 + np.exp(-parameters))
        gradient += prior * (alone - 0.5)
        curvature[np.diag_indices(len(parameters))] += prior * alone * (1 - alone)
    return gradient, curvature
