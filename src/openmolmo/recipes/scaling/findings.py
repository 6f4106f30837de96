"""What finished runs say: the law, what it does not say, whether it foresaw the largest runs, what it predicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openmolmo.core.errors import DataError
from openmolmo.recipes.ablate.results import RunResult, read_results, split_versions
from openmolmo.recipes.scaling.base import GRIDS, METRIC, Grid
from openmolmo.recipes.scaling.fit import FLATTEST, STEEPEST, Law, Point, bootstrap, fit_law

__all__ = ["ROUNDS", "Check", "Found", "Laws", "Prediction", "Range", "Slope", "collect", "findings_of"]

ROUNDS = 400
"""Draws of runs behind an interval; a quarter of them for each check."""
_FLAT = 0.005  # a fall of less than half a percent of the loss is not told from none
_WIDE = 4.0  # an exponent whose bounds differ by more than this factor is not found


@dataclass(frozen=True, kw_only=True)
class Range:
    """A value and the bounds that 95 % of the draws lie within."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Slope:
    """How the loss falls with one factor.

    ``fall``: nats from its smallest to its largest measured value. ``verdict``: ``found``, ``steepness unknown`` (it
    falls, and the exponent may be nearly anything) or ``not shown`` (it may not fall at all).
    """

    factor: str
    smallest: float
    largest: float
    exponent: Range
    amount: Range
    fall: Range
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Check:
    """A law of the smaller runs, asked for the largest one. ``further``: how many times beyond, by factor.

    ``refusal`` says why the smaller runs give none.
    """

    name: str
    left_out: int
    further: Mapping[str, float]
    measured: float
    predicted: Range | None = None
    refusal: str = ""

    @property
    def error(self) -> float:
        """How far the prediction was off, as a share of the loss that was measured."""
        assert self.predicted is not None
        return self.predicted.value / self.measured - 1


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The loss at a target; ``without_floor`` by the other law. ``further``: times beyond the largest, by factor."""

    name: str
    values: Mapping[str, float]
    loss: Range
    without_floor: float
    further: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Laws:
    """All that comes out of a fit. ``pure``: the law without a floor; ``draws``: laws of runs drawn again."""

    law: Law
    pure: Law
    draws: Sequence[Law]
    floor: Range
    slopes: tuple[Slope, ...]
    checks: tuple[Check, ...]
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True, kw_only=True)
class Found:
    """All of one grid. ``missing``: (arm, seed) that are not finished; ``apart``: runs by other code or settings."""

    grid: Grid
    points: tuple[Point, ...]
    results: tuple[RunResult, ...]
    missing: tuple[tuple[str, int], ...]
    diverged: tuple[tuple[str, int], ...]
    apart: Mapping[str, int]
    laws: Laws | None = None
    refusal: str = ""

    @property
    def seconds(self) -> float:
        """Computing time of all runs; a stage that several share is counted once."""
        stages: dict[str, float] = {}
        judging = 0.0
        for one in self.results:
            for name, seconds in one.about.get("seconds", {}).items():
                folder = one.about.get("stages", {}).get(name, {}).get("folder")
                if folder is None:
                    judging += seconds
                else:
                    stages[folder] = seconds
        return judging + sum(stages.values())

    @property
    def scale(self) -> float:
        """That of the runs; 1 without any."""
        return self.results[0].scale if self.results else 1.0


def collect(root: Path, *, rounds: int = ROUNDS) -> list[Found]:
    """What the folder of all runs holds of every registered grid."""
    return [findings_of(GRIDS.get(name), read_results(root, name), rounds=rounds) for name in GRIDS]


def findings_of(grid: Grid, results: Sequence[RunResult], *, rounds: int = ROUNDS) -> Found:
    """What results say of a grid; those of other code or settings are kept apart, those that diverged left out."""
    kept, others = split_versions(results, grid.ablation.metric)
    kept = [one for one in kept if one.arm in grid.arms]
    there = {(one.arm, one.seed) for one in kept}
    astray = [one for one in kept if one.diverged or not math.isfinite(one.score(METRIC))]
    points = tuple(_point(one, grid) for one in kept if one not in astray)
    laws, refusal = None, ""
    try:
        laws = _laws(points, grid, rounds)
    except DataError as error:
        refusal = error.message
    return Found(
        grid=grid,
        points=points,
        results=tuple(kept),
        missing=tuple(
            (arm, seed) for seed in range(grid.ablation.seeds) for arm in grid.arms if (arm, seed) not in there
        ),
        diverged=tuple((one.arm, one.seed) for one in astray),
        apart={version: len(of) for version, of in others.items()},
        laws=laws,
        refusal=refusal,
    )


def _point(one: RunResult, grid: Grid) -> Point:
    try:
        values = {name: float(one.about["point"][name]) for name in grid.factors}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"does not say where the run stands in the grid ({error})",
            file=str(one.path),
            fix="delete its folder: the run is made again",
        ) from error
    loss = one.score(METRIC)
    if not (loss > 0 and all(0 < value < math.inf for value in values.values())):
        raise DataError(
            f"has a loss of {loss} at {values}", file=str(one.path), fix="delete its folder: the run is made again"
        )
    return Point(values=values, loss=loss, arm=one.arm, seed=one.seed)


def _laws(points: Sequence[Point], grid: Grid, rounds: int) -> Laws:
    law = fit_law(points, grid.factors)
    pure = fit_law(points, grid.factors, floor=False)
    draws = bootstrap(points, grid.factors, law, rounds=rounds)
    return Laws(
        law=law,
        pure=pure,
        draws=draws,
        floor=_range(law, draws, lambda one: one.floor),
        slopes=tuple(_slope(name, points, law, draws) for name in grid.factors),
        checks=tuple(_checks(points, grid.factors, max(10, rounds // 4))),
        predictions=tuple(_predictions(points, grid, law, pure, draws)),
    )


def _range(law: Law, draws: Sequence[Law], of: Callable[[Law], float]) -> Range:
    value = of(law)
    low, high = np.quantile([of(one) for one in draws], (0.025, 0.975)) if draws else (math.nan, math.nan)
    return Range(value=value, low=float(low), high=float(high))


def _slope(name: str, points: Sequence[Point], law: Law, draws: Sequence[Law]) -> Slope:
    values = [point.values[name] for point in points]
    smallest, largest = min(values), max(values)
    fall = _range(law, draws, lambda one: one.part(name, smallest) - one.part(name, largest))
    exponent = _range(law, draws, lambda one: one.exponents[name])
    if fall.low < _FLAT * min(point.loss for point in points):
        verdict = "not shown"
    elif exponent.low < 1.5 * FLATTEST or exponent.high > STEEPEST / 1.5 or exponent.high > _WIDE * exponent.low:
        verdict = "steepness unknown"
    else:
        verdict = "found"
    return Slope(
        factor=name,
        smallest=smallest,
        largest=largest,
        exponent=exponent,
        amount=_range(law, draws, lambda one: one.amounts[name]),
        fall=fall,
        verdict=verdict,
    )


def _checks(points: Sequence[Point], factors: Sequence[str], rounds: int) -> list[Check]:
    """The largest run of all left out, then all runs with the largest value of each factor."""
    most = {name: max(point.values[name] for point in points) for name in factors}
    checks = [_check("the largest run", points, lambda one: dict(one.values) == most, factors, rounds)]
    if len(factors) > 1:
        for name in factors:
            said = f"the most {name}"
            checks.append(_check(said, points, lambda one, n=name: one.values[n] == most[n], factors, rounds))  # type: ignore[misc]
    return [one for one in checks if one is not None]


def _check(
    name: str, points: Sequence[Point], is_out: Callable[[Point], bool], factors: Sequence[str], rounds: int
) -> Check | None:
    out = [point for point in points if is_out(point)]
    rest = [point for point in points if not is_out(point)]
    if not out or not rest:
        return None
    asked = max((point.values for point in out), key=lambda values: math.prod(values.values()))
    measured = float(np.mean([point.loss for point in out if point.values == asked]))
    further = {one: asked[one] / max(point.values[one] for point in rest) for one in factors}
    try:
        law = fit_law(rest, factors)
        draws = bootstrap(rest, factors, law, rounds=rounds)
    except DataError as error:
        return Check(name=name, left_out=len(out), further=further, measured=measured, refusal=error.message)
    predicted = _range(law, draws, lambda one: one(asked))
    return Check(name=name, left_out=len(out), further=further, measured=measured, predicted=predicted)


def _predictions(points: Sequence[Point], grid: Grid, law: Law, pure: Law, draws: Sequence[Law]) -> list[Prediction]:
    largest = {name: max(point.values[name] for point in points) for name in grid.factors}
    made = []
    for target in grid.targets:
        values = {**largest, **target.values}
        made.append(
            Prediction(
                name=target.name,
                values=values,
                loss=_range(law, draws, lambda one, at=values: one(at)),  # type: ignore[misc]
                without_floor=pure(values),
                further={name: values[name] / largest[name] for name in grid.factors},
            )
        )
    return made
