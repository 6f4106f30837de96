"""A power law with a floor: L(x) = E + sum over factors of A_k * x_k^-a_k.

Fitted to the logarithm of the loss by Huber's loss from several starts. Factors are taken relative to the middle of
what was measured, so that ``amount`` is what a factor costs there in nats, whatever its exponent.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmolmo.core.errors import DataError
from openmolmo.core.optional import require
from openmolmo.core.progress import track
from openmolmo.core.rng import derive

__all__ = ["FLATTEST", "STEEPEST", "Law", "Point", "bootstrap", "fewest_points", "fit_law", "require_enough"]

FLATTEST, STEEPEST = 0.01, 4.0
"""Bounds of an exponent. One that lies at a bound has not been found."""
_STARTS = (0.1, 0.4, 1.2)
_SOFT = 0.02  # residuals of the log loss beyond which a run weighs less: two percent
_LEAST_AMOUNT = 1e-7  # nats
_SPARE = 2  # runs more than numbers to be found
_LEVELS = 3  # values of a factor, below which no exponent can be found
_EVALUATIONS = 100
_TRIES = 20  # draws that may be thrown away for each that is kept


@dataclass(frozen=True, kw_only=True)
class Point:
    """One run: its value of every factor, and its loss."""

    values: Mapping[str, float]
    loss: float
    arm: str = ""
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Law:
    """A fitted law. ``amounts``: nats at ``middle``; ``spread``: root mean square of the residuals of the log loss."""

    floor: float
    amounts: Mapping[str, float]
    exponents: Mapping[str, float]
    middle: Mapping[str, float]
    spread: float

    def __call__(self, values: Mapping[str, float]) -> float:
        """The loss at such values; infinity for a factor leaves its part out."""
        return self.floor + sum(self.part(name, values[name]) for name in self.amounts)

    def part(self, name: str, value: float) -> float:
        """What one factor costs at a value, in nats."""
        return float(self.amounts[name] * (value / self.middle[name]) ** -self.exponents[name])


def fewest_points(factors: Sequence[str], *, floor: bool = True) -> int:
    """Runs that a law of these factors needs at least."""
    return 2 * len(factors) + floor + _SPARE


def require_enough(points: Sequence[Point], factors: Sequence[str]) -> None:
    """Raise DataError, in words, where points are too few for a law."""
    need = fewest_points(factors)
    if len(points) < need:
        raise DataError(
            f"{len(points)} runs are too few for a law of {' and '.join(factors)}: it has {need - _SPARE} numbers, and "
            f"{need} runs are the least",
            fix="go on with openmolmo scaling run: what is finished is kept",
        )
    for name in factors:
        levels = sorted({point.values[name] for point in points})
        if len(levels) < _LEVELS:
            raise DataError(
                f"the runs have {len(levels)} values of {name} ({', '.join(f'{one:g}' for one in levels)}): no "
                f"exponent can be found from fewer than {_LEVELS}",
                fix="go on with openmolmo scaling run: what is finished is kept",
            )


def fit_law(points: Sequence[Point], factors: Sequence[str], *, floor: bool = True, near: Law | None = None) -> Law:
    """The law nearest to the points; ``near`` is one more start. Without ``floor`` the floor is 0.

    Raises DataError where the points are too few, MissingDependencyError without scipy.
    """
    require_enough(points, factors)
    optimize: Any = require("scipy.optimize", extra="eval")
    middle = {name: math.exp(float(np.mean([math.log(p.values[name]) for p in points]))) for name in factors}
    x = np.array([[math.log(p.values[name] / middle[name]) for name in factors] for p in points])
    y = np.log([p.loss for p in points])
    count = len(factors)

    def residuals(theta: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.log(_losses(theta, x, floor)) - y
        return found

    def slopes(theta: NDArray[np.float64]) -> NDArray[np.float64]:
        return _slopes(theta, x, floor)

    low = np.array([math.log(_LEAST_AMOUNT)] * (count + floor) + [FLATTEST] * count)
    high = np.array([math.log(2 * math.exp(float(y.max())))] * (count + floor) + [STEEPEST] * count)
    best: Any = None
    for start in _starts(y, count, floor, near, factors):
        begin = np.clip(start, low + 1e-6, high - 1e-6)
        found = optimize.least_squares(
            residuals,
            begin,
            slopes,
            bounds=(low, high),
            method="dogbox",  # amounts often lie at their bounds, where trf takes thrice the time
            loss="huber",
            f_scale=_SOFT,
            max_nfev=_EVALUATIONS,
        )
        if best is None or found.cost < best.cost:
            best = found
    sizes = np.exp(best.x[: count + floor])
    return Law(
        floor=float(sizes[0]) if floor else 0.0,
        amounts={name: float(sizes[floor + k]) for k, name in enumerate(factors)},
        exponents={name: float(best.x[count + floor + k]) for k, name in enumerate(factors)},
        middle=middle,
        spread=float(np.sqrt(np.mean(residuals(best.x) ** 2))),
    )


def _losses(theta: NDArray[np.float64], x: NDArray[np.float64], floor: bool) -> NDArray[np.float64]:
    count = x.shape[1]
    amounts, exponents = np.exp(theta[floor : count + floor]), theta[count + floor :]
    base = np.exp(theta[0]) if floor else 0.0
    losses: NDArray[np.float64] = base + (amounts * np.exp(-x * exponents)).sum(axis=1)
    return losses


def _slopes(theta: NDArray[np.float64], x: NDArray[np.float64], floor: bool) -> NDArray[np.float64]:
    """Derivatives of the log loss by all numbers of a law."""
    count = x.shape[1]
    parts = np.exp(theta[floor : count + floor]) * np.exp(-x * theta[count + floor :])
    base = [np.full((len(x), 1), np.exp(theta[0]))] if floor else []
    by: NDArray[np.float64] = np.hstack([*base, parts, -x * parts])
    return by / _losses(theta, x, floor)[:, None]


def _starts(
    y: NDArray[np.float64], count: int, floor: bool, near: Law | None, factors: Sequence[str]
) -> list[NDArray[np.float64]]:
    """All combinations of some exponents; beside a law that is near, one of them for all factors."""
    least, middle = float(y.min()), float(np.exp(y.mean()))
    sizes = ([least + math.log(0.7)] if floor else []) + [math.log(middle * 0.3 / count)] * count
    if near is None:
        return [np.array(sizes + list(chosen)) for chosen in itertools.product(_STARTS, repeat=count)]
    known = ([near.floor] if floor else []) + [near.amounts[name] for name in factors]
    begin = [math.log(max(one, _LEAST_AMOUNT)) for one in known] + [near.exponents[name] for name in factors]
    return [np.array(begin), np.array(sizes + [_STARTS[1]] * count)]


def bootstrap(points: Sequence[Point], factors: Sequence[str], law: Law, *, rounds: int, seed: int = 0) -> list[Law]:
    """Laws of runs drawn again with replacement; draws of which none can be fitted are drawn anew.

    The amounts are told at the middle of all runs, as those of ``law`` are.
    """
    draws = itertools.islice(_draws(points, factors, rounds * _TRIES, seed), rounds)
    shown = track(draws, f"fit {' and '.join(factors)} to other draws of {len(points)} runs", total=rounds)
    return [_moved(fit_law(chosen, factors, near=law), law.middle) for chosen in shown]


def _draws(points: Sequence[Point], factors: Sequence[str], tries: int, seed: int) -> Iterator[list[Point]]:
    rng = derive(seed, "scaling", len(points))
    for _ in range(tries):
        chosen = [points[k] for k in rng.integers(len(points), size=len(points))]
        if all(len({one.values[name] for one in chosen}) >= _LEVELS for name in factors):
            yield chosen


def _moved(law: Law, middle: Mapping[str, float]) -> Law:
    amounts = {name: law.part(name, middle[name]) for name in law.amounts}
    return Law(floor=law.floor, amounts=amounts, exponents=law.exponents, middle=middle, spread=law.spread)
