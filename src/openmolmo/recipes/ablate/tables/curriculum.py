"""A curriculum: perception first and reasoning later, all mixed all along, or the other way round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openmolmo.recipes.ablate.base import Ablation, Arm, Contrast, Drawn, Stage, World
from openmolmo.recipes.ablate.tables.worlds import SEEN, SEEN_ONCE

__all__ = ["CURRICULUM"]

_STEPS = 256  # of each half: with eight pictures a step two whole blocks of a mixture, so that its shares are exact


def _looks(stage: str, seed: int) -> Drawn:
    kinds = ("caption", "pointing", "question_answer")
    return Drawn(generator="attribute_scenes", size=96, train=3000, kinds=kinds, stages=(stage,), seed=seed)


def _thoughts(stage: str, seed: int) -> Drawn:
    kinds = ("counting", "question_answer")
    return Drawn(generator="relation_scenes", size=96, train=3000, kinds=kinds, stages=(stage,), seed=seed)


def _asked(generator: str) -> Drawn:
    return Drawn(generator=generator, size=96, train=0, test=80, seed=2)


_HALVES: Mapping[str, Any] = {
    f"{half}.{name}": value
    for half in ("early", "late")
    for name, value in (
        ("steps", _STEPS),
        ("loader.packing", False),
        ("loader.rows", 8),
        ("loader.row_length", 320),
    )
}

CURRICULUM = Ablation(
    name="curriculum",
    table="of our own",
    title="Perception first, reasoning later",
    question="Does it help to learn what is there before learning to count, compare and relate?",
    world=World(
        name="looks and thoughts",
        about="Pictures of 96 px with one to four plain things. Looking: captions, pointing, questions about colours, "
        "shapes and places. Thinking: counting, and questions about how many, which is beside which, what there is "
        "more of. Judged on short questions of both.",
        drawn={
            # Two sets of each, so that every arm learns from the same examples as often, in the same order of each set.
            "looks_1": _looks("early", 0),
            "looks_2": _looks("late", 1),
            "thoughts_1": _thoughts("early", 0),
            "thoughts_2": _thoughts("late", 1),
            "looks_asked": _asked("attribute_scenes"),
            "thoughts_asked": _asked("relation_scenes"),
        },
        tasks=("short_answers",),
    ),
    stages=(SEEN_ONCE, Stage(name="early", recipe="micro_sft"), Stage(name="late", recipe="micro_sft")),
    note="The same examples as often in all arms, in two halves of as many steps. One schedule of rates over both: "
    "warm-up and a constant rate, then down to its end in the second half; the optimiser's momenta begin anew there, "
    "in all arms. What was learnt last is remembered best, so questions of both kinds are asked.",
    base={
        **SEEN,
        **_HALVES,
        "early.optimizer.final_fraction": 1.0,
        "late.optimizer.connector.warmup": 5,
        "late.optimizer.llm.warmup": 5,
    },
    arms=(
        Arm(
            name="perception first",
            data={"drawn.looks_2.stages": ("early",), "drawn.thoughts_1.stages": ("late",)},
        ),
        Arm(name="mixed"),
        Arm(
            name="reasoning first",
            data={"drawn.looks_1.stages": ("late",), "drawn.thoughts_2.stages": ("early",)},
        ),
    ),
    contrasts=(
        Contrast(arm="perception first", against="mixed"),
        Contrast(arm="perception first", against="reasoning first"),
        Contrast(arm="mixed", against="reasoning first"),
    ),
    margin=0.03,
    metric="short_answers.accuracy",
)
