"""Windows of scenes, every patch labelled by what the scene graph knows of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from openmolmo.engine.synth.patch_labels import BINS, FACTS, Window
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.generator import make_scene
from openmolmo.engine.synth.scenes.graph import Scene
from openmolmo.engine.synth.scenes.world import WHOLE, World
from openmolmo.records.masks import decode

__all__ = ["make_windows"]

_NAMED = ("shape", "colour", "pattern", "size")
_COLUMN, _ROW = list(FACTS).index("column"), list(FACTS).index("row")

_LEAST_SHARE = 0.2
"""A patch shows an object when the object covers this share of it; with less, but some, it is left out."""

_OFFSET_UNIT = 2.0
"""Offsets are in units of so many patches, so that most are between -1 and 1."""


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
    height, width = scene.height, scene.width
    owner = np.zeros((height, width), np.uint8)
    for number, thing in enumerate(scene.things, start=1):
        assert thing.mask is not None
        owner[decode(thing.mask)] = number
    table = _table(scene)
    rows, columns = min(height, side), min(width, side)
    down, right = (side - rows) // 2, (side - columns) // 2
    padding = ((down, side - rows - down), (right, side - columns - right))
    windows: list[Window] = []
    for _ in range(count):
        left, top = dice.below(max(1, width - side + 1)), dice.below(max(1, height - side + 1))
        pixels, inside = picture[top : top + side, left : left + side], owner[top : top + side, left : left + side]
        facts, offsets = _label(np.pad(inside, padding), table, (right - left, down - top), patch)
        windows.append(Window(np.pad(pixels, (*padding, (0, 0))), facts, offsets))
    return windows


def _table(scene: Scene) -> npt.NDArray[np.float32]:
    """A row for each thing (row 0: none): classes of shape, colour, pattern and size, and centre in pixels."""
    rows = [(0.0,) * 6]
    for thing in scene.things:
        classes = [float(FACTS[fact].index(getattr(thing, fact))) for fact in _NAMED]
        rows.append((*classes, thing.x / 100 * scene.width, thing.y / 100 * scene.height))  # type: ignore[arg-type]
    return np.array(rows, np.float32)


def _label(
    owner: npt.NDArray[np.uint8], table: npt.NDArray[np.float32], shift: tuple[int, int], patch: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    side, across = owner.shape[0], owner.shape[0] // patch
    cells = owner.reshape(across, patch, across, patch).swapaxes(1, 2).reshape(across**2, patch**2)
    facts, offsets = np.full((across**2, len(FACTS)), -1, np.int64), np.zeros((across**2, 2), np.float32)
    facts[:, :2] = 0  # background
    for cell in np.flatnonzero(cells.any(axis=1)):
        covered = np.bincount(cells[cell])
        covered[0] = 0
        thing = int(covered.argmax())
        if covered[thing] < _LEAST_SHARE * patch**2:
            facts[cell] = -1
            continue
        facts[cell, : len(_NAMED)] = table[thing, :4]
        target = table[thing, 4:] + shift
        facts[cell, [_COLUMN, _ROW]] = (target / side * BINS).clip(0, BINS - 1)
        centre = (np.array((cell % across, cell // across)) + 0.5) * patch
        offsets[cell] = (target - centre) / (_OFFSET_UNIT * patch)
    return facts, offsets
