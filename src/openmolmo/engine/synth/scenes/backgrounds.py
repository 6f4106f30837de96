"""Backgrounds: plain, gradient, grainy, blurred as out of focus, and outdoor (sky above ground)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from openmolmo.core.optional import require
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.graph import Background

cv2 = require("cv2", extra="synth")

__all__ = ["TONES", "avoided_colours", "choose_background", "paint_background"]

Picture = npt.NDArray[np.uint8]

TONES: dict[str, tuple[int, int, int]] = {
    "white": (252, 252, 252),
    "light gray": (208, 210, 212),
    "light blue": (186, 220, 246),
    "light green": (200, 236, 196),
    "light pink": (252, 218, 228),
    "beige": (242, 228, 200),
    "dark blue": (24, 34, 82),
    "dark green": (22, 66, 44),
    "dark gray": (64, 66, 70),
    "black": (14, 14, 16),
}
"""Background colour -> RGB."""

_SKIES = {"blue": ((120, 180, 240), (205, 230, 250)), "orange": ((244, 150, 80), (252, 214, 150))}
_GROUNDS = {"grass": (112, 176, 80), "sand": (226, 202, 146), "water": (52, 120, 176), "snow": (240, 244, 248)}

_AVOID = {
    "white": ("white",),
    "light gray": ("gray", "white"),
    "light blue": ("white",),
    "light green": ("white",),
    "light pink": ("pink", "white"),
    "beige": ("white", "yellow"),
    "dark blue": ("blue", "black", "purple"),
    "dark green": ("green", "black", "brown"),
    "dark gray": ("gray", "black", "brown"),
    "black": ("black", "brown"),
    "blue": ("blue", "white"),
    "orange": ("orange", "yellow"),
    "grass": ("green",),
    "sand": ("yellow", "white"),
    "water": ("blue",),
    "snow": ("white", "gray"),
}
"""Object colours that would be hard to see on each tone."""

_PALE = ("white", "light gray", "light blue", "light green", "light pink", "beige")
_DEEP = ("dark blue", "dark green", "dark gray", "black")


def avoided_colours(background: Background) -> set[str]:
    """Object colours that do not stand out from this background."""
    words = (*background.colours, background.ground)
    return {colour for word in words for colour in _AVOID.get(word, ())}


def choose_background(dice: Dice, *, calm: bool) -> Background:
    """A background; ``calm`` ones are plain or gently graded."""
    kinds, weights = ("plain", "gradient", "grainy", "blurred", "outdoor"), (30, 20, 18, 16, 16)
    kind = kinds[dice.weighted((70, 30) if calm else weights)]
    if kind == "outdoor":
        return Background(kind, (dice.pick(tuple(_SKIES)),), dice.pick(tuple(_GROUNDS)))
    family = _PALE if dice.chance(0.75) else _DEEP
    if kind == "gradient":
        return Background(kind, tuple(dice.sample(family, 2)))
    return Background(kind, (dice.pick(family),))


def paint_background(dice: Dice, background: Background, width: int, height: int) -> Picture:
    """The background as an array (height, width, 3), RGB, 0-255."""
    if background.kind == "outdoor":
        return _outdoor(dice, background, width, height)
    tone = _tone(dice, background.colours[0])
    if background.kind == "gradient":
        return _gradient(dice, tone, _tone(dice, background.colours[1]), width, height)
    if background.kind == "grainy":
        return _grainy(dice, tone, width, height)
    if background.kind == "blurred":
        return _blurred(dice, tone, width, height)
    return np.full((height, width, 3), tone.round().astype(np.uint8), np.uint8)


def _tone(dice: Dice, name: str) -> npt.NDArray[np.float32]:
    jitter = [dice.between(-5, 5) for _ in range(3)]
    return np.clip(np.array(TONES[name], np.float32) + np.array(jitter, np.float32), 0, 255)


def _gradient(
    dice: Dice, start: npt.NDArray[np.float32], end: npt.NDArray[np.float32], width: int, height: int
) -> Picture:
    corners = dice.pick((((0, 0), (1, 1)), ((0, 1), (0, 1)), ((0, 0.5), (0.5, 1)), ((0.5, 0), (1, 0.5))))
    share = cv2.resize(np.array(corners, np.float32), (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
    return np.asarray(start + share * (end - start) + 0.5).astype(np.uint8)


def _grain(dice: Dice, width: int, height: int, cell: int, strength: float) -> Picture:
    rows, columns = -(-height // cell), -(-width // cell)
    grain = dice.rng.integers(0, int(strength) + 1, (rows, columns), dtype=np.uint8)
    return cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR) if cell > 1 else grain


def _grainy(dice: Dice, tone: npt.NDArray[np.float32], width: int, height: int) -> Picture:
    strength = dice.between(24, 46)
    grain = cv2.add(
        _grain(dice, width, height, 2, strength), _grain(dice, width, height, 9 + dice.below(8), strength * 0.6)
    )
    base = np.clip(tone - strength * 0.6, 0, 255 - strength)
    picture = np.full((height, width, 3), base.astype(np.uint8), np.uint8)
    return np.asarray(cv2.add(picture, cv2.cvtColor(grain, cv2.COLOR_GRAY2RGB)), np.uint8)


def _blurred(dice: Dice, tone: npt.NDArray[np.float32], width: int, height: int) -> Picture:
    """Soft blobs of light of one tone, like a photograph's background out of focus."""
    cells = 4 + dice.below(4)
    low = tone + dice.rng.normal(0, 17, (cells, cells, 1)) + dice.rng.normal(0, 6, (cells, cells, 3))
    small = np.clip(low, 0, 255).astype(np.uint8)
    picture = cv2.resize(small, (64, 64), interpolation=cv2.INTER_CUBIC)
    glow = picture.copy()
    for _ in range(3 + dice.below(6)):
        light = np.clip(tone + dice.between(-30, 34), 0, 255).tolist()
        cv2.circle(glow, (dice.below(64), dice.below(64)), 3 + dice.below(6), light, -1, cv2.LINE_AA)
    mixed = cv2.blur(cv2.addWeighted(picture, 0.5, glow, 0.5, 0), (3, 3))
    return np.asarray(cv2.resize(mixed, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _outdoor(dice: Dice, background: Background, width: int, height: int) -> Picture:
    top, low = (np.array(c, np.float32) for c in _SKIES[background.colours[0]])
    ramp = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    column = (top + ramp * (low - top)).astype(np.uint8)[:, None]
    picture = np.repeat(column, width, axis=1)
    horizon = dice.between(0.45, 0.7) * height
    bend, phase = dice.between(0, 0.03) * height, dice.between(0, 6.3)
    xs = np.linspace(0, width, 13)
    ys = horizon + (bend * np.sin(xs / width * 5 + phase) if background.ground != "water" else 0 * xs)
    edge = np.concatenate([np.stack([xs, ys], 1), [[width, height], [0, height]]])
    ground = np.clip(np.array(_GROUNDS[background.ground]) + dice.between(-10, 8), 0, 255).tolist()
    cv2.fillPoly(picture, [np.round(edge * 16).astype(np.int32)], ground, cv2.LINE_AA, 4)
    shade = cv2.cvtColor(_grain(dice, width, height, 3, 14), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.subtract(picture, shade), np.uint8)
