"""Settings of two runs, side by side: what differs in them differs in the scores too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["differing_settings"]

_OF_THE_MODEL = frozenset(
    {
        "model",
        "weights_sha256",
        "date",
        "device",
        "training_data",
        "seconds",
        "base_url",
        "predictions",
        "out",
        "timing",
    }
)
"""What two models differ in by nature, and what has no part in a score."""


def differing_settings(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each setting that is on record in both with other values, or in one of them only."""
    first, second = dict(_flat(one)), dict(_flat(other))
    for name in [*first, *(name for name in second if name not in first)]:
        mine, its = first.get(name), second.get(name)
        if name in first and name in second:
            if mine != its:
                yield f"settings differ: {name} is {mine!r} in the first, {its!r} in the second"
        else:
            where = "first" if name in first else "second"
            value = mine if name in first else its
            yield f"settings differ: {name} is {value!r} in the {where}, and not on record in the other"


def _flat(meta: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in meta.items():
        if not before and name in _OF_THE_MODEL:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
