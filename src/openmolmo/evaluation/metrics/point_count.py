"""Counts in replies, as the published evaluation of counting reads them ("point, then count").

The last word as a number (digits or a word up to twenty), else the last "a total of N", else "none". The published
pattern for "none" can never match (an escape of it is a backspace); here it does. ``official`` also takes the number
of points where a reply states none.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from openmolmo.evaluation.metrics.profile import Profile
from openmolmo.evaluation.metrics.released_points import points_in
from openmolmo.words.counts import NUMBER_WORDS

__all__ = ["macro_accuracy", "read_stated_count", "score_stated_count"]

_NUMBERS = {word: value for value, word in enumerate(NUMBER_WORDS)}
_TOTAL = re.compile(r".*a total of ([0-9]+).*")
_NONE = re.compile(r".*\bnone\b.*")


def read_stated_count(reply: str, profile: Profile = "released") -> int | None:
    """The number that a reply states; None where it states none."""
    text = reply.strip().lower().rstrip(".").strip()
    last = text.split()[-1] if text else ""
    try:
        return int(last)
    except ValueError:
        pass
    if last in _NUMBERS:
        return _NUMBERS[last]
    if (total := _TOTAL.match(text)) is not None:
        return int(total[1])
    if _NONE.match(text):
        return 0
    return (len(points_in(reply)) or None) if profile == "official" else None


def score_stated_count(reply: str, true: int, profile: Profile = "released") -> dict[str, float]:
    """``correct``, ``close`` (off by one at most) and ``valid`` (a number was read), each 0 or 1."""
    said = read_stated_count(reply, profile)
    if said is None:
        return {"correct": 0.0, "close": 0.0, "valid": 0.0}
    return {"correct": float(said == true), "close": float(abs(said - true) <= 1), "valid": 1.0}


def macro_accuracy(scored: Iterable[tuple[int, Mapping[str, float]]]) -> dict[str, float]:
    """``correct_N`` of each true count N, and their mean, ``per_category_average``."""
    by_count: dict[int, list[float]] = defaultdict(list)
    for true, scores in scored:
        by_count[true].append(scores["correct"])
    means = {f"correct_{count}": sum(values) / len(values) for count, values in sorted(by_count.items())}
    return {**means, "per_category_average": sum(means.values()) / len(means)} if means else {}
