"""A learned crop policy: which crops to look at under a budget of them, from the whole picture and the question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openmolmo.recipes.ablate.base import ANSWER, CHOOSE, Ablation, Arm, Contrast, Drawn, World
from openmolmo.recipes.ablate.cropping import TABLE_2D
from openmolmo.recipes.ablate.tables.worlds import LOOK, SEEN_ONCE

__all__ = ["CROP_POLICY"]

_BUDGET = 1
"""High-resolution crops kept, of four."""


_FOUR: Mapping[str, Any] = {
    "crop_size": 96,
    "patch_size": 12,
    "pool": 2,
    "margins": (0, 0),
    "max_crops": 4,
    "mode": "no_overlap",
    "shift_patch_mask": False,
}


def _training(stage: str, steps: int, crop: Mapping[str, Any]) -> dict[str, Any]:
    loader = {"packing": False, "rows": 8, "row_length": 224}
    settings = {"steps": steps, "crop": dict(crop), **{f"loader.{name}": value for name, value in loader.items()}}
    return {f"{stage}.{name}": value for name, value in settings.items()}


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
                stages=("look", "answer"),
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
    stages=(SEEN_ONCE, LOOK, ANSWER, CHOOSE),
    note="One model a seed for all arms. It first learns to look with all crops, once for all seeds, then with none to "
    "four of them, drawn anew each time, and so copes with any. The policy learns from the model's own likelihood of a "
    "reply with each crop alone. Arms differ in which crops are kept when the model is asked; a crop that is left out "
    "is not encoded and has no tokens.",
    base={
        **{key: value for key, value in TABLE_2D.base.items() if key.startswith("see.")},  # the same encoder
        **_training("look", 800, _FOUR),
        **_training("answer", 300, {**_FOUR, "policy": "random", "keep": 4, "keep_from": 0}),
        "choose.steps": 60,
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
