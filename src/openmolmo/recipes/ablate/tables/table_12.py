"""Table 12: more crops in testing than in training, and a short stage that mends what they break."""

from __future__ import annotations

from openmolmo.recipes.ablate.base import ANSWER, Ablation, Arm, Contrast, PaperRow, Stage
from openmolmo.recipes.ablate.tables.worlds import COUNTED, CROWDS, EVEN, LONG_REPLIES, LOOK, SEEN_ONCE

__all__ = ["HIGH", "TABLE_12"]

HIGH = Stage(name="high", recipe="micro_sft")
"""A short stage with as many crops as in testing."""

_HIGH = {key.replace("answer.", "high."): value for key, value in EVEN.items()}
_OVERLAP = {
    f"{stage}.crop.{key}": value
    for stage in ("look", "answer", "high")
    for key, value in (("mode", "overlap"), ("margins", (2, 2)))
}
_TWO = {"drawn.crowds.stages": ("answer",)}
"""Without the last stage: nothing is drawn for it."""

TABLE_12 = Ablation(
    name="12",
    table="Table 12",
    title="More crops in testing than in training",
    question="Do more crops in testing break counting, and does a short stage with them mend it?",
    world=CROWDS,
    base={
        **COUNTED,
        **_HIGH,
        **_OVERLAP,
        "answer.crop.max_crops": 4,
        "high.crop.max_crops": 9,
        "high.steps": 50,
        "high.loader.rows": 8,
        "high.optimizer.llm.lr": 5e-4,
        "high.optimizer.connector.lr": 7e-5,
    },
    request={**LONG_REPLIES, "max_crops": 9},
    stages=(SEEN_ONCE, LOOK, ANSWER, HIGH),
    arms=(
        Arm(name="4, tested with 9", data=_TWO),
        Arm(name="4, tested with 4", data=_TWO, request={"max_crops": 4}),
        Arm(name="9, tested with 9", data=_TWO, overrides={"answer.crop.max_crops": 9}),
        Arm(name="4 then 9, tested with 9", overrides={"answer.steps": 250}),
    ),
    contrasts=(
        Contrast(arm="4, tested with 4", against="4, tested with 9"),
        Contrast(arm="4 then 9, tested with 9", against="4, tested with 9"),
        Contrast(arm="9, tested with 9", against="4, tested with 4"),
        Contrast(arm="9, tested with 9", against="4 then 9, tested with 9", expected="none"),
    ),
    margin=0.05,
    metric="counting.accuracy",
    paper=(
        PaperRow(setting="12 train 36 test also for counting", arm="4, tested with 9", metric="PixMoCount", value=73.9),
        PaperRow(setting="12 train 36 test", arm="4, tested with 4", metric="PixMoCount", value=85.2),
        PaperRow(setting="36 train 36 test", arm="9, tested with 9", metric="PixMoCount", value=87.4),
        PaperRow(setting="12 then 36 train 36 test", arm="4 then 9, tested with 9", metric="PixMoCount", value=87.4),
    ),
    note="4 and 9 crops stand for 12 and 36. The paper's second row is tested with 36 crops, but for counting.",
)
