"""All pairs together: the figures that a gate is set on, and which of them miss it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from openmolmo.core.config import Config
from openmolmo.core.errors import ConfigError
from openmolmo.serving.parity.compare import Pair

__all__ = ["Figures", "Gate", "figures", "misses"]


@dataclass(frozen=True, kw_only=True)
class Gate(Config):
    """What is asked of two backends.

    ``max_distance``: of points that are the same, the mean, in percent of the picture's width; ``min_matched``: share
    of points that the other has within ``radius``; ``min_agreement``: share of each reply before the first difference,
    on average; ``max_failures``: questions that either did not answer.
    """

    max_distance: float = 1.0
    min_matched: float = 0.95
    min_agreement: float = 0.0
    max_failures: int = 0
    radius: float = 5.0

    def __post_init__(self) -> None:
        for name in ("min_matched", "min_agreement"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name}={getattr(self, name):g} is no share", fix="give a number from 0 to 1")
        for name in ("max_distance", "radius", "max_failures"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{name}={getattr(self, name):g} must be a number of at least 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of the questions that both answered; shares in 0-1, None where there is nothing to take a share of."""

    asked: int
    failures_a: int
    failures_b: int
    same: int
    agreement: float | None
    unit: str
    points_a: int
    points_b: int
    matched: float | None
    mean_distance: float | None
    largest_distance: float | None
    same_counts: int
    counted: int
    seconds_a: float
    seconds_b: float


def figures(pairs: Sequence[Pair]) -> Figures:
    """The figures of all pairs."""
    both = [pair for pair in pairs if not pair.failed]
    distances = [distance for pair in both for distance in pair.distances]
    most = sum(pair.most for pair in both)
    shares = [pair.agreed / pair.length if pair.length else 1.0 for pair in both]
    counted = [pair for pair in both if pair.question.counted and (_count(pair, 0), _count(pair, 1)) != (None, None)]
    return Figures(
        asked=len(pairs),
        failures_a=sum(pair.answer_a is None for pair in pairs),
        failures_b=sum(pair.answer_b is None for pair in pairs),
        same=sum(pair.same for pair in both),
        agreement=sum(shares) / len(shares) if shares else None,
        unit=both[0].unit if both else "tokens",
        points_a=sum(len(pair.answer_a.points) for pair in both if pair.answer_a),
        points_b=sum(len(pair.answer_b.points) for pair in both if pair.answer_b),
        matched=sum(pair.near for pair in both) / most if most else None,
        mean_distance=sum(distances) / len(distances) if distances else None,
        largest_distance=max(distances, default=None),
        same_counts=sum(pair.same_count for pair in counted),
        counted=len(counted),
        seconds_a=_seconds(pairs, 0),
        seconds_b=_seconds(pairs, 1),
    )


def _count(pair: Pair, which: int) -> int | None:
    answer = (pair.answer_a, pair.answer_b)[which]
    return None if answer is None else answer.count


def _seconds(pairs: Sequence[Pair], which: int) -> float:
    return sum(getattr((pair.a, pair.b)[which], "seconds", 0.0) for pair in pairs)


def misses(found: Figures, gate: Gate) -> list[str]:
    """What is over a threshold, a sentence each; none where the two are as near as wanted."""
    said = []
    failures = max(found.failures_a, found.failures_b)
    if failures > gate.max_failures:
        said.append(
            f"without a reply: {found.failures_a} of {found.asked} questions to A, {found.failures_b} to B; "
            f"allowed are {gate.max_failures}"
        )
    for name, value, least, of in (
        ("points matched", found.matched, gate.min_matched, "--min-matched"),
        (f"{found.unit} before the first difference", found.agreement, gate.min_agreement, "--min-agreement"),
    ):
        if value is not None and value < least:
            said.append(f"{name}: {100 * value:.1f} %, wanted are at least {100 * least:g} % ({of})")
    if found.mean_distance is not None and found.mean_distance > gate.max_distance:
        said.append(
            f"points are {found.mean_distance:.2f} % of the width apart on average, at most {gate.max_distance:g} % "
            "are wanted (--max-distance)"
        )
    return said


def as_json(found: Figures) -> dict[str, Any]:
    """Values for a file."""
    return {name: getattr(found, name) for name in Figures.__slots__}
