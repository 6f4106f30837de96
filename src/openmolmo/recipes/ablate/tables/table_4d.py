"""Table 4d: how coordinates are written."""

from __future__ import annotations

from openmolmo.recipes.ablate.base import ANSWER, Ablation, Arm, Contrast, PaperRow
from openmolmo.recipes.ablate.tables.worlds import COUNTED, CROWDS, LONG_REPLIES, LOOK, SEEN_ONCE

__all__ = ["TABLE_4D"]


def _written(form: str) -> dict[str, str]:
    return {f"{stage}.format.point_form": form for stage in ("look", "answer")}


TABLE_4D = Ablation(
    name="4d",
    table="Table 4d",
    title="How coordinates are written",
    question="Are coordinates better in plain text, or as tokens of their own?",
    world=CROWDS,
    base=COUNTED,
    request=LONG_REPLIES,
    stages=(SEEN_ONCE, LOOK, ANSWER),
    arms=(
        Arm(
            name="special tokens",
            overrides={"*.tokenizer": "tokenizer-micro-coordinates", **_written("tokens")},
            about="a token for each whole percent",
        ),
        Arm(
            name="compact text",
            overrides={**_written("compact")},
            about="one attribute with numbers in thousandths, as Molmo2 writes them",
        ),
        Arm(name="plain text", overrides={**_written("tags")}),
    ),
    contrasts=(
        Contrast(arm="plain text", against="special tokens"),
        Contrast(arm="plain text", against="compact text", expected="none"),
    ),
    margin=0.05,
    metric="counting.accuracy",
    paper=(
        PaperRow(setting="plain text", arm="plain text", metric="PixMoCount", value=86.3),
        PaperRow(setting="special tokens", arm="special tokens", metric="PixMoCount", value=80.9),
        PaperRow(setting="plain text", arm="plain text", metric="CountBenchQA", value=89.4),
        PaperRow(setting="special tokens", arm="special tokens", metric="CountBenchQA", value=85.8),
    ),
    note="The paper's language model knew numbers in digits before it saw a picture; this one learns both ways anew, "
    "which is in favour of short replies.",
)
