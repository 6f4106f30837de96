"""Exact match: the reply equals a reference, whatever the case (TallyQA, DVQA and others)."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["exact_match"]


def exact_match(prediction: str, references: Sequence[str]) -> float:
    """1 or 0."""
    return float(prediction.lower() in [reference.lower() for reference in references])
