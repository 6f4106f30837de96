"""Surroundings in which things stand: what they are called, how they are painted, and where they have room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmolmo.core.optional import require
from openmolmo.engine.synth.icons.scene import Setting
from openmolmo.engine.synth.scenes.backgrounds import TONES, choose_background, paint_background
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.graph import Background

cv2 = require("cv2", extra="synth")

__all__ = ["Slot", "Stage", "choose_stage"]

Picture = npt.NDArray[np.uint8]

_LIGHT = ("white", "light gray", "light blue", "light green", "light pink", "beige")
_CLOTHS = {"red": (206, 62, 58), "blue": (84, 128, 206), "green": (104, 168, 106), "yellow": (240, 206, 96)}
_FLOORS = {"wooden": (176, 128, 84), "gray": (150, 152, 156), "beige": (214, 196, 164)}
_SKIES = {"blue": ((122, 184, 242), (206, 230, 250)), "orange": ((246, 166, 96), (252, 220, 166))}
SHELVES = {1: ("",), 2: ("top", "bottom"), 3: ("top", "middle", "bottom")}


@dataclass(frozen=True)
class Slot:
    """Room for one thing: centre and radius in pixels, on a shelf or in a cell (row, column, from one)."""

    x: float
    y: float
    radius: float
    shelf: str = ""
    cell: tuple[int, int] | None = None


@dataclass(frozen=True)
class Stage:
    """A painted picture with room in it.

    ``slots``: fixed places, or none. ``band``: share of the height, from and to, in which the feet of things stand
    on the ground (none: they lie anywhere). ``upright``: nothing is turned far. ``without``: categories that would
    be taken for something painted. ``sign``: centre of a sign in shares of width and height.
    """

    setting: Setting
    picture: Picture
    slots: tuple[Slot, ...] = ()
    band: tuple[float, float] | None = None
    upright: bool = False
    without: tuple[str, ...] = ()
    sign: tuple[float, float] | None = None


def choose_stage(dice: Dice, width: int, height: int, *, crowd: bool) -> Stage:
    """Surroundings and their picture; a ``crowd`` needs the whole picture."""
    makers: tuple[tuple[float, Callable[[Dice, int, int], Stage]], ...] = _MAKERS
    weights = [weight * (maker in _OPEN or not crowd) for weight, maker in makers]
    return makers[dice.weighted(weights)][1](dice, width, height)


def _plain(dice: Dice, width: int, height: int) -> Stage:
    while True:
        background = choose_background(dice, calm=dice.chance(0.3))
        if background.kind != "outdoor":
            break
    picture = paint_background(dice, background, width, height)
    return Stage(Setting(background.kind, background.colours), picture, sign=_corner(dice))


def _outdoor(dice: Dice, width: int, height: int) -> Stage:
    background = Background("outdoor", (dice.pick(("blue", "orange")),), dice.pick(("grass", "sand", "snow")))
    picture = paint_background(dice, background, width, height)
    setting = Setting("outdoor", background.colours, background.ground)
    return Stage(setting, picture, band=(0.72, 0.98), upright=True, without=("sky thing",), sign=_above(dice))


def _cloth(dice: Dice, width: int, height: int) -> Stage:
    """Checks or stripes of a colour and white, as a table cloth."""
    colour = dice.pick(tuple(_CLOTHS))
    kind = dice.pick(("checked", "striped"))
    period = min(width, height) / dice.between(5, 9)
    tone, pale = np.array(_CLOTHS[colour], np.float32), np.array((250, 248, 244), np.float32)
    across = (np.arange(width, dtype=np.float32) / period % 1 < 0.5).astype(np.float32)
    down = (np.arange(height, dtype=np.float32) / period % 1 < 0.5).astype(np.float32)
    if kind == "checked":
        share = (across[None] + down[:, None]) / 2
    else:
        share = np.broadcast_to(across[None] if dice.chance(0.5) else down[:, None], (height, width))
    picture = pale + (share * np.float32(dice.between(0.55, 0.9)))[..., None] * (tone - pale)
    return Stage(Setting(kind, (colour, "white")), picture.astype(np.uint8))


def _wooden(dice: Dice, width: int, height: int) -> Stage:
    tone = np.array(dice.pick(((190, 140, 92), (150, 104, 66), (214, 176, 128))), np.float32)
    picture = np.full((height, width, 3), tone, np.uint8)
    _boards(dice, picture, tone, lines=4 + dice.below(4))
    return Stage(Setting("wooden"), picture)


def _boards(dice: Dice, picture: Picture, tone: npt.NDArray[np.float32], lines: int) -> None:
    """Planks with grain, in place."""
    height, width = picture.shape[:2]
    grain = dice.rng.integers(0, 22, (max(2, height // 2), max(2, width // 24)), dtype=np.uint8)
    picture[...] = cv2.subtract(picture, cv2.cvtColor(cv2.resize(grain, (width, height)), cv2.COLOR_GRAY2RGB))
    dark = (tone * 0.72).tolist()
    for line in range(1, lines):
        y = height * line // lines
        cv2.line(picture, (0, y), (width, y), dark, 1 + height // 300)


def _room(dice: Dice, width: int, height: int) -> Stage:
    wall, floor = dice.pick(_LIGHT), dice.pick(tuple(_FLOORS))
    picture = np.full((height, width, 3), TONES[wall], np.uint8)
    edge = round(height * dice.between(0.5, 0.58))
    if dice.chance(0.5):  # wallpaper
        step = max(6, width // (10 + dice.below(8)))
        for x in range(0, width, step):
            picture[:edge, x : x + step // 3] = (np.array(TONES[wall]) * 0.95).astype(np.uint8)
    picture[edge:] = _FLOORS[floor]
    if floor == "wooden":
        _boards(dice, picture[edge:], np.array(_FLOORS[floor], np.float32), lines=4)
    board = max(3, height // 40)
    picture[edge - board : edge] = (246, 244, 240) if wall != "white" else (206, 204, 200)
    setting = Setting("room", (wall,), floor)
    return Stage(setting, picture, band=(0.64, 0.98), upright=True, without=("sky thing",), sign=_above(dice))


def _street(dice: Dice, width: int, height: int) -> Stage:
    sky = dice.pick(tuple(_SKIES))
    top, low = (np.array(tone, np.float32) for tone in _SKIES[sky])
    ramp = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    picture = np.repeat((top + ramp * (low - top)).astype(np.uint8)[:, None], width, axis=1)
    edge, x = round(height * 0.56), 0
    while x < width:  # the fronts behind
        wide = round(width * dice.between(0.14, 0.26))
        roof = edge - round(height * dice.between(0.2, 0.42))
        tone = np.array(dice.pick(((196, 182, 172), (176, 184, 196), (206, 176, 158), (188, 196, 182))))
        picture[roof:edge, x : x + wide] = tone
        pane = max(3, wide // 7)
        for left in range(x + pane, x + wide - pane, 2 * pane):
            for up in range(roof + pane, edge - pane, 2 * pane):
                picture[up : up + pane, left : left + pane] = (tone * 0.72).astype(np.uint8)
        x += wide
    picture[edge : edge + height // 9] = (198, 198, 194)  # pavement
    picture[edge + height // 9 :] = (96, 98, 104)
    dash, middle = max(6, width // 10), edge + height // 9 + (height - edge - height // 9) // 2
    for left in range(dice.below(dash), width, 2 * dash):
        picture[middle : middle + max(2, height // 90), left : left + dash] = (236, 232, 210)
    without = ("building", "outdoor thing", "sky thing")
    return Stage(
        Setting("street", (sky,)), picture, band=(0.64, 0.98), upright=True, without=without, sign=_above(dice)
    )


def _shelves(dice: Dice, width: int, height: int) -> Stage:
    rows, columns = 1 + dice.weighted((2, 5, 4)), 3 + dice.below(4)
    wall = dice.pick(_LIGHT)
    picture = np.full((height, width, 3), TONES[wall], np.uint8)
    wood = np.array(dice.pick(((160, 112, 70), (196, 148, 100), (120, 82, 54))), np.float32)
    thick, tall = max(4, height // 32), height / rows
    slots = []
    for row in range(rows):
        base = round((row + 0.9) * tall)
        picture[base : base + thick] = wood.astype(np.uint8)
        picture[base + thick : base + thick + max(1, thick // 3)] = (np.array(TONES[wall]) * 0.8).astype(np.uint8)
        radius = min(width / columns, tall * 0.8) * 0.44
        for column in range(columns):
            x = (column + 0.5 + dice.between(-0.06, 0.06)) * width / columns
            slots.append(Slot(x, base, radius, SHELVES[rows][row]))
    return Stage(Setting("shelves", (wall,), rows=rows), picture, tuple(slots), upright=True)


def _grid(dice: Dice, width: int, height: int) -> Stage:
    rows, columns = 2 + dice.below(3), 2 + dice.below(3)
    tone = dice.pick(_LIGHT)
    picture = np.full((height, width, 3), TONES[tone], np.uint8)
    line = max(1, min(width, height) // 120)
    for row in range(1, rows):
        cv2.line(picture, (0, height * row // rows), (width, height * row // rows), (70, 72, 78), line)
    for column in range(1, columns):
        cv2.line(picture, (width * column // columns, 0), (width * column // columns, height), (70, 72, 78), line)
    radius = min(width / columns, height / rows) * 0.42
    slots = tuple(
        Slot((c + 0.5) * width / columns, (r + 0.5) * height / rows, radius, cell=(r + 1, c + 1))
        for r in range(rows)
        for c in range(columns)
    )
    return Stage(Setting("grid", (tone,), rows=rows, columns=columns), picture, slots)


def _corner(dice: Dice) -> tuple[float, float]:
    return dice.pick((0.2, 0.5, 0.8)), dice.pick((0.12, 0.88))


def _above(dice: Dice) -> tuple[float, float]:
    return dice.between(0.25, 0.75), dice.between(0.14, 0.3)


_OPEN = (_plain, _cloth, _wooden)
"""Surroundings in which things lie anywhere."""

_MAKERS = (
    (5, _plain),
    (2, _cloth),
    (2, _wooden),
    (2.5, _outdoor),
    (2.5, _room),
    (2.5, _street),
    (3, _shelves),
    (2, _grid),
)
