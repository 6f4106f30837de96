"""Numbers out of judged captions: both ways of F1, intervals over pictures, and a curve over length hints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmolmo.core.rng import derive
from openmolmo.evaluation.captions.protocol import JudgedCaption
from openmolmo.evaluation.metrics.caption_f1 import aggregate

__all__ = ["CaptionScores", "by_hint", "one_score", "score_captions"]

_ROUNDS = 1000
_RANKS = ("recall", "consistency", "f1_of_means", "mean_of_f1")


@dataclass(frozen=True, kw_only=True)
class CaptionScores:
    """Percent. ``means``: recall, consistency (precision), recall_at_10, avg, f1_of_means, mean_of_f1; ``intervals``:
    95 % of four of them by drawing pictures again. ``statements``: how many a caption makes in the mean; ``silent``:
    captions that state nothing, which leave the precision."""

    captions: int
    means: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    statements: float
    characters: float
    silent: int

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def score_captions(judged: Sequence[JudgedCaption], *, seed: int = 0) -> CaptionScores:
    """Score captions of one kind; at least one."""
    assert judged
    counts = [one.counts for one in judged]
    return CaptionScores(
        captions=len(judged),
        means=aggregate(counts),
        intervals=_intervals(judged, seed),
        statements=float(np.mean([len(one.statements) for one in judged])),
        characters=float(np.mean([len(one.caption.text) for one in judged])),
        silent=sum(not one.statements for one in judged),
    )


def by_hint(judged: Sequence[JudgedCaption], *, seed: int = 0) -> dict[int, CaptionScores]:
    """Scores for each length hint, the shortest first; captions without a hint are in none."""
    hints = sorted({one.caption.hint for one in judged if one.caption.hint is not None})
    return {hint: score_captions([one for one in judged if one.caption.hint == hint], seed=seed) for hint in hints}


def one_score(judged: JudgedCaption) -> dict[str, float]:
    """``f1``, ``recall`` and ``precision`` of one caption, 0-1; 0 where there is nothing to share out."""
    counts = judged.counts
    recall = counts.covered / counts.reference if counts.reference else 0.0
    precision = counts.consistent / counts.stated if counts.stated else 0.0
    f1 = 2 * recall * precision / (recall + precision) if recall + precision else 0.0
    return {"f1": f1, "recall": recall, "precision": precision}


def _intervals(judged: Sequence[JudgedCaption], seed: int) -> dict[str, tuple[float, float]]:
    names, member = np.unique([one.caption.id for one in judged], return_inverse=True)
    n = len(names)
    weights = derive(seed, "caption bootstrap", n).multinomial(n, np.full(n, 1 / n), size=_ROUNDS)[:, member]
    recall, precision = _shares(judged)
    means = _weighted(weights, recall), _weighted(weights, precision)
    whole = np.isfinite(recall) & np.isfinite(precision)
    each = np.where(whole, _f1(np.nan_to_num(recall), np.nan_to_num(precision)), np.nan)
    drawn = (*means, _f1(*means), _weighted(weights, each))
    found = {}
    for name, values in zip(_RANKS, drawn, strict=True):
        there = values[np.isfinite(values)]
        if len(there):
            low, high = np.quantile(there, (0.025, 0.975))
            found[name] = (float(100 * low), float(100 * high))
    return found


def _shares(judged: Sequence[JudgedCaption]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Recall and precision of every caption, NaN where there is none."""
    counts = [one.counts for one in judged]
    recall = [one.covered / one.reference if one.reference else np.nan for one in counts]
    precision = [one.consistent / one.stated if one.stated else np.nan for one in counts]
    return np.array(recall), np.array(precision)


def _weighted(weights: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over the values that are there, one a draw."""
    there = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(weights[:, there] @ values[there] / weights[:, there].sum(axis=1))


def _f1(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> NDArray[np.float64]:
    total = recall + precision
    return np.asarray(2 * recall * precision / np.where(total > 0, total, 1.0))
