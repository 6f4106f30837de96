"""Which things a picture holds, and where they go."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import cos, hypot, radians, sin

import numpy as np
import numpy.typing as npt

from openmolmo.core.optional import require
from openmolmo.engine.synth.icons.catalogue import KINDS, Kind, Sprite, pixels_of
from openmolmo.engine.synth.icons.stages import Slot, Stage
from openmolmo.engine.synth.scenes.dice import Dice

cv2 = require("cv2", extra="synth")

__all__ = ["MOST", "Placed", "Wanted", "choose", "choose_different", "place"]

MOST = 15
SIZES = {"small": (0.075, 0.09), "medium": (0.115, 0.135), "large": (0.17, 0.22)}
"""Size -> least and greatest half length of a thing, as a share of the picture's shorter side."""
_SMALLER = {"large": "medium", "medium": "small"}
LEAST_VISIBLE = 0.65
"""A thing covered by more than a third is hard to name and to point at."""
CLEAR_COVER = 0.04
"""Share of a thing that another hides before one says that it covers it."""
_ATTEMPTS = 24
_ALL = tuple(KINDS.values())


@dataclass(frozen=True)
class Wanted:
    """A thing that is to be in the picture."""

    kind: Kind
    sprite: Sprite
    size: str


@dataclass
class Placed:
    """A thing in the picture: centre and radius in pixels; its pixels (RGBA, premultiplied) in a box at left, top."""

    wanted: Wanted
    x: float
    y: float
    radius: float
    left: int
    top: int
    pixels: npt.NDArray[np.uint8]
    slot: Slot | None = None
    covers: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.solid = self.pixels[..., 3] >= 128
        self.area = self.visible = int(np.count_nonzero(self.solid))

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the box."""
        return slice(self.top, self.top + self.pixels.shape[0]), slice(self.left, self.left + self.pixels.shape[1])


def choose(dice: Dice, stage: Stage, *, crowd: bool) -> list[Wanted]:
    """The things wanted: a few kinds, some of them several times, or a crowd of one kind among others."""
    room = min(MOST, len(stage.slots) or MOST)
    first = _fresh(dice, stage, [])
    if crowd:
        count = min(room, 4 + dice.weighted([0.93**i for i in range(12)]))
        size = dice.pick(("small", "medium")) if count < 10 else "small"
        wanted = [Wanted(first, dice.pick(first.sprites), size) for _ in range(count)]
        return wanted + _others(dice, stage, [first], dice.below(min(4, MOST + 1 - count)))
    total = 1 + dice.weighted([1.2, 2.4, 2.6, 2.4, 2, 1.6, 1.2, 0.9, 0.6])
    if stage.slots:  # shelves and grids are mostly well filled
        total = max(1, room - dice.weighted((4, 2, 2, 1, 1)))
    return _others(dice, stage, [], min(total, room), first)


def choose_different(dice: Dice, stage: Stage, count: int) -> list[Wanted]:
    """``count`` things wanted of as many kinds, in medium size mostly: what teaches most kinds a picture."""
    kinds: list[Kind] = []
    for _ in range(count):
        kinds.append(_fresh(dice, stage, kinds))
    return [Wanted(kind, dice.pick(kind.sprites), tuple(SIZES)[dice.weighted((3, 5, 2))]) for kind in kinds]


def _others(dice: Dice, stage: Stage, kinds: list[Kind], count: int, first: Kind | None = None) -> list[Wanted]:
    found: list[Wanted] = []
    again = dice.pick((0.15, 0.35, 0.6))
    for _ in range(count):
        if found and dice.chance(again):
            kind = dice.pick(found).kind
        else:
            kind = first if first is not None and not found else _fresh(dice, stage, kinds)
            kinds = [*kinds, kind]
        size = tuple(SIZES)[dice.weighted((3, 4, 3) if count < 7 else (5, 4, 0.6))]
        found.append(Wanted(kind, dice.pick(kind.sprites), size))
    return found


def _fresh(dice: Dice, stage: Stage, others: list[Kind]) -> Kind:
    """A kind that nobody takes for one of the others; often of the same category, so that one must look closely."""
    taken = {name for other in others for name in other.kin}
    category = dice.pick(others).category if others and dice.chance(0.35) else ""
    for attempt in range(200):
        kind = dice.pick(_ALL)
        fits = not category or kind.category == category or attempt > 60
        if fits and kind.category not in stage.without and not taken & kind.kin:
            return kind
    raise AssertionError("more than a hundred sets of kin are free")


def place(
    dice: Dice, stage: Stage, wanted: list[Wanted], reserved: tuple[int, int, int, int] | None
) -> tuple[list[Placed], npt.NDArray[np.uint8]]:
    """Find room for the things; one that fits nowhere is made smaller, then left out.

    ``reserved``: left, top, right, bottom that stay free. Returns the things from back to front, and the index of
    the front-most one (from 1, 0 is none) at each pixel.
    """
    owner = np.zeros(stage.picture.shape[:2], np.uint8)
    placed: list[Placed] = []
    if stage.slots:
        slots = dice.sample(stage.slots, len(wanted))
        for item, slot in zip(wanted, slots, strict=True):
            _keep(_in_slot(dice, stage, item, slot), placed, owner)
        return placed, owner
    crowding = dice.pick((1.0, 1.0, 0.72)) if len(wanted) < 8 else 0.95
    order = sorted(wanted, key=lambda w: -SIZES[w.size][0])
    if stage.band is not None:
        order.reverse()  # the small ones are far away, so they stand behind
    for item in order:
        size: str | None = item.size
        while size is not None:
            if _find_room(dice, stage, Wanted(item.kind, item.sprite, size), placed, owner, crowding, reserved):
                break
            size = _SMALLER.get(size)
    return placed, owner


def _find_room(
    dice: Dice,
    stage: Stage,
    item: Wanted,
    placed: list[Placed],
    owner: npt.NDArray[np.uint8],
    crowding: float,
    reserved: tuple[int, int, int, int] | None,
) -> bool:
    height, width = owner.shape
    radius = dice.between(*SIZES[item.size]) * min(width, height)
    pixels = _turned(dice, item.sprite, radius, upright=stage.upright)
    tall, wide = pixels.shape[0] / 2 + 1, pixels.shape[1] / 2 + 1
    for _ in range(_ATTEMPTS):
        x, y = dice.between(wide + 1, width - wide - 1), dice.between(tall + 1, height - tall - 1)
        if stage.band is not None:
            y = _depth(dice, stage.band, item.size) * height - tall
        if tall >= y or y >= height - tall or _near_third(x / width) or _near_third(y / height):
            continue
        new = Placed(item, x, y, radius, round(x - wide + 1), round(y - tall + 1), pixels)
        if not all(_apart(new, other, crowding, stage) for other in placed) or _meets(new, reserved):
            continue
        if _covers_too_much(new, placed, owner):
            continue
        _keep(new, placed, owner)
        return True
    return False


def _depth(dice: Dice, band: tuple[float, float], size: str) -> float:
    """Where its feet are: small things are far away, large ones near."""
    rank = tuple(SIZES).index(size)
    return band[0] + (band[1] - band[0]) * (rank + dice.random()) / len(SIZES)


def _in_slot(dice: Dice, stage: Stage, item: Wanted, slot: Slot) -> Placed:
    radius = slot.radius * dice.between(0.8, 1.0) * (1.0 if stage.upright else 0.8)  # turned things need more room
    share = radius / min(stage.picture.shape[:2])
    size = "small" if share < 0.1 else "medium" if share < 0.155 else "large"
    pixels = _turned(dice, item.sprite, radius, upright=stage.upright)
    tall, wide = pixels.shape[:2]
    top = slot.y - tall if slot.cell is None else slot.y - tall / 2
    height, width = stage.picture.shape[:2]
    left, top = min(max(0, round(slot.x - wide / 2)), width - wide), min(max(0, round(top)), height - tall)
    item = Wanted(item.kind, item.sprite, size)
    return Placed(item, left + wide / 2, top + tall / 2, radius, left, top, pixels, slot)


def _keep(new: Placed, placed: list[Placed], owner: npt.NDArray[np.uint8]) -> None:
    for index, hidden in _hidden(new, owner):
        placed[index].visible -= hidden
        if hidden >= CLEAR_COVER * placed[index].area:
            new.covers.append(index)
    owner[new.box][new.solid] = len(placed) + 1
    placed.append(new)


def _near_third(share: float) -> bool:
    """Close to a border between thirds, where "left" and "center" would be a matter of taste."""
    return abs(share - 1 / 3) < 0.02 or abs(share - 2 / 3) < 0.02


def _apart(new: Placed, other: Placed, crowding: float, stage: Stage) -> bool:
    """Far enough from each other; two of a kind never overlap much, for they could not be counted."""
    if stage.band is not None:
        gap = abs(new.x - other.x) / (new.pixels.shape[1] + other.pixels.shape[1]) * 2
        return gap >= crowding or abs(new.y - other.y) > new.radius + other.radius
    need = max(crowding, 1.0) if new.wanted.kind is other.wanted.kind else crowding
    return hypot(new.x - other.x, new.y - other.y) >= (new.radius + other.radius) * need


def _meets(new: Placed, box: tuple[int, int, int, int] | None) -> bool:
    if box is None:
        return False
    left, top, right, bottom = box
    rows, columns = new.box
    return new.left < right and columns.stop > left and new.top < bottom and rows.stop > top


def _hidden(new: Placed, owner: npt.NDArray[np.uint8]) -> list[tuple[int, int]]:
    """(index, pixels) of what the new thing would hide of earlier ones."""
    counts = np.bincount(owner[new.box][new.solid])
    return [(index - 1, hidden) for index, hidden in enumerate(counts.tolist()) if index and hidden]


def _covers_too_much(new: Placed, placed: list[Placed], owner: npt.NDArray[np.uint8]) -> bool:
    for index, hidden in _hidden(new, owner):
        other = placed[index]
        same = other.wanted.kind is new.wanted.kind
        if other.visible - hidden < (0.92 if same else LEAST_VISIBLE) * other.area:
            return True
    return False


def _turned(dice: Dice, sprite: Sprite, radius: float, *, upright: bool) -> npt.NDArray[np.uint8]:
    """(H, W, 4) RGBA, premultiplied: the drawing so large that its longer half is ``radius``, a little turned."""
    source = pixels_of(sprite, 2 * radius)
    tall, wide = source.shape[:2]
    scale = 2 * radius / max(tall, wide)
    turn = radians(dice.between(-4, 4) if upright else dice.between(-28, 28))
    if dice.chance(0.25) and sprite.drawing not in _LETTERED:
        source = source[:, ::-1]
    c, s = cos(turn) * scale, sin(turn) * scale
    width, height = int(abs(wide * c) + abs(tall * s)) + 3, int(abs(wide * s) + abs(tall * c)) + 3
    matrix = np.array(
        [
            [c, -s, width / 2 - c * wide / 2 + s * tall / 2],
            [s, c, height / 2 - s * wide / 2 - c * tall / 2],
        ],
        np.float64,
    )
    turned = cv2.warpAffine(np.ascontiguousarray(source), matrix, (width, height), flags=cv2.INTER_LINEAR)
    left, top, w, h = cv2.boundingRect(np.ascontiguousarray(turned[..., 3]))
    return np.asarray(turned[top : top + h, left : left + w], np.uint8)


_LETTERED = frozenset(
    {
        "hospital",
        "hotel",
        "bank",
        "dollar-banknote",
        "money-bag",
        "red-envelope",
        "pool-8-ball",
        "tear-off-calendar",
        "world-map",
        "globe-showing-americas",
        "alarm-clock",
        "watch",
        "mantelpiece-clock",
        "stopwatch",
        "pager",
    }
)
"""Drawings with writing, or that are known by which side is left: never mirrored."""
