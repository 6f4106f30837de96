"""What each patch of a scene's picture shows: dense labels for teaching an image encoder alone.

A caption says little about a picture, and where it says it about; from random weights an encoder that is
taught by text alone learns colours in minutes and shapes not at all (docs/log.md). The scene graph knows
what covers every pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.generator import make_scene
from openmolmo.engine.synth.scenes.graph import Scene
from openmolmo.engine.synth.scenes.vocabulary import COLOURS, PATTERNS, SHAPES, SIZES
from openmolmo.records.masks import decode

__all__ = ["FACTS", "Window", "make_windows"]

FACTS: dict[str, tuple[str, ...]] = {
    "shape": ("background", *SHAPES),
    "colour": ("background", *COLOURS),
    "pattern": tuple(PATTERNS),
    "size": tuple(SIZES),
}
"""What is told of a patch -> its classes. Pattern and size mean nothing where there is no object."""

_LEAST_SHARE = 0.2
"""A patch shows an object when the object covers this share of it; with less, but some, it is left out."""

_OFFSET_UNIT = 2.0
"""Offsets are in units of so many patches, so that most are between -1 and 1."""


@dataclass(frozen=True, slots=True)
class Window:
    """A square cut of a scene's picture: S pixels a side, P patches.

    ``pixels`` (S, S, 3) uint8, RGB. ``facts`` (P, 4) int64: the classes of :data:`FACTS`; all -1 in patches
    that show too little of an object to tell. ``offsets`` (P, 2) float32: from the patch's centre to the
    object's, right and down, in units of two patches; 0 without object.
    """

    pixels: npt.NDArray[np.uint8]
    facts: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.float32]


def make_windows(
    rng: np.random.Generator, count: int, *, size: int, most: int | None = None, side: int = 112, patch: int = 14
) -> list[Window]:
    """``count`` windows of one new scene of ``size`` pixels (an easy one of at most ``most`` objects, if given).

    A picture smaller than ``side`` stands in the middle of a black window.
    """
    dice = Dice(rng)
    scene, picture = make_scene(dice, size, most)
    height, width = scene.height, scene.width
    owner = np.zeros((height, width), np.uint8)
    for number, thing in enumerate(scene.things, start=1):
        assert thing.mask is not None
        owner[decode(thing.mask)] = number
    table = _table(scene)
    windows: list[Window] = []
    for _ in range(count):
        left, top = dice.below(max(1, width - side + 1)), dice.below(max(1, height - side + 1))
        pixels, inside = picture[top : top + side, left : left + side], owner[top : top + side, left : left + side]
        rows, columns = min(height, side), min(width, side)
        down, right = (side - rows) // 2, (side - columns) // 2
        padding = ((down, side - rows - down), (right, side - columns - right))
        facts, offsets = _label(np.pad(inside, padding), table, (right - left, down - top), patch)
        windows.append(Window(np.pad(pixels, (*padding, (0, 0))), facts, offsets))
    return windows


def _table(scene: Scene) -> npt.NDArray[np.float32]:
    """A row for each thing (row 0: none): classes of shape, colour, pattern and size, and centre in pixels."""
    rows = [(0.0,) * 6]
    for thing in scene.things:
        classes = [float(FACTS[fact].index(getattr(thing, fact))) for fact in FACTS]
        rows.append((*classes, thing.x / 100 * scene.width, thing.y / 100 * scene.height))  # type: ignore[arg-type]
    return np.array(rows, np.float32)


def _label(
    owner: npt.NDArray[np.uint8], table: npt.NDArray[np.float32], shift: tuple[int, int], patch: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    across = owner.shape[0] // patch
    cells = owner.reshape(across, patch, across, patch).swapaxes(1, 2).reshape(across**2, patch**2)
    facts, offsets = np.zeros((across**2, len(FACTS)), np.int64), np.zeros((across**2, 2), np.float32)
    for cell in np.flatnonzero(cells.any(axis=1)):
        covered = np.bincount(cells[cell])
        covered[0] = 0
        thing = int(covered.argmax())
        if covered[thing] < _LEAST_SHARE * patch**2:
            facts[cell] = -1
            continue
        facts[cell] = table[thing, :4]
        centre = (np.array((cell % across, cell // across)) + 0.5) * patch
        offsets[cell] = (table[thing, 4:] + shift - centre) / (_OFFSET_UNIT * patch)
    return facts, offsets
