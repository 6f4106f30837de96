"""The paper's average: the plain mean over its eleven benchmarks, and which of them it lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from openmolmo.evaluation.benchmarks.base import BENCHMARKS
from openmolmo.evaluation.published.tables import academic
from openmolmo.evaluation.suite.judging import Judged

__all__ = ["SUITE", "Average", "average_of", "members"]

SUITE = "academic11"


@dataclass(frozen=True, kw_only=True)
class Average:
    """``value`` in 0-1 over the benchmarks ``of``; ``lacking``: those without a score; ``partial``: those of which not
    every question was scored.
    """

    value: float | None
    of: tuple[str, ...]
    lacking: tuple[str, ...]
    partial: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether it is the paper's average, over every question of all eleven."""
        return not self.lacking and not self.partial

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {**{name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}} | {
            "complete": self.complete
        }

    def sentence(self) -> str:
        """What stands beside the number."""
        if self.value is None:
            return "none of the eleven was scored"
        if self.complete:
            return f"the mean of all {len(self.of)}"
        told = [f"the mean of {len(self.of)} of {len(self.of) + len(self.lacking)}"]
        if self.lacking:
            told.append(f"without {', '.join(self.lacking)}")
        if self.partial:
            told.append(f"not all questions of {', '.join(self.partial)}")
        return "; ".join(told)


def members(suite: str) -> tuple[str, ...]:
    """Names of a suite's benchmarks, those of the paper in its order."""
    names = [name for name in BENCHMARKS if suite in BENCHMARKS.get(name).suites]
    order = list(academic()[0].scores)
    place = {name: order.index(key) for name in names if (key := BENCHMARKS.get(name).published) in order}
    return tuple(sorted(names, key=lambda name: (place.get(name, len(order)), name)))


def average_of(judged: Sequence[Judged]) -> Average:
    """Over those of the eleven that have a score."""
    scored = {one.benchmark.name: one for one in judged if one.task is not None}
    eleven = members(SUITE)
    there = tuple(name for name in eleven if name in scored)
    values = [task.score for name in there if (task := scored[name].task) is not None]
    return Average(
        value=sum(values) / len(values) if values else None,
        of=there,
        lacking=tuple(name for name in eleven if name not in scored),
        partial=tuple(name for name in there if not scored[name].complete),
    )
