"""Table 2e: telling how long a caption is to be."""

from __future__ import annotations

from openmolmo.recipes.ablate.base import ANSWER, Ablation, Arm, Contrast, PaperRow
from openmolmo.recipes.ablate.tables.worlds import BRIEF, FULL_LENGTH, LONG_REPLIES, SEEN_ONCE, steps

__all__ = ["TABLE_2E"]

TABLE_2E = Ablation(
    name="2e",
    table="Table 2e",
    title="Length of captions as a condition",
    question="Does it help to tell the model how long a caption is to be?",
    world=BRIEF,
    base=steps(350),
    request=LONG_REPLIES,
    stages=(SEEN_ONCE, ANSWER),
    arms=(
        Arm(name="off", overrides={"answer.format.system_prompt": "style"}),
        Arm(
            name="on",
            overrides={"answer.format.system_prompt": "style_and_length"},
            request={"length_hint": FULL_LENGTH},
        ),
    ),
    contrasts=(Contrast(arm="on", against="off"),),
    metric="captions.f1",
    paper=(
        PaperRow(setting="off", arm="off", metric="cap_f1", value=53.0),
        PaperRow(setting="on", arm="on", metric="cap_f1", value=54.1),
        PaperRow(setting="off", arm="off", metric="avg11", value=76.2),
        PaperRow(setting="on", arm="on", metric="avg11", value=76.9),
    ),
    note="Half of the captions leave things out, so the effect is much larger than with people's captions.",
)
