"""Table 15a: features of one block of the encoder, or of two."""

from __future__ import annotations

from openmolmo.recipes.ablate.base import Ablation, Arm, Contrast, PaperRow
from openmolmo.recipes.ablate.tables.worlds import EVEN, LONG_REPLIES, MICRO_TOLD

__all__ = ["TABLE_15A"]


def _layers(name: str, *layers: int) -> Arm:
    return Arm(name=name, overrides={"*.architecture.feature_layers": layers})


TABLE_15A = Ablation(
    name="15a",
    table="Table 15a",
    title="Features of one block of the encoder or of two",
    question="Is it better to use the outputs of two blocks of the encoder than of one?",
    world=MICRO_TOLD,
    base={**EVEN, "answer.steps": 350},
    request=LONG_REPLIES,
    arms=(
        _layers("early block", -3),
        _layers("late block", -1),
        Arm(name="both", about="the last and the third to last of five, as micro has them"),
    ),
    contrasts=(
        Contrast(arm="both", against="late block"),
        Contrast(arm="both", against="early block"),
        Contrast(arm="late block", against="early block"),
    ),
    metric="captions.f1",
    paper=(
        PaperRow(setting="3rd and 10th to last", arm="both", metric="avg11", value=76.9),
        PaperRow(setting="3rd to last", arm="late block", metric="avg11", value=76.6),
        PaperRow(setting="10th to last", arm="early block", metric="avg11", value=76.3),
        PaperRow(setting="3rd and 10th to last", arm="both", metric="cap_f1", value=54.1),
        PaperRow(setting="3rd to last", arm="late block", metric="cap_f1", value=53.7),
        PaperRow(setting="10th to last", arm="early block", metric="cap_f1", value=52.5),
    ),
    note="The paper's encoder was finished before; here it is taught from random weights behind the features that it "
    "is to give, so it can put into them what is needed.",
)
