"""Results of runs, read back from the folder of all runs, those of other versions apart."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.recipes.ablate.base import Ablation, Contrast
from openmolmo.recipes.ablate.statistics import Difference, Scores, compare_seeds

__all__ = ["RESULT", "RunResult", "contrast_of", "read_results", "split_versions"]

RESULT = "result.json"


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """One finished run, made for ``metric``.

    ``about`` is what it says of itself: seconds, machine, settings, and why it diverged.
    """

    path: Path
    arm: str
    seed: int
    shared: str
    recipe: str
    code: str
    scale: float
    diverged: bool
    written: float
    metric: str
    about: Mapping[str, Any]
    rows: Mapping[str, Sequence[Mapping[str, Any]]]

    def scores(self, metric: str) -> Scores:
        """Every question's score of ``TASK.METRIC``. Raises DataError where the result has none."""
        if self.diverged:
            return Scores(values={}, pictures={}, failed=True)
        task, _, name = metric.partition(".")
        rows = self.rows.get(task, ())
        if not rows or any(name not in row["scores"] for row in rows):
            raise DataError(
                f"no score {metric!r}", file=str(self.path), fix="delete that folder: the run is made again"
            )
        return Scores(
            values={str(row["id"]): float(row["scores"][name]) for row in rows},
            pictures={str(row["id"]): str(row["example_id"]) for row in rows},
        )

    def score(self, metric: str) -> float:
        """The mean of a metric; 0 for a run that diverged."""
        values = self.scores(metric).values
        return sum(values.values()) / len(values) if values else 0.0


def read_results(root: Path, ablation: str) -> list[RunResult]:
    """All finished runs of an ablation in the folder of all runs. Raises DataError for a file that is none."""
    return [read_result(path) for path in sorted((root / "runs" / ablation).glob(f"*/{RESULT}"))]


def read_result(path: Path) -> RunResult:
    """One result. Raises DataError where it is damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        about = value["run"]
        return RunResult(
            path=path,
            arm=about["arm"],
            seed=int(about["seed"]),
            shared=about["shared"],
            recipe=about["recipe"],
            code=about["machine"]["code"],
            scale=float(about["scale"]),
            diverged=about["status"] == "diverged",
            written=path.stat().st_mtime,
            metric=about["metric"],
            about=about,
            rows=value["rows"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"is no result of a run ({error})", file=str(path), fix="delete its folder: the run is made again"
        ) from error


def split_versions(
    results: Iterable[RunResult], metric: str, shared: str | None = None
) -> tuple[list[RunResult], dict[str, list[RunResult]]]:
    """Results that may stand beside each other, and the others by the version that made them.

    Kept are those made for ``metric``, of ``shared`` where it is given; else of the version with most runs, the newest
    of equals. Of an arm that has been run by several recipes of one version, the newest recipe.
    """
    found = list(results)
    alike = [one for one in found if one.metric == metric]
    if shared is None and alike:
        counts = Counter(one.shared for one in alike)
        newest = {one.shared: one.written for one in sorted(alike, key=lambda one: one.written)}
        shared = max(counts, key=lambda name: (counts[name], newest[name]))
    recipes = {one.arm: one.recipe for one in sorted(alike, key=lambda one: one.written) if one.shared == shared}
    kept = [one for one in alike if one.shared == shared and one.recipe == recipes[one.arm]]
    apart: dict[str, list[RunResult]] = {}
    for one in found:
        if one not in kept:
            apart.setdefault(f"code {one.code}, settings {one.shared}", []).append(one)
    return kept, apart


def contrast_of(results: Iterable[RunResult], contrast: Contrast, ablation: Ablation) -> Difference | None:
    """The difference of a contrast over the seeds that both arms have; None where there is none yet."""
    by_arm: dict[str, dict[int, RunResult]] = {}
    for one in results:
        by_arm.setdefault(one.arm, {})[one.seed] = one
    first, second = by_arm.get(contrast.arm, {}), by_arm.get(contrast.against, {})
    both = sorted(first.keys() & second.keys())
    pairs = {seed: (first[seed].scores(ablation.metric), second[seed].scores(ablation.metric)) for seed in both}
    if not any(one.values for pair in pairs.values() for one in pair):
        return None
    return compare_seeds(pairs)
