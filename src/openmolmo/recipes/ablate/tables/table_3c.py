"""Table 3c: what the fine-tuning mixture holds."""

from __future__ import annotations

from openmolmo.recipes.ablate.base import ANSWER, Ablation, Arm, Contrast, Drawn, PaperRow, World
from openmolmo.recipes.ablate.tables.worlds import SEEN_ONCE, steps

__all__ = ["TABLE_3C"]

_POINTS = ("pointing", "counting", "not_present")


def _set(kinds: tuple[str, ...], rate: float, test: int = 0) -> Drawn:
    return Drawn(generator="micro_scenes", size=96, train=8000, test=test, kinds=kinds, rate=rate)


MIXED = World(
    name="mixed",
    about="Pictures of 96 px with one to four things: short answers, points and counts, captions, as the paper mixes "
    "academic sets, pointing and the others.",
    drawn={
        "answers": _set(("question_answer",), 0.5, test=200),
        "points": _set(_POINTS, 0.35),
        "captions": _set(("caption",), 0.15),
    },
    tasks=("counting", "short_answers"),
)

TABLE_3C = Ablation(
    name="3c",
    table="Table 3c",
    title="What the fine-tuning mixture holds",
    question="Do pointing and captions in the mixture make a model count and answer better?",
    world=MIXED,
    base=steps(350),
    stages=(SEEN_ONCE, ANSWER),
    arms=(
        Arm(name="answers only", data={"drawn.points.train": 0, "drawn.captions.train": 0}),
        Arm(name="without pointing", data={"drawn.points.train": 0}),
        Arm(name="all"),
    ),
    contrasts=(
        Contrast(arm="all", against="answers only"),
        Contrast(arm="all", against="without pointing"),
    ),
    metric="short_answers.accuracy",
    paper=(
        PaperRow(setting="academic only", arm="answers only", metric="avg11", value=72.5),
        PaperRow(setting="without pointing", arm="without pointing", metric="avg11", value=76.2),
        PaperRow(setting="PixMo + academic", arm="all", metric="avg11", value=76.9),
        PaperRow(setting="academic + Docs", metric="avg11", value=74.0),
        PaperRow(setting="without AMA", metric="avg11", value=76.8),
        PaperRow(setting="without CapQA", metric="avg11", value=77.0),
        PaperRow(setting="without Docs", metric="avg11", value=75.8),
        PaperRow(setting="without Clocks", metric="avg11", value=76.9),
    ),
    note="As many pictures in each arm: what is learnt beside the answers takes pictures away from them, in the paper "
    "as here, where nothing was learnt long before. People's questions, documents and clocks have no counterpart.",
)
