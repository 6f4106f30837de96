"""How often each person is right on gold tasks: tasks with known answers, mixed in unseen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from openmolmo.engine.studio.finished import Finished
from openmolmo.engine.studio.tasks.base import MODES

__all__ = ["GoldScore", "gold_scores"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldScore:
    """One person on gold tasks."""

    right: int
    of: int
    wrong: tuple[int, ...]
    """Annotations that were wrong, to look at: the known answer may be the mistake."""

    @property
    def accuracy(self) -> float:
        """Share of right ones, 0-1."""
        return self.right / self.of


def gold_scores(mode: str, works: Sequence[Finished]) -> dict[int, GoldScore]:
    """Person -> score. Who had no gold task yet is not there; work that a reviewer mended does not count."""
    plugin = MODES.get(mode)
    met: dict[int, list[tuple[int, bool]]] = defaultdict(list)
    for work in works:
        if work.gold is not None and not work.mended:
            met[work.person_id].append((work.annotation_id, plugin.matches_gold(work.gold, work.payload)))
    return {
        person: GoldScore(
            right=sum(right for _, right in answers),
            of=len(answers),
            wrong=tuple(number for number, right in answers if not right),
        )
        for person, answers in sorted(met.items())
    }
