"""What the tables have in common: the worlds, one teaching of the encoder for most of them, and how long they train.

Every world is made of the micro world's shapes and colours. So one encoder, taught on crops of all of them, serves each
ablation that does not change how it is taught.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from openmolmo.recipes.ablate.base import SEE, Drawn, Stage, World

__all__ = [
    "BRIEF",
    "COUNTED",
    "CROWDS",
    "EVEN",
    "FULL_LENGTH",
    "LONG_REPLIES",
    "LOOK",
    "MICRO",
    "MICRO_TOLD",
    "SEEN",
    "SEEN_ONCE",
    "TOLD",
    "TRAINED_ENCODER",
    "steps",
]

SEEN_ONCE = replace(SEE, per_seed=False)
"""The encoder's teaching, the same for all seeds: what is compared comes after it."""

SEEN: Mapping[str, Any] = {
    "see.scenes": (
        {"size": 96, "world": "micro"},
        {"size": 192, "windows": 2, "world": "small"},
        {"size": 192, "windows": 2, "world": "crowd"},
        {"size": 96, "world": "crowd"},  # large pictures as their global crop shows them
    ),
    "see.steps": 1500,
}

EVEN: Mapping[str, Any] = {
    "answer.loader.packing": False,
    "answer.loader.rows": 12,
    "answer.loader.row_length": 512,
}
"""Twelve pictures a step, the same ones for all arms, however long their prompts and replies are."""

TRAINED_ENCODER: Mapping[str, Any] = {"answer.optimizer.encoder.lr": 2e-4, "answer.optimizer.encoder.warmup": 20}
"""As in the paper: the encoder learns along. It costs a third of the time, so most tables keep it as it was taught."""

FULL_LENGTH = 16
"""The length hint of a caption that tells everything, on average (the mean of ``told_scenes`` is 16.4)."""


LONG_REPLIES: Mapping[str, Any] = {"max_new_tokens": 192}
"""Room for a whole caption, or for ten points."""


def steps(count: int) -> dict[str, Any]:
    """The seeing stage of most tables, and so many even steps of the answering stage."""
    return {**SEEN, **EVEN, "answer.steps": count}


MICRO = World(
    name="micro",
    about="Pictures of 96 px and one crop with one to four plain things; short questions about them.",
    drawn={"scenes": Drawn(generator="micro_scenes", size=96, train=8000, test=200, kinds=("question_answer",))},
    tasks=("short_answers",),
)

MICRO_TOLD = World(
    name="micro, told",
    about="Pictures of 96 px and one crop with one to four plain things, to be told in a caption: that is learnt from "
    "random weights in a fraction of the time that short answers take.",
    drawn={"scenes": Drawn(generator="micro_scenes", size=96, train=8000, test=200, kinds=("caption",))},
    tasks=("captions",),
)

CROWDS = World(
    name="crowds",
    about="Pictures of 192 px in four crops: crowds are told in captions and pointed at first, then one to ten things "
    "of one kind are counted.",
    drawn={
        "told": Drawn(generator="crowd_scenes", size=192, train=4000, kinds=("caption",), stages=("look",), seed=1),
        "pointed": Drawn(
            generator="herd_scenes",
            size=192,
            train=6000,
            kinds=("pointing",),
            stages=("look",),
            max_annotations=1,
            seed=2,
        ),
        "crowds": Drawn(
            generator="herd_scenes", size=192, train=4000, test=200, kinds=("counting",), stages=("answer", "high")
        ),
    },
    tasks=("counting",),
)

LOOK = Stage(name="look", recipe="micro_sft", per_seed=False)
"""The whole model learns to tell of crowded pictures and to point, once for all arms and seeds, so that counting begins
with a model that looks: from random weights it would take most of each run, and more or less of it by chance. (The
paper's models point beside counting, too.)"""

_CROPS: Mapping[str, Any] = {
    f"{stage}.crop.{name}": value
    for stage in ("look", "answer")
    for name, value in (("mode", "no_overlap"), ("max_crops", 4))
}

COUNTED: Mapping[str, Any] = {
    **steps(300),
    **{key.replace("answer.", "look."): value for key, value in EVEN.items()},
    **_CROPS,
    "look.steps": 800,
    "answer.loader.rows": 8,  # ten points are long
    "answer.optimizer.llm.lr": 1e-3,
}

TOLD = World(
    name="told",
    about="Pictures of 96 px with two to five things, each told in writing and in speech.",
    drawn={
        "told": Drawn(generator="told_scenes", size=96, train=3000, test=150, kinds=("caption", "transcript")),
        "careless": Drawn(generator="careless_scenes", size=96, train=0, kinds=("caption", "transcript")),
    },
    tasks=("captions",),
)

BRIEF = World(
    name="brief",
    about="Pictures of 96 px with two to five things; every other caption tells of some of them only, and nothing but "
    "a length says which.",
    drawn={
        "brief": Drawn(generator="brief_scenes", size=96, train=3000, test=0, kinds=("caption",)),
        "told": Drawn(generator="told_scenes", size=96, train=0, test=150),
    },
    tasks=("captions",),
)
