"""Table 4b: the order of points."""

from __future__ import annotations

from openmolmo.recipes.ablate.base import ANSWER, Ablation, Arm, Contrast, PaperRow
from openmolmo.recipes.ablate.tables.worlds import COUNTED, CROWDS, LONG_REPLIES, LOOK, SEEN_ONCE

__all__ = ["TABLE_4B"]


def _ordered(order: str) -> dict[str, str]:
    return {f"{stage}.format.point_order": order for stage in ("look", "answer")}


TABLE_4B = Ablation(
    name="4b",
    table="Table 4b",
    title="The order of points",
    question="Does it help that points come in a fixed order?",
    world=CROWDS,
    base=COUNTED,
    request=LONG_REPLIES,
    stages=(SEEN_ONCE, LOOK, ANSWER),
    arms=(
        Arm(name="random", overrides=_ordered("random")),
        Arm(name="rows", overrides=_ordered("yx"), about="from top to bottom"),
        Arm(name="ordered", overrides=_ordered("xy"), about="from left to right, as in the paper"),
    ),
    contrasts=(
        Contrast(arm="ordered", against="random"),
        Contrast(arm="ordered", against="rows", expected="none"),
    ),
    margin=0.05,
    metric="counting.accuracy",
    paper=(
        PaperRow(setting="off", arm="random", metric="PixMoCount", value=74.1),
        PaperRow(setting="on", arm="ordered", metric="PixMoCount", value=86.3),
        PaperRow(setting="off", arm="random", metric="CountBenchQA", value=85.4),
        PaperRow(setting="on", arm="ordered", metric="CountBenchQA", value=89.4),
    ),
)
