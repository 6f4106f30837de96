"""Table 2c: residual dropout in the language model."""

from __future__ import annotations

from openmolmo.recipes.ablate.base import ANSWER, Ablation, Arm, Contrast, PaperRow
from openmolmo.recipes.ablate.tables.worlds import LONG_REPLIES, SEEN_ONCE, TOLD, steps

__all__ = ["TABLE_2C"]

FEW = TOLD.replace(
    name="few",
    about="800 pictures of 96 px with two to five things, told in writing and in speech; each is seen eight times, and "
    "without dropout learnt by heart.",
    drawn={**TOLD.drawn, "told": TOLD.drawn["told"].replace(train=800)},
)

TABLE_2C = Ablation(
    name="2c",
    table="Table 2c",
    title="Residual dropout while captions are learnt",
    question="Does dropout help, and does it help to spare the tokens of picture and prompt?",
    world=FEW,
    base=steps(350),
    request=LONG_REPLIES,
    stages=(SEEN_ONCE, ANSWER),
    arms=(
        Arm(name="off", overrides={"answer.dropout.residual": 0.0}),
        Arm(
            name="on all tokens",
            overrides={"answer.dropout.residual": 0.1, "answer.dropout.on": "all"},
        ),
        Arm(
            name="on text only",
            overrides={"answer.dropout.residual": 0.1, "answer.dropout.on": "supervised"},
        ),
    ),
    contrasts=(
        Contrast(arm="on text only", against="off"),
        Contrast(arm="on all tokens", against="off"),
        Contrast(arm="on text only", against="on all tokens"),
    ),
    metric="captions.f1",
    paper=(
        PaperRow(setting="off/on", arm="off", metric="cap_f1", value=53.1),
        PaperRow(setting="on/on", arm="on all tokens", metric="cap_f1", value=53.7),
        PaperRow(setting="text only/on", arm="on text only", metric="cap_f1", value=54.1),
        PaperRow(setting="off/off", metric="avg11", value=74.6),
        PaperRow(setting="off/on", arm="off", metric="avg11", value=76.6),
        PaperRow(setting="on/on", arm="on all tokens", metric="avg11", value=77.0),
        PaperRow(setting="text only/on", arm="on text only", metric="avg11", value=76.9),
    ),
    note="The paper's settings are those of pre-training and fine-tuning; here only captions are learnt, as in the "
    "first. Fine-tuning without dropout has no counterpart.",
)
