"""Which objects a scene has and where: mostly few and plain, with a long tail of busy ones and crowds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, hypot, radians, sin

import numpy as np
import numpy.typing as npt

from openmolmo.core.optional import require
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.shapes import outline
from openmolmo.engine.synth.scenes.vocabulary import PATTERNS, SHAPES, SIZES
from openmolmo.engine.synth.scenes.world import WHOLE, World

cv2 = require("cv2", extra="synth")

__all__ = ["Placed", "Wanted", "choose_easy", "choose_few", "choose_objects", "place_objects"]

MOST_OBJECTS = 15
LEAST_VISIBLE = 0.65
"""An object covered by more than a third is hard to name and to point at."""
CLEAR_COVER = 0.04
"""Share of an object that another hides before one says that it covers it."""
_ATTEMPTS = 24
_NEXT_SIZE = {"large": "medium", "medium": "small"}


@dataclass(frozen=True)
class Wanted:
    """An object in words."""

    shape: str
    colour: str
    pattern: str
    size: str


@dataclass
class Placed:
    """An object in the picture: centre and radius in pixels, and its cover (0-255) in the box at ``left``, ``top``."""

    wanted: Wanted
    x: float
    y: float
    radius: float
    matrix: npt.NDArray[np.float32]
    left: int
    top: int
    alpha: npt.NDArray[np.uint8]
    pixels: int
    visible: int
    covers: list[int]

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the box."""
        return slice(self.top, self.top + self.alpha.shape[0]), slice(self.left, self.left + self.alpha.shape[1])


def choose_objects(dice: Dice, colours: list[str], *, simple: bool) -> list[Wanted]:
    """The objects wanted: two to five plain ones if ``simple``, otherwise up to fifteen or a crowd."""
    if simple:
        return _mixture(dice, 2 + dice.weighted((3, 3, 2.5, 1.5)), colours, (0, 6, 4), patterned=0.0)
    if dice.chance(0.56):
        count = 1 + dice.weighted([1.5] + [0.82**i for i in range(1, MOST_OBJECTS)])
        sizes = (3, 4, 3) if count < 8 else (6, 4, 0.5)
        return _mixture(dice, count, colours, sizes, patterned=dice.pick((0.0, 0.5, 0.5)))
    return _crowd(dice, colours)


def choose_easy(dice: Dice, colours: list[str], most: int) -> list[Wanted]:
    """One to ``most`` plain objects, large or medium."""
    return _mixture(dice, 1 + dice.below(most), colours, (0, 4, 6), patterned=0.0)


def choose_few(dice: Dice, colours: list[str], world: World) -> list[Wanted]:
    """As many plain objects as ``world`` has in a scene, medium or large."""
    return _mixture(dice, 1 + dice.weighted(world.counts), colours, (0, 5, 5), patterned=0.0, world=world)


def _crowd(dice: Dice, colours: list[str]) -> list[Wanted]:
    """Many of one kind and a few others."""
    count = 4 + dice.weighted([0.9**i for i in range(12)])
    sizes: tuple[float, ...] = (3, 2, 0) if count > 8 else (2, 4, 0.4)
    first = _fresh(dice, colours, (1, 1, 0), 0.3, [])
    one_size = dice.chance(0.5)
    crowd = [first if one_size else replace(first, size=tuple(SIZES)[dice.weighted(sizes)]) for _ in range(count)]
    others = _mixture(dice, dice.below(min(4, MOST_OBJECTS + 1 - count)), colours, sizes, patterned=0.2)
    return crowd + [other for other in others if (other.shape, other.colour) != (first.shape, first.colour)]


def _mixture(
    dice: Dice,
    count: int,
    colours: list[str],
    sizes: tuple[float, ...],
    *,
    patterned: float,
    world: World = WHOLE,
) -> list[Wanted]:
    wanted: list[Wanted] = []
    for _ in range(count):
        if wanted and dice.chance(world.again):
            again = dice.pick(wanted)
            size = again.size if dice.chance(0.5) else tuple(SIZES)[dice.weighted(sizes)]
            wanted.append(replace(again, size=size))
        else:
            wanted.append(_fresh(dice, colours, sizes, patterned, wanted, world.shapes))
    return wanted


def _fresh(
    dice: Dice,
    colours: list[str],
    sizes: tuple[float, ...],
    patterned: float,
    others: list[Wanted],
    shapes: tuple[str, ...] = SHAPES,
) -> Wanted:
    """A new object; it often shares its shape or its colour with another, so that both must be looked at."""
    shape, colour = dice.pick(shapes), dice.pick(colours)
    if others and dice.chance(0.4):
        twin = dice.pick(others)
        if dice.chance(0.5):
            shape = twin.shape
        else:
            colour = twin.colour
    pattern = PATTERNS[1 + dice.below(3)] if dice.chance(patterned) else "plain"
    return Wanted(shape, colour, pattern, tuple(SIZES)[dice.weighted(sizes)])


