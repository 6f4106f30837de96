"""Windows of icon pictures: every patch is labelled with the thing that it shows."""

from __future__ import annotations

import numpy as np

from openmolmo.engine.synth.icons.generator import make_scene
from openmolmo.engine.synth.patch_labels import FACTS, Window
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.windows import cut_windows
from openmolmo.records.masks import decode

__all__ = ["make_icon_windows"]

_NAMES = list(FACTS)
_CLASSES = {name: place for place, name in enumerate(FACTS["thing"])}
_LEAST_SHARE = 0.2

_DENSE, _DIFFERENT = 0.75, 18
"""Share of the pictures full of different things, and how many are tried: three times as many kinds a step."""


def make_icon_windows(
    rng: np.random.Generator, count: int, *, size: int, side: int = 112, patch: int = 14
) -> list[Window]:
    """``count`` windows of one new picture of ``size`` pixels."""
    dice = Dice(rng)
    scene, picture = make_scene(dice, size, _DIFFERENT if dice.chance(_DENSE) else 0)
    owner = np.zeros((scene.height, scene.width), np.uint8)
    table = np.full((len(scene.items) + 1, len(FACTS)), -1, np.int64)
    centres = np.zeros((len(scene.items) + 1, 2), np.float32)
    for number, item in enumerate(scene.items, start=1):
        owner[decode(item.mask)] = number
        table[number, _NAMES.index("thing")] = _CLASSES[item.name]
        table[number, _NAMES.index("size")] = FACTS["size"].index(item.size)
        if item.sprite.main in FACTS["colour"]:
            table[number, _NAMES.index("colour")] = FACTS["colour"].index(item.sprite.main)
        centres[number] = item.x / 100 * scene.width, item.y / 100 * scene.height
    return cut_windows(dice, count, picture, owner, table, centres, side=side, patch=patch, least=_LEAST_SHARE)
