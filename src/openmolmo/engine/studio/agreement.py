"""How far people agree who did the same task without seeing each other's work: 0-1, as the mode measures it."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from openmolmo.engine.studio.finished import Finished
from openmolmo.engine.studio.tasks.base import MODES

__all__ = ["Agreement", "agreement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Means of one mode. Pairs that the mode cannot compare do not count."""

    pairs: int
    mean: float | None
    """Over all pairs; none where there are none."""
    by_person: dict[int, tuple[float, int]]
    """Person -> mean agreement with others, and of how many pairs."""
    by_task: dict[int, tuple[float, int]]
    """Task -> mean agreement, and of how many pairs: the lowest are those to look at."""


def agreement(mode: str, works: Sequence[Finished]) -> Agreement:
    """Agreement of every two people on every task but gold ones. Work that a reviewer mended is the reviewer's."""
    plugin = MODES.get(mode)
    tasks: dict[int, list[Finished]] = defaultdict(list)
    for work in works:
        if work.gold is None and not work.mended:
            tasks[work.task_id].append(work)
    people: dict[int, list[float]] = defaultdict(list)
    values: dict[int, list[float]] = defaultdict(list)
    for task_id, theirs in tasks.items():
        for one, other in itertools.combinations(theirs, 2):
            value = plugin.agreement(one.payload, other.payload)
            if value is not None:
                values[task_id].append(value)
                people[one.person_id].append(value)
                people[other.person_id].append(value)
    every = list(itertools.chain.from_iterable(values.values()))
    return Agreement(
        pairs=len(every),
        mean=sum(every) / len(every) if every else None,
        by_person={person: (sum(them) / len(them), len(them)) for person, them in sorted(people.items())},
        by_task={task: (sum(them) / len(them), len(them)) for task, them in sorted(values.items())},
    )
