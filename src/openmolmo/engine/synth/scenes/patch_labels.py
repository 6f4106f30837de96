"""Windows of scenes, every patch labelled by what the scene graph knows of it."""

from __future__ import annotations

import numpy as np

from openmolmo.engine.synth.patch_labels import FACTS, Window
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.generator import make_scene
from openmolmo.engine.synth.scenes.world import WHOLE, World
from openmolmo.engine.synth.windows import cut_windows
from openmolmo.records.masks import decode

__all__ = ["make_windows"]

_NAMED = ("shape", "colour", "pattern", "size")
_PLACES = [list(FACTS).index(fact) for fact in _NAMED]

_LEAST_SHARE = 0.2
"""A patch shows an object when the object covers this share of it; with less, but some, it is left out."""


def make_windows(
    rng: np.random.Generator,
    count: int,
    *,
    size: int,
    most: int | None = None,
    world: World = WHOLE,
    side: int = 112,
    patch: int = 14,
) -> list[Window]:
    """``count`` windows of one new scene of ``size`` pixels (an easy one of at most ``most`` objects, if given).

    A picture smaller than ``side`` stands in the middle of a black window.
    """
    dice = Dice(rng)
    scene, picture = make_scene(dice, size, most, world)
    owner = np.zeros((scene.height, scene.width), np.uint8)
    table = np.full((len(scene.things) + 1, len(FACTS)), -1, np.int64)
    centres = np.zeros((len(scene.things) + 1, 2), np.float32)
    for number, thing in enumerate(scene.things, start=1):
        assert thing.mask is not None
        owner[decode(thing.mask)] = number
        table[number, _PLACES] = [FACTS[fact].index(getattr(thing, fact)) for fact in _NAMED]
        centres[number] = thing.x / 100 * scene.width, thing.y / 100 * scene.height
    return cut_windows(
        dice,
        count,
        picture,
        owner,
        table,
        centres,
        side=side,
        patch=patch,
        least=_LEAST_SHARE,
        empty=("shape", "colour"),
    )
