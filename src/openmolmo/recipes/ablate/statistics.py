"""How sure a difference between two arms is, over seeds and pictures.

Both arms answer the same questions in every seed, so differences are taken question by question. Two things could have
come out otherwise, and each has its part in the interval: the pictures, of which whole ones are drawn again (as
``openmolmo eval compare`` does), and the seeds. Three seeds cannot be drawn from: all draws would lie between them. The
spread of their mean is drawn from Student's t with as many degrees of freedom as there are seeds less one, which is
wide for two and honest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from openmolmo.core.errors import DataError
from openmolmo.core.rng import derive
from openmolmo.evaluation.comparing.bootstrap import draw_means
from openmolmo.recipes.ablate.base import Ablation, Expected

__all__ = ["FEWEST_SEEDS", "Difference", "Scores", "Verdict", "compare_seeds", "verdict_of"]

Verdict = Literal["reproduced", "opposite", "undecided", "cannot be shown here"]

FEWEST_SEEDS = 3
"""Seeds before runs are stopped early; to look sooner would stop by chance."""
_ROUNDS = 4000


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What one run scored: question -> value in 0-1, and question -> its picture. ``failed``: it diverged."""

    values: Mapping[str, float]
    pictures: Mapping[str, str]
    failed: bool = False


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Means of both arms, the first less the second with its 95 % interval, and the same of every seed."""

    first: float
    second: float
    difference: float
    low: float
    high: float
    by_seed: Mapping[int, float]
    questions: int
    pictures: int
    diverged: int = 0

    @property
    def seeds(self) -> int:
        """How many seeds both arms have."""
        return len(self.by_seed)


def compare_seeds(pairs: Mapping[int, tuple[Scores, Scores]], *, rounds: int = _ROUNDS) -> Difference:
    """The difference of two arms whose runs are paired by seed.

    A run that diverged answers nothing rightly: its scores are 0. Raises DataError where two runs were asked other
    questions.
    """
    assert pairs
    names = _questions(pairs)
    pictures = _pictures(pairs)
    first = np.array([_row(one, names) for one, _ in pairs.values()])
    second = np.array([_row(other, names) for _, other in pairs.values()])
    gaps = first - second
    by_seed = gaps.mean(axis=1)
    clusters = [pictures[name] for name in names]
    drawn = draw_means(gaps.mean(axis=0), clusters, rounds=rounds)
    if len(pairs) > 1:
        spread = by_seed.std(ddof=1) / np.sqrt(len(pairs))
        drawn = drawn + spread * derive(0, "seeds", len(pairs)).standard_t(len(pairs) - 1, size=rounds)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Difference(
        first=float(first.mean()),
        second=float(second.mean()),
        difference=float(gaps.mean()),
        low=float(low),
        high=float(high),
        by_seed={seed: float(value) for seed, value in zip(pairs, by_seed, strict=True)},
        questions=len(names),
        pictures=len(set(clusters)),
        diverged=sum(one.failed + other.failed for one, other in pairs.values()),
    )


def verdict_of(found: Difference | None, expected: Expected, ablation: Ablation) -> Verdict:
    """What the interval says of what was expected; with one seed nothing is decided."""
    if ablation.cannot:
        return "cannot be shown here"
    if found is None or found.seeds < 2:
        return "undecided"
    if expected == "none":
        if -ablation.margin <= found.low and found.high <= ablation.margin:
            return "reproduced"
        return "opposite" if found.low > 0 or found.high < 0 else "undecided"
    better, worse = ("reproduced", "opposite") if expected == "better" else ("opposite", "reproduced")
    if found.low > 0:
        return better  # type: ignore[return-value]
    return worse if found.high < 0 else "undecided"  # type: ignore[return-value]


def _questions(pairs: Mapping[int, tuple[Scores, Scores]]) -> list[str]:
    """The questions of all runs, which must be the same; those that diverged were asked none."""
    asked = [(seed, one.values.keys()) for seed, both in pairs.items() for one in both if one.values]
    if not asked:
        raise DataError("all runs of both arms diverged: there is no question to compare")
    first = asked[0][1]
    for seed, names in asked[1:]:
        if names != first:
            raise DataError(
                f"runs were asked other questions: {len(first)} in seed {asked[0][0]}, {len(names)} in seed {seed}, of "
                f"which {len(first & names)} are the same",
                fix="judge all runs on the same data: delete the results of the odd one, and run again",
            )
    return sorted(first)


def _pictures(pairs: Mapping[int, tuple[Scores, Scores]]) -> dict[str, str]:
    return {name: picture for both in pairs.values() for one in both for name, picture in one.pictures.items()}


def _row(scores: Scores, names: Sequence[str]) -> NDArray[np.float64]:
    return np.array([0.0 if scores.failed else scores.values[name] for name in names])
