"""What the loss of a device is divided by (the paper's appendix on training tells of it)."""

from __future__ import annotations

from openmolmo.recipes.ablate.base import ANSWER, Ablation, Arm, Contrast, Drawn, PaperRow, World
from openmolmo.recipes.ablate.tables.worlds import LONG_REPLIES, SEEN_ONCE, steps

__all__ = ["LOSS_NORMALISATION"]

MIXED_LENGTHS = World(
    name="long and short replies",
    about="Pictures of 96 px; half of them with a caption, half with short questions.",
    drawn={
        "captions": Drawn(generator="told_scenes", size=96, train=4000, test=150, kinds=("caption",)),
        "answers": Drawn(generator="told_scenes", size=96, train=4000, kinds=("question_answer",), seed=1),
    },
    tasks=("captions",),
)

LOSS_NORMALISATION = Ablation(
    name="loss-normalisation",
    table="appendix, training",
    title="What the loss of a device is divided by",
    question="Do captions suffer when each device divides its loss by its own tokens, and short replies weigh more?",
    world=MIXED_LENGTHS,
    base={
        **steps(400),
        # Eight batches of two examples stand for eight devices.
        "answer.accumulate": 8,
        "answer.loader.rows": 1,
        "answer.loader.row_examples": 2,
    },
    request=LONG_REPLIES,
    stages=(SEEN_ONCE, ANSWER),
    arms=(
        Arm(name="of the device", overrides={"answer.normalise": "batch"}),
        Arm(name="of the whole step", overrides={"answer.normalise": "step"}),
    ),
    contrasts=(Contrast(arm="of the whole step", against="of the device"),),
    metric="captions.f1",
    paper=(PaperRow(setting="local instead of global, in points", metric="cap_f1 lost", value=0.75),),
    note="The paper gives 0.5 to 1 point of caption F1 and no row of a table.",
)
