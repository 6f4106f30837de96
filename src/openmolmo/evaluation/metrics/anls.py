"""ANLS: how near an answer is to the best of its references, by edit distance (DocVQA, InfographicVQA, ST-VQA).

Similarity is 1 - distance / length of the longer text, whatever the case; below one half it is 0. Exactly one half
is 0 in the profile ``released`` and 0.5 in ``official``, which also folds white space before the distance (the lengths
are those of the texts as they are, as in the benchmark's own script) and calls two empty texts equal.
"""

from __future__ import annotations

from collections.abc import Sequence

from openmolmo.core.optional import require
from openmolmo.evaluation.metrics.profile import Profile

__all__ = ["anls", "edit_distance"]

_THRESHOLD = 0.5


def edit_distance(one: str, other: str) -> int:
    """Least number of letters to insert, delete or replace."""
    distance: int = require("rapidfuzz.distance.Levenshtein", extra="eval").distance(one, other)
    return distance


def anls(prediction: str, references: Sequence[str], profile: Profile = "released") -> float:
    """The best similarity (0-1) to any reference; none at all: 0."""
    return max((_similarity(prediction, reference, profile) for reference in references), default=0.0)


def _similarity(prediction: str, reference: str, profile: Profile) -> float:
    longest = max(len(prediction), len(reference))
    if not longest:
        return 1.0
    if profile == "official":
        apart = edit_distance(" ".join(prediction.lower().split()), " ".join(reference.lower().split())) / longest
        return 1 - apart if 1 - apart >= _THRESHOLD else 0.0
    apart = edit_distance(prediction.lower(), reference.lower()) / longest
    return 1 - apart if apart < _THRESHOLD else 0.0
