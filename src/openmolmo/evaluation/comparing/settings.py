"""Settings of two runs, side by side: what differs in them differs in the scores too."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

__all__ = ["differing_settings"]

_OF_THE_MODEL = frozenset(
    {"model", "about", "weights_sha256", "date", "device", "training_data", "judged_on", "predictions", "timing"}
)
"""What two models differ in by nature, and what has no part in a score."""

_BY_TASK = "benchmarks"
"""Where a suite keeps the settings of each benchmark."""


def differing_settings(one: Mapping[str, Any], other: Mapping[str, Any], tasks: Collection[str]) -> Iterator[str]:
    """A sentence for each setting that is on record in both with other values, or in one of them only.

    Of settings by benchmark, those of ``tasks``.
    """
    first, second = dict(_flat(_about(one, tasks))), dict(_flat(_about(other, tasks)))
    for name in [*first, *(name for name in second if name not in first)]:
        mine, its = first.get(name), second.get(name)
        if name in first and name in second:
            if mine != its:
                yield f"settings differ: {name} is {mine!r} in the first, {its!r} in the second"
        else:
            where = "first" if name in first else "second"
            value = mine if name in first else its
            yield f"settings differ: {name} is {value!r} in the {where}, and not on record in the other"


def _about(meta: Mapping[str, Any], tasks: Collection[str]) -> dict[str, Any]:
    kept = {name: value for name, value in meta.items() if name not in _OF_THE_MODEL}
    if isinstance(by_task := kept.get(_BY_TASK), Mapping):
        kept[_BY_TASK] = {name: value for name, value in by_task.items() if name in tasks}
    return kept


def _flat(meta: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in meta.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
