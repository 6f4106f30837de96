"""Vote: which of two anonymous answers is better (human preference of arXiv 2409.17146, section 4).

Task: ``{"question_id": "17", "question": "...", "answers": ["...", "..."], "category": "..."}``; which models they are
of stands elsewhere. Work: ``{"outcome": "a", "left": 1}``: outcomes are of the task's answers, ``left`` is the one
that this person saw on the left, 0 or 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from openmolmo.engine.studio.tasks.base import Exported, JobRequest, TaskView, Work
from openmolmo.engine.studio.tasks.complaints import UnfinishedError

__all__ = ["OUTCOMES", "VOTE", "VoteMode"]

OUTCOMES = ("a", "b", "both_good", "both_bad", "dont_know")
"""The five choices of the paper; ``dont_know`` is dropped by the arena."""


class VoteMode:
    """The mode ``vote``."""

    name: str = "vote"
    template: str = "modes/vote.html.j2"
    script: str = "vote.js"
    needs_review: bool = False
    defaults: Mapping[str, Any] = MappingProxyType(
        {"annotations": 1, "lease_seconds": 900.0, "gold_share": 0.0, "models": []}
    )

    def check(self, task: TaskView, payload: Mapping[str, Any]) -> dict[str, Any]:
        """One of the five choices, and which answer was on the left."""
        outcome, left = payload.get("outcome"), payload.get("left")
        if outcome not in OUTCOMES:
            raise UnfinishedError("vote.error.choice")
        if left not in (0, 1):
            raise UnfinishedError("modes.error.form")
        return {"outcome": outcome, "left": int(left)}

    def jobs(self, task: TaskView, annotation_id: int, payload: Mapping[str, Any]) -> Sequence[JobRequest]:
        """None: nothing is left to do."""
        return ()

    def agreement(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
        """1 for the same choice, a half where only one of them sees a tie, 0 for opposite ones; none for don't know."""
        first, second = one.get("outcome"), other.get("outcome")
        if "dont_know" in (first, second):
            return None
        if first == second:
            return 1.0
        return 0.0 if {first, second} in ({"a", "b"}, {"both_good", "both_bad"}) else 0.5

    def matches_gold(self, gold: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
        """The known answer is ``{"outcomes": ["a"]}``: one of those must be chosen."""
        known = gold.get("outcomes") or [gold.get("outcome")]
        return payload.get("outcome") in known

    def export(self, task: TaskView, works: Sequence[Work]) -> Exported | None:
        """None: votes are no examples; ``--format votes`` writes them for the arena."""
        return None


VOTE = VoteMode()
"""The mode ``vote``, as it is registered."""
