"""Table 4a: pointing before counting."""

from __future__ import annotations

from openmolmo.recipes.ablate.base import ANSWER, Ablation, Arm, Contrast, PaperRow
from openmolmo.recipes.ablate.tables.worlds import COUNTED, CROWDS, LONG_REPLIES, LOOK, SEEN_ONCE

__all__ = ["TABLE_4A"]


def _reply(name: str, counting: str) -> Arm:
    return Arm(name=name, overrides={"answer.format.counting": counting})


TABLE_4A = Ablation(
    name="4a",
    table="Table 4a",
    title="Pointing before counting",
    question="Does a model count better when it points first?",
    world=CROWDS,
    base=COUNTED,
    request=LONG_REPLIES,
    stages=(SEEN_ONCE, LOOK, ANSWER),
    arms=(
        _reply("count", "count"),
        _reply("count then point", "count_then_point"),
        _reply("points alone", "points"),
        _reply("point then count", "point_then_count"),
    ),
    contrasts=(
        Contrast(arm="point then count", against="count"),
        Contrast(arm="point then count", against="count then point"),
        Contrast(arm="count", against="count then point"),
        Contrast(arm="point then count", against="points alone", expected="none"),
    ),
    margin=0.05,
    metric="counting.accuracy",
    paper=(
        PaperRow(setting="count", arm="count", metric="PixMoCount", value=80.2),
        PaperRow(setting="point then count", arm="point then count", metric="PixMoCount", value=86.3),
        PaperRow(setting="count then point", arm="count then point", metric="PixMoCount", value=77.6),
        PaperRow(setting="pointing + regex", arm="points alone", metric="PixMoCount", value=85.4),
        PaperRow(setting="count", arm="count", metric="CountBenchQA", value=87.9),
        PaperRow(setting="point then count", arm="point then count", metric="CountBenchQA", value=89.4),
        PaperRow(setting="count then point", arm="count then point", metric="CountBenchQA", value=81.5),
        PaperRow(setting="pointing + regex", arm="points alone", metric="CountBenchQA", value=88.4),
    ),
)
