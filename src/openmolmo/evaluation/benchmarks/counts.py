"""What the two counting benchmarks share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from openmolmo.evaluation.benchmarks.base import Scored
from openmolmo.evaluation.metrics.point_count import macro_accuracy

__all__ = ["CROPS", "by_count", "macro"]

CROPS = 12
"""As in training: with 36 a model trained on 12 loses ten points (arXiv 2409.17146, table 12)."""


def by_count(column: str) -> Callable[[Mapping[str, Any]], str]:
    """The true count as the row of the breakdown."""
    return lambda row: str(int(row[column]))


def macro(scored: Sequence[Scored]) -> dict[str, float]:
    """The mean of the accuracies of each true count."""
    found = macro_accuracy(
        (int(one.question.group), {"correct": one.scores["accuracy"]}) for one in scored if one.question.group
    )
    return {"per_count_average": found["per_category_average"]} if found else {}
