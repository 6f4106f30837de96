"""The built-in grids: size of the language model by number of pictures, and crops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openmolmo.recipes.ablate.base import CAPTION, Ablation, Arm, Drawn, Stage, World
from openmolmo.recipes.ablate.tables.worlds import SEEN, SEEN_ONCE
from openmolmo.recipes.scaling.base import METRIC, Grid, Target

__all__ = ["CROPS", "SIZE"]

_BATCH = 8
_NEW = Stage(name=CAPTION.name, recipe=CAPTION.recipe, new_llm=True)
"""Captions, by a language model that is new for every size and seed, behind an encoder and a connector that see."""

_BASE: Mapping[str, Any] = {
    **SEEN,
    "caption.loader.packing": False,  # so many pictures a step, however long their captions are
    "caption.loader.rows": _BATCH,
    "caption.loader.row_length": 320,
    "caption.checkpoint_every": 200,
}

_MODELS = {"1x128": "micro_1x128", "2x256": "micro_2x256", "4x512": "micro", "6x768": "micro_6x768"}
"""Layers and their inner width, at a width of 192."""
_PICTURES = (320, 640, 1280, 2560)

_SAID = (
    "The drawn world has six shapes, six colours and a handful of ways to say a thing, and which one is taken no "
    "picture shows: most of the floor is that, and a language of people has another one. One encoder, frozen, serves "
    "all runs; the language model starts from random weights, learns every picture once, and keeps one learning rate "
    "for all sizes. A model of a billion parameters that has read text before begins elsewhere, and no exponent found "
    "here is a promise for it."
)


def _size_arm(shape: str, pictures: int) -> Arm:
    model = _MODELS[shape]
    return Arm(
        name=f"{shape}, {pictures} pictures",
        overrides={"caption.model": model, "caption.steps": pictures // _BATCH},
        data={"drawn.told.train": pictures},
    )


_ARMS = tuple(_size_arm(shape, pictures) for pictures in _PICTURES for shape in _MODELS)

SIZE = Grid(
    ablation=Ablation(
        name="size",
        table="Scaling",
        title="Size of the language model and number of pictures",
        question="How does the loss fall with the language model's size, and with the pictures it has seen?",
        world=World(
            name="told once",
            about="Pictures of 96 px and one crop with two to five things, each told in one caption.",
            drawn={
                "told": Drawn(
                    generator="told_scenes", size=96, train=_PICTURES[-1], test=240, kinds=("caption",), seed=2
                )
            },
            tasks=("captions",),
        ),
        stages=(SEEN_ONCE, _NEW),
        base=_BASE,
        request={"questions": 240},
        arms=_ARMS,
        every_run=True,
        metric=METRIC,
        seeds=2,
    ),
    factors=("parameters", "pictures"),
    targets=(
        Target(name="1B parameters, as many pictures as the longest run", values={"parameters": 1e9}),
        Target(name="1B parameters, 712,000 pictures (PixMo-Cap)", values={"parameters": 1e9, "pictures": 712_000}),
        Target(name="712,000 pictures, as large as the largest run", values={"pictures": 712_000}),
    ),
    limits=_SAID,
)


def _crop_arm(name: str, mode: str, most: int) -> Arm:
    return Arm(name=name, overrides={"caption.crop.mode": mode, "caption.crop.max_crops": most})


_CROP_ARMS = (
    _crop_arm("1 crop", "single", 1),
    _crop_arm("2 crops", "overlap", 1),
    _crop_arm("5 crops", "overlap", 4),
    _crop_arm("10 crops", "overlap", 9),
)

CROPS = Grid(
    ablation=Ablation(
        name="crops",
        table="Scaling",
        title="Crops",
        question="How does the loss fall with the number of crops?",
        world=World(
            name="small things, told",
            about="Pictures of 192 px, twice as wide as one crop, with one to five things of 14 to 30 px, each told in "
            "one caption.",
            drawn={
                "scenes": Drawn(generator="small_scenes", size=192, train=1200, test=160, kinds=("caption",), seed=2)
            },
            tasks=("captions",),
        ),
        stages=(SEEN_ONCE, _NEW),
        base={
            **_BASE,
            "caption.steps": 1200 // _BATCH,
            "caption.loader.row_length": 512,
            "caption.crop.margins": (2, 2),
        },
        request={"questions": 160},
        arms=_CROP_ARMS,
        every_run=True,
        metric=METRIC,
        seeds=2,
        note="The whole picture, shrunk to one crop, is always among them: with two crops the model sees that twice; "
        "four more show three quarters of its pixels a side, nine all of them.",
    ),
    factors=("crops",),
    targets=(Target(name="37 crops (36 and the whole, the paper's most)", values={"crops": 37}),),
    limits=_SAID + " Beyond the crops that show every pixel nothing more can be seen, whatever the law says.",
)
