"""A learned crop policy: which crops to look at under a budget of them, from the whole picture and the question."""

from __future__ import annotations

from openmolmo.recipes.ablate.base import ANSWER, CHOOSE, Ablation, Arm, Contrast, Drawn, World
from openmolmo.recipes.ablate.cropping import TABLE_2D
from openmolmo.recipes.ablate.tables.worlds import SEEN_ONCE

__all__ = ["CROP_POLICY"]

_BUDGET = 1
"""High-resolution crops kept, of four."""


def _kept(name: str, policy: str, keep: int = _BUDGET, about: str = "") -> Arm:
    return Arm(name=name, request={"crop_policy": policy, "keep_crops": keep}, about=about)


CROP_POLICY = Ablation(
    name="crop-policy",
    table="of our own",
    title="A learned crop policy",
    question="Can a small policy tell from the whole picture, and the question, which crop is worth its tokens?",
    world=World(
        name="sparse things",
        about="Pictures of 192 px, twice as wide as one crop, in four crops without overlap; one thing of 14 to 30 px "
        "or two, so that most crops are empty. Questions are about shapes, which are lost in the shrunk whole picture. "
        "Captions are learnt beside them, because short answers alone come slowly.",
        drawn={
            "scenes": Drawn(
                generator="sparse_scenes",
                size=192,
                train=4000,
                kinds=("caption", "question_answer"),
                stages=("answer",),
            ),
            # Pictures that the model has not learnt from: what it knows by heart it needs no crop for.
            "asked": Drawn(
                generator="sparse_scenes",
                size=192,
                train=640,
                test=400,
                kinds=("question_answer",),
                stages=("choose",),
                seed=1,
            ),
        },
        tasks=("short_answers",),
    ),
    stages=(SEEN_ONCE, ANSWER, CHOOSE),
    note="One model a seed for all arms: it learns with none to four crops of a picture, drawn anew each time, and so "
    "copes with any. The policy learns from the model's own likelihood of a reply with each crop alone. Arms differ in "
    "which crops are kept when the model is asked; a crop that is left out is not encoded and has no tokens.",
    base={
        **{key: value for key, value in TABLE_2D.base.items() if key.startswith("see.")},  # the same encoder
        "answer.steps": 450,
        "answer.crop": {
            "crop_size": 96,
            "patch_size": 12,
            "pool": 2,
            "margins": (0, 0),
            "max_crops": 4,
            "mode": "no_overlap",
            "shift_patch_mask": False,
            "policy": "random",
            "keep": 4,
            "keep_from": 0,
        },
        "answer.loader.packing": False,
        "answer.loader.rows": 8,
        "answer.loader.row_length": 224,
        "choose.steps": 80,
        "choose.keep_crops": _BUDGET,
    },
    arms=(
        _kept("learned", "learned", about="the policy's choice"),
        _kept("random", "random", about="any crop"),
        _kept("uniform", "uniform", about="crops spread evenly; a single one is the first of those nearest the middle"),
        Arm(name="all crops", request={"crop_policy": "all"}),
        _kept("global alone", "uniform", 0, about="no high-resolution crop"),
    ),
    contrasts=(
        Contrast(arm="learned", against="random"),
        Contrast(arm="learned", against="uniform"),
        Contrast(arm="all crops", against="learned"),
        Contrast(arm="learned", against="global alone"),
        Contrast(arm="uniform", against="random", expected="none"),
    ),
    metric="short_answers.accuracy",
)
