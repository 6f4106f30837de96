"""Table 4c: whether points help because they are true, or because they take time."""

from __future__ import annotations

from openmolmo.recipes.ablate.base import ANSWER, Ablation, Arm, Contrast, PaperRow
from openmolmo.recipes.ablate.tables.worlds import COUNTED, CROWDS, LONG_REPLIES, LOOK, SEEN_ONCE

__all__ = ["TABLE_4C"]


def _points(name: str, counted: str) -> Arm:
    return Arm(name=name, overrides={"answer.format.counted": counted})


TABLE_4C = Ablation(
    name="4c",
    table="Table 4c",
    title="True points, and points anywhere",
    question="Do points help to count because they are true, or because they give time to compute?",
    world=CROWDS,
    base=COUNTED,
    request=LONG_REPLIES,
    stages=(SEEN_ONCE, LOOK, ANSWER),
    arms=(
        _points("anywhere, any number", "any_number"),
        _points("anywhere, as many", "anywhere"),
        _points("true", "things"),
    ),
    contrasts=(
        Contrast(arm="true", against="anywhere, as many"),
        Contrast(arm="true", against="anywhere, any number"),
        Contrast(arm="anywhere, as many", against="anywhere, any number"),
    ),
    metric="counting.accuracy",
    paper=(
        PaperRow(setting="actual points correct length", arm="true", metric="PixMoCount", value=86.3),
        PaperRow(setting="random points correct length", arm="anywhere, as many", metric="PixMoCount", value=76.3),
        PaperRow(setting="random points random length", arm="anywhere, any number", metric="PixMoCount", value=75.7),
        PaperRow(setting="actual points correct length", arm="true", metric="CountBenchQA", value=89.4),
        PaperRow(setting="random points correct length", arm="anywhere, as many", metric="CountBenchQA", value=85.9),
        PaperRow(setting="random points random length", arm="anywhere, any number", metric="CountBenchQA", value=76.3),
    ),
)