def place_objects(
    dice: Dice, wanted: list[Wanted], width: int, height: int, scale: float = 1.0
) -> tuple[list[Placed], npt.NDArray[np.uint8]]:
    """Find room for the objects, largest first; one that fits nowhere is made smaller, then left out.

    Returns the objects from back to front and the index of the front-most object (1-based, 0 is none)
    at each pixel.
    """
    owner = np.zeros((height, width), np.uint8)
    placed: list[Placed] = []
    crowding = dice.pick((1.12, 1.12, 0.8))
    for item in sorted(wanted, key=lambda w: -SIZES[w.size][0]):
        size: str | None = item.size
        while size is not None:
            if _place(dice, replace(item, size=size), placed, owner, crowding, scale):
                break
            size = _NEXT_SIZE.get(size)
    return placed, owner


def _place(
    dice: Dice, item: Wanted, placed: list[Placed], owner: npt.NDArray[np.uint8], crowding: float, scale: float
) -> bool:
    height, width = owner.shape
    radius = dice.between(*SIZES[item.size]) * scale * min(width, height)
    margin = radius * 1.1 + 1
    for _ in range(_ATTEMPTS):
        x, y = dice.between(margin, width - margin), dice.between(margin, height - margin)
        if _near_third(x / width) or _near_third(y / height):
            continue
        if not all(_apart(item, radius, x, y, other, crowding) for other in placed):
            continue
        new = _cut(dice, item, x, y, radius)
        if not _fits(new, width, height) or _covers_too_much(new, placed, owner):
            continue
        for index, hidden in _hidden(new, owner):
            placed[index].visible -= hidden
            if hidden >= CLEAR_COVER * placed[index].pixels:
                new.covers.append(index)
        owner[new.box][new.alpha >= 128] = len(placed) + 1
        placed.append(new)
        return True
    return False


def _fits(new: Placed, width: int, height: int) -> bool:
    rows, columns = new.box
    return new.left >= 1 and new.top >= 1 and rows.stop < height and columns.stop < width


def _near_third(share: float) -> bool:
    """Close to a border between thirds, where "left" and "center" would be a matter of taste."""
    return abs(share - 1 / 3) < 0.025 or abs(share - 2 / 3) < 0.025


def _apart(item: Wanted, radius: float, x: float, y: float, other: Placed, crowding: float) -> bool:
    same = item.colour == other.wanted.colour
    return hypot(x - other.x, y - other.y) >= (radius + other.radius) * (max(crowding, 1.06) if same else crowding)


def _hidden(new: Placed, owner: npt.NDArray[np.uint8]) -> list[tuple[int, int]]:
    """(index, pixels) of what the new object would hide of earlier ones."""
    counts = np.bincount(owner[new.box][new.alpha >= 128])
    return [(index - 1, hidden) for index, hidden in enumerate(counts.tolist()) if index and hidden]


def _covers_too_much(new: Placed, placed: list[Placed], owner: npt.NDArray[np.uint8]) -> bool:
    return any(
        placed[index].visible - hidden < LEAST_VISIBLE * placed[index].pixels for index, hidden in _hidden(new, owner)
    )


def _cut(dice: Dice, item: Wanted, x: float, y: float, radius: float) -> Placed:
    """Draw the object's cover with soft edges in its own small box."""
    tilt = radians(dice.between(-12, 12))
    flip = -1.0 if dice.chance(0.5) and item.shape != "key" else 1.0
    side = int(radius * 1.25) + 3
    left, top = int(x) - side, int(y) - side
    turn = np.array([[cos(tilt) * flip, sin(tilt) * flip], [-sin(tilt), cos(tilt)]], np.float32) * radius
    centre = np.array([x - left - 0.5, y - top - 0.5], np.float32)
    alpha = np.zeros((2 * side + 1, 2 * side + 1), np.uint8)
    for sign, polygon in outline(item.shape).parts:
        points = np.round((polygon @ turn + centre) * 16).astype(np.int32)
        cv2.fillPoly(alpha, [points], 255 if sign > 0 else 0, cv2.LINE_AA, 4)
    matrix = np.concatenate([turn, centre[None]]).astype(np.float32)
    alpha, left, top = _trim(alpha, left, top)
    matrix[2] -= (left - (int(x) - side), top - (int(y) - side))
    pixels = int(np.count_nonzero(alpha >= 128))
    return Placed(item, x, y, radius, matrix, left, top, alpha, pixels, pixels, [])


def _trim(alpha: npt.NDArray[np.uint8], left: int, top: int) -> tuple[npt.NDArray[np.uint8], int, int]:
    """Cut the empty border away."""
    x, y, w, h = cv2.boundingRect(alpha)
    return alpha[y : y + h, x : x + w], left + x, top + y
