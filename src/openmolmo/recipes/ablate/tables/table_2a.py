"""Table 2a: the encoder to start from."""

from __future__ import annotations

from openmolmo.recipes.ablate.base import Ablation, Arm, Contrast, PaperRow
from openmolmo.recipes.ablate.tables.worlds import EVEN, LONG_REPLIES, MICRO_TOLD, TRAINED_ENCODER

__all__ = ["TABLE_2A"]

TABLE_2A = Ablation(
    name="2a",
    table="Table 2a",
    title="The encoder to start from",
    question="Does it matter what the encoder has seen before?",
    world=MICRO_TOLD,
    base={**EVEN, **TRAINED_ENCODER, "answer.steps": 350},
    request=LONG_REPLIES,
    arms=(
        Arm(name="same pictures", about="taught on the pictures that are asked about"),
        Arm(
            name="other pictures",
            overrides={"see.scenes": ({"size": 96, "most": 4, "world": "whole"},)},
            about="taught on pictures of more shapes, colours, patterns and backgrounds, as far as one crop shows them",
        ),
        Arm(name="random", overrides={"see.steps": 1}, about="not taught before: random weights"),
    ),
    contrasts=(
        Contrast(arm="same pictures", against="random"),
        Contrast(arm="other pictures", against="random"),
        Contrast(arm="same pictures", against="other pictures", expected="none"),
    ),
    metric="captions.f1",
    paper=(
        PaperRow(setting="OpenAI CLIP ViT-L/14 336px", arm="same pictures", metric="avg11", value=76.9),
        PaperRow(setting="MetaCLIP 336px", arm="other pictures", metric="avg11", value=77.2),
        PaperRow(setting="SigLIP-So400m 384px", metric="avg11", value=77.1),
        PaperRow(setting="DINOv2 336px", metric="avg11", value=75.6),
    ),
    margin=0.05,
    note="The paper compares encoders that have seen hundreds of millions of photographs, and finds them alike. Here "
    "two that were taught on different drawings stand for them; random weights are our own control.",
)
