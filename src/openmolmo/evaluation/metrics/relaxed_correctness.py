"""Relaxed correctness: numbers within 5 %, other texts equal (ChartQA; Methani et al. 2020).

What is a number is decided by ``float()``, so ``1,000`` and ``$5`` are none, and ``1_000``, ``inf`` and digits of any
script are; a trailing per cent sign divides by 100. A reference of 0 wants the same text. ``official`` strips white
space first.
"""

from __future__ import annotations

from collections.abc import Sequence

from openmolmo.evaluation.metrics.profile import Profile

__all__ = ["relaxed_correctness"]

_TOLERANCE = 0.05


def relaxed_correctness(prediction: str, references: Sequence[str], profile: Profile = "released") -> float:
    """1 where the answer is right by any reference, else 0."""
    if profile == "official":
        prediction, references = prediction.strip(), [reference.strip() for reference in references]
    return float(any(_right(prediction, reference) for reference in references))


def _right(prediction: str, reference: str) -> bool:
    said, true = _number(prediction), _number(reference)
    if said is not None and true:
        return abs(said - true) / abs(true) <= _TOLERANCE
    return prediction.lower() == reference.lower()


def _number(text: str) -> float | None:
    try:
        return float(text.rstrip("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None
