"""Table 3a: how many pictures with captions."""

from __future__ import annotations

from openmolmo.recipes.ablate.base import ANSWER, CAPTION, Ablation, Arm, Contrast, Drawn, PaperRow, World
from openmolmo.recipes.ablate.tables.worlds import EVEN, SEEN_ONCE, steps

__all__ = ["TABLE_3A"]

_PICTURES = 4000

CAPTIONED = World(
    name="captioned",
    about="Captions and transcripts of pictures of 96 px first, then short questions about 1,000 such pictures.",
    drawn={
        "captions": Drawn(
            generator="told_scenes",
            size=96,
            train=_PICTURES,
            kinds=("caption", "transcript"),
            stages=("caption",),
            seed=1,
        ),
        "questions": Drawn(
            generator="told_scenes", size=96, train=1000, test=200, kinds=("question_answer",), stages=("answer",)
        ),
    },
    tasks=("short_answers",),
)

TABLE_3A = Ablation(
    name="3a",
    table="Table 3a",
    title="How many pictures with captions",
    question="Do captions learnt first make a model answer better, and more of them better still?",
    world=CAPTIONED,
    base={
        **steps(250),
        **{key.replace("answer.", "caption."): value for key, value in EVEN.items()},
        "caption.steps": 300,
    },
    stages=(SEEN_ONCE, CAPTION, ANSWER),
    arms=(
        Arm(name="none", data={"drawn.captions.train": 0}),
        Arm(name="a quarter", data={"drawn.captions.train": _PICTURES // 4}),
        Arm(name="all"),
    ),
    contrasts=(
        Contrast(arm="all", against="none"),
        Contrast(arm="a quarter", against="none"),
        Contrast(arm="all", against="a quarter"),
    ),
    metric="short_answers.accuracy",
    paper=(
        PaperRow(setting="0", arm="none", metric="avg11", value=74.9),
        PaperRow(setting="89k", metric="avg11", value=75.5),
        PaperRow(setting="178k", arm="a quarter", metric="avg11", value=76.3),
        PaperRow(setting="356k", metric="avg11", value=76.2),
        PaperRow(setting="712k", arm="all", metric="avg11", value=76.9),
    ),
)
