"""Examples packed into one row that see each other, a fault that other programs have had."""

from __future__ import annotations

from openmolmo.recipes.ablate.base import ANSWER, Ablation, Arm, Contrast
from openmolmo.recipes.ablate.tables.worlds import MICRO, SEEN, SEEN_ONCE

__all__ = ["ISOLATION"]


def _isolate(name: str, isolate: bool) -> Arm:
    return Arm(name=name, overrides={"answer.loader.isolate": isolate})


ISOLATION = Ablation(
    name="isolation",
    table="no table of the paper",
    title="Packed examples kept apart",
    question="Does it matter that packed examples cannot see each other?",
    world=MICRO,
    base={**SEEN, "answer.steps": 350, "answer.loader.rows": 8, "answer.loader.row_length": 384},
    stages=(SEEN_ONCE, ANSWER),
    arms=(_isolate("not kept apart", False), _isolate("kept apart", True)),
    contrasts=(Contrast(arm="kept apart", against="not kept apart"),),
    metric="short_answers.accuracy",
)
