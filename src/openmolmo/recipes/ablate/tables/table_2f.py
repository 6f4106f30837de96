"""Table 2f: how patches are pooled."""

from __future__ import annotations

from openmolmo.recipes.ablate.base import Ablation, Arm, Contrast, PaperRow
from openmolmo.recipes.ablate.tables.worlds import EVEN, LONG_REPLIES, MICRO_TOLD

__all__ = ["TABLE_2F"]

TABLE_2F = Ablation(
    name="2f",
    table="Table 2f",
    title="Pooling of patches",
    question="Is attention over a window of patches better than putting them side by side, or than their mean?",
    world=MICRO_TOLD,
    base={**EVEN, "answer.steps": 350},
    request=LONG_REPLIES,
    arms=(
        Arm(name="stacking", overrides={"*.architecture.pooling": "stack"}),
        Arm(name="mean", overrides={"*.architecture.pooling": "mean"}),
        Arm(name="attention"),
    ),
    contrasts=(
        Contrast(arm="attention", against="stacking"),
        Contrast(arm="attention", against="mean"),
    ),
    metric="captions.f1",
    paper=(
        PaperRow(setting="stacking", arm="stacking", metric="avg11", value=76.1),
        PaperRow(setting="attention", arm="attention", metric="avg11", value=76.9),
        PaperRow(setting="stacking", arm="stacking", metric="cap_f1", value=53.7),
        PaperRow(setting="attention", arm="attention", metric="cap_f1", value=54.1),
    ),
    note="The connector is taught from random weights together with the encoder; the mean is our own control.",
)
