"""Backgrounds: plain, graded, patterned, and out-of-focus ones that look like photographs.

All are composed small (64 pixels or less) and enlarged: smooth, cheap, and like a lens's blur.
"""

from __future__ import annotations

import numpy as np

from openmolmo.core.optional import require
from openmolmo.engine.synth.clocks.canvas import Pixels
from openmolmo.engine.synth.clocks.dice import Dice
from openmolmo.engine.synth.clocks.palette import any_colour, choose, mix, rgb
from openmolmo.engine.synth.clocks.textures import GRAINS, grain

cv2 = require("cv2", extra="synth")

__all__ = ["BACKGROUNDS", "add_grain", "draw_background"]

_SMALL = 64
_RATES = tuple(
    zip(
        (2, 2, 2, 2, 2, 1, 1, 1),
        ("plain", "gradient", "clouds", "bokeh", "room", "wood", "tiles", "fabric"),
        strict=True,
    )
)


def draw_background(dice: Dice, size: int) -> tuple[Pixels, str]:
    """A picture (size, size, 3), BGR, and the kind's name."""
    kind = dice.weighted(_RATES)
    return BACKGROUNDS[kind](dice, size), kind


def add_grain(picture: Pixels, dice: Dice, strength: float) -> None:
    """Sensor noise, in place; ``strength`` 1 is a standard deviation of about 32 levels."""
    size = picture.shape[0]
    noise = grain(dice.whole(0, GRAINS - 1))
    y, x = dice.whole(0, noise.shape[0] - size), dice.whole(0, noise.shape[1] - size)
    cv2.addWeighted(picture, 1.0, noise[y : y + size, x : x + size], strength, -128.0 * strength, dst=picture)


def _enlarge(small: Pixels, size: int, *, sharp: bool = False) -> Pixels:
    how = cv2.INTER_LINEAR if sharp or small.shape[0] > 16 else cv2.INTER_CUBIC
    result: Pixels = cv2.resize(small, (size, size), interpolation=how)
    return result


def _base(dice: Dice) -> tuple[int, int, int, int]:
    return choose(dice, "wall", "wall", "pastel", "wood", "stone") if dice.chance(0.7) else any_colour(dice)


def _plain(dice: Dice, size: int) -> Pixels:
    return np.full((size, size, 3), _base(dice)[:3], np.uint8)


def _gradient(dice: Dice, size: int) -> Pixels:
    base = _base(dice)
    corners = [mix(base, any_colour(dice), dice.between(0, 0.6))[:3] for _ in range(4)]
    return _enlarge(np.array(corners, np.uint8).reshape(2, 2, 3), size, sharp=True)


def _clouds(dice: Dice, size: int) -> Pixels:
    """Uneven light on a rough wall: noise of three sizes."""
    base, contrast = np.array(_base(dice)[:3], np.float32), dice.between(12, 45)
    small = np.zeros((_SMALL, _SMALL, 3), np.float32) + base
    for cells, share in ((4, 1.0), (12, 0.5), (40, 0.3)):
        noise = dice.rng.random((cells, cells, 1), np.float32) - 0.5
        tint = dice.rng.random((cells, cells, 3), np.float32) - 0.5
        small += cv2.resize(noise + 0.4 * tint, (_SMALL, _SMALL), interpolation=cv2.INTER_CUBIC) * contrast * 2 * share
    return _enlarge(np.clip(small, 0, 255).astype(np.uint8), size)


def _bokeh(dice: Dice, size: int) -> Pixels:
    """Lights out of focus."""
    dark = mix(any_colour(dice), rgb(0x101010), 0.5)
    small = np.full((_SMALL, _SMALL, 3), dark[:3], np.uint8)
    layer = np.zeros_like(small)
    for _ in range(dice.whole(8, 22)):
        colour = mix(choose(dice, "bright", "gold", "white", "pastel"), dark, dice.between(0.3, 0.85))
        centre = (dice.whole(0, _SMALL), dice.whole(0, _SMALL))
        cv2.circle(layer, centre, dice.whole(2, 8), colour[:3], -1, cv2.LINE_AA)
        cv2.addWeighted(small, 1.0, layer, 0.6, 0, dst=small)
        cv2.circle(layer, centre, 12, (0, 0, 0), -1)
    return _enlarge(cv2.blur(small, (3, 3)), size)


def _room(dice: Dice, size: int) -> Pixels:
    """A blurred interior: wall, furniture, window, table."""
    small = np.full((_SMALL, _SMALL, 3), _base(dice)[:3], np.uint8)
    for _ in range(dice.whole(4, 9)):
        x, y, w, h = (dice.whole(-10, _SMALL), dice.whole(-10, _SMALL), dice.whole(5, 40), dice.whole(5, 40))
        cv2.rectangle(small, (x, y), (x + w, y + h), any_colour(dice)[:3], -1)
    if dice.chance(0.6):
        edge = dice.whole(36, 58)
        small[edge:] = choose(dice, "wood", "stone", "wall")[:3]
    blur = dice.pick((3, 5, 9, 13))
    return _enlarge(cv2.blur(cv2.blur(small, (blur, blur)), (blur, blur)), size)


def _wood(dice: Dice, size: int) -> Pixels:
    """Boards with grain, along or across."""
    base = np.array(choose(dice, "wood")[:3], np.float32)
    noise = cv2.resize(dice.rng.random((64, 4, 1), np.float32) - 0.5, (size, size), interpolation=cv2.INTER_LINEAR)
    fine = cv2.resize(dice.rng.random((size, 3), np.float32) - 0.5, (size, size), interpolation=cv2.INTER_LINEAR)
    level = 1.0 + 0.35 * noise + 0.14 * fine
    boards = dice.pick((0, 3, 4, 6))
    for i in range(1, boards):
        y = i * size // boards
        level[y : y + max(1, size // 128)] *= 0.55
    picture: Pixels = np.clip(level[:, :, None] * base, 0, 255).astype(np.uint8)
    return picture if dice.chance(0.6) else np.ascontiguousarray(picture.transpose(1, 0, 2))


def _tiles(dice: Dice, size: int) -> Pixels:
    """Tiles or bricks with joints."""
    picture = _gradient(dice, size)
    joint = mix(_base(dice), rgb(0xCCCCCC), 0.5)[:3]
    step, thick = dice.whole(size // 9, size // 4), max(1, size // dice.pick((64, 96, 128)))
    brick = dice.chance(0.5)
    for row, y in enumerate(range(0, size, step if not brick else step // 2)):
        cv2.rectangle(picture, (0, y), (size, y + thick - 1), joint, -1)
        below = y + (step // 2 if brick else step)
        for x in range((step // 2) * (row % 2) if brick else 0, size, step):
            cv2.rectangle(picture, (x, y), (x + thick - 1, below), joint, -1)
    return picture


def _fabric(dice: Dice, size: int) -> Pixels:
    """Stripes or checks of cloth, or papered walls."""
    first, second = _base(dice), any_colour(dice)
    count = dice.whole(6, 40)
    row = np.array([mix(first, second, 0.35 * (i % 2) + dice.between(0, 0.1))[:3] for i in range(count)], np.uint8)
    picture: Pixels = cv2.resize(
        row[None], (size, size), interpolation=cv2.INTER_NEAREST if count < 16 else cv2.INTER_AREA
    )
    if dice.chance(0.5):
        picture = cv2.addWeighted(picture, 0.5, cv2.transpose(picture), 0.5, 0)
    return picture if dice.chance(0.5) else np.ascontiguousarray(picture.transpose(1, 0, 2))


BACKGROUNDS = {
    "plain": _plain,
    "gradient": _gradient,
    "clouds": _clouds,
    "bokeh": _bokeh,
    "room": _room,
    "wood": _wood,
    "tiles": _tiles,
    "fabric": _fabric,
}
