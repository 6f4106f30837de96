"""Hands: a profile per style, turned to the angles of the time."""

from __future__ import annotations

import numpy as np

from openmolmo.core.optional import require
from openmolmo.engine.synth.clocks.canvas import Canvas, Points, circle, rotated
from openmolmo.engine.synth.clocks.dice import Dice
from openmolmo.engine.synth.clocks.look import Look
from openmolmo.engine.synth.clocks.moment import Moment
from openmolmo.engine.synth.clocks.palette import Colour, mix, rgb
from openmolmo.engine.synth.clocks.shapes import Shape

cv2 = require("cv2", extra="synth")

__all__ = ["HANDS", "draw_hands", "hand_polygon"]

# (half-width in units of the style's width, place along the hand: 0 the axis, 1 the tip)
_Profile = tuple[tuple[float, float], ...]
HANDS: dict[str, _Profile] = {
    "baton": ((1.0, 0.0), (1.0, 1.0)),
    "tapered": ((1.3, 0.0), (0.5, 1.0)),
    "dauphine": ((0.7, 0.0), (1.6, 0.14), (0.05, 1.0)),
    "sword": ((0.6, 0.0), (0.6, 0.1), (1.35, 0.74), (0.05, 1.0)),
    "leaf": ((0.4, 0.0), (0.5, 0.08), (1.15, 0.26), (1.35, 0.42), (1.1, 0.65), (0.55, 0.87), (0.1, 1.0)),
    "alpha": ((0.45, 0.0), (0.45, 0.14), (1.5, 0.19), (0.05, 1.0)),
    "pencil": ((1.0, 0.0), (1.0, 0.9), (0.05, 1.0)),
    "lozenge": ((0.4, 0.0), (0.4, 0.25), (1.7, 0.6), (0.05, 1.0)),
    "arrow": ((0.7, 0.0), (0.6, 0.72), (1.9, 0.72), (0.05, 1.0)),
    "spade": ((0.5, 0.0), (0.45, 0.6), (1.5, 0.66), (1.75, 0.74), (1.1, 0.82), (0.35, 0.88), (0.1, 1.0)),
    "breguet": ((0.75, 0.0), (0.5, 0.8), (0.12, 1.0)),
    "syringe": ((1.1, 0.0), (1.1, 0.68), (0.35, 0.74), (0.3, 1.0)),
    "skeleton": ((1.2, 0.0), (1.2, 0.86), (0.05, 1.0)),
    "mercedes": ((0.8, 0.0), (0.8, 0.85), (0.05, 1.0)),
    "block": ((1.7, 0.0), (1.5, 1.0)),
}
_INLAID = {"baton", "sword", "pencil", "syringe", "alpha", "leaf", "block", "mercedes"}


def hand_polygon(style: str, length: float, width: float, tail: float) -> Points:
    """One hand pointing at 12, axis at the origin; ``tail`` reaches back past the axis."""
    profile = np.array(HANDS[style])
    side = np.stack([profile[:, 0] * width, -profile[:, 1] * length], 1)
    if tail > 0:
        side = np.concatenate([[[side[0, 0] * 0.9, tail]], side])
    return np.concatenate([side, side[::-1] * (-1.0, 1.0)])


def draw_hands(canvas: Canvas, dice: Dice, moment: Moment, look: Look, shape: Shape) -> None:
    """Hour, minute and (where shown) second hand, with a soft shadow under half of them."""
    hour, minute, second = moment.hand_angles()
    reach = shape.smaller
    tail = dice.pick((0.0, 0.0, 0.12, 0.18, 0.22))
    wide = look.width * dice.between(1.15, 1.6)
    hands = [
        (hour, look.hour_length * reach, wide, tail),
        (minute, look.minute_length * reach, look.width, tail * 1.1),
    ]
    polygons = [rotated(hand_polygon(look.hands, length, width, back), turn) for turn, length, width, back in hands]
    if second is not None:
        second_parts = [rotated(part, second) for part in _second_hand(look.second_style, 0.9 * reach)]
    if dice.chance(0.5):
        _shadow(canvas, dice, polygons + (second_parts if second is not None else []), reach)
    edge = mix(look.hand_colour, rgb(0x000000), 0.45) if dice.chance(0.4) else None
    for polygon, (turn, length, width, _) in zip(polygons, hands, strict=True):
        canvas.fill(polygon, look.hand_colour)
        if edge is not None:
            canvas.line(polygon, 0.008, edge, closed=True)
        _inlay(canvas, look, turn, length, width)
    cap = look.width * dice.between(1.2, 2.0)
    canvas.disc(0, 0, cap, look.hand_colour)
    if second is not None:
        canvas.fill_all(second_parts[:1], look.second_colour)
        for part in second_parts[1:]:
            canvas.fill(part, look.second_colour)
        canvas.disc(0, 0, cap * 0.75, look.second_colour)
    canvas.disc(0, 0, cap * 0.35, mix(look.hand_colour, rgb(0x777777), 0.6))


def _inlay(canvas: Canvas, look: Look, turn: float, length: float, width: float) -> None:
    """Luminous filling, the open middle of a skeleton hand, the ring of a Breguet or Mercedes one."""
    if look.hands == "breguet" or (look.hands == "mercedes" and length < 0.62):
        at = rotated(np.array([[0.0, -0.72 * length]]), turn)[0]
        size = (1.9 if look.hands == "breguet" else 2.4) * width
        canvas.disc(at[0], at[1], size, look.hand_colour)
        canvas.disc(at[0], at[1], size * 0.62, look.lume or look.paper)
        return
    colour: Colour | None = look.paper if look.hands == "skeleton" else look.lume
    if colour is None or (look.hands not in _INLAID and look.hands != "skeleton"):
        return
    low, high = 0.24 * length, (0.66 if look.hands in {"syringe", "sword"} else 0.84) * length
    half = 0.5 * width
    inner = np.array([[-half, -low], [half, -low], [half, -high], [-half, -high]])
    canvas.fill(rotated(inner, turn), colour)


def _second_hand(style: str, length: float) -> list[Points]:
    thin = 0.011
    stick = np.array([[-thin, 0.2], [thin, 0.2], [thin * 0.8, -length], [-thin * 0.8, -length]])
    if style == "counterweight":
        return [stick, circle(24) * 0.045 + (0.0, 0.2)]
    if style == "lollipop":
        return [stick, circle(24) * 0.05 + (0.0, -0.66 * length)]
    if style == "paddle":
        return [stick, circle(24) * 0.085 + (0.0, -0.72 * length)]
    if style == "arrow":
        return [stick, np.array([[0.0, -length], [0.04, -length + 0.1], [-0.04, -length + 0.1]])]
    return [stick]


def _shadow(canvas: Canvas, dice: Dice, polygons: list[Points], reach: float) -> None:
    """Darken the dial beside the hands, softly, on the side away from the light."""
    view = canvas.window(-reach, -reach, reach, reach)
    height, width = view.shape[0] // 2, view.shape[1] // 2
    mask = np.zeros((height, width), np.uint8)
    shift = np.array([dice.between(-0.03, 0.03), dice.between(0.015, 0.045)])
    scale = canvas.unit / 2 * 16
    cut = [((polygon + shift + reach) * scale).astype(np.int32) for polygon in polygons]
    strength = dice.whole(35, 85)
    for polygon in cut:
        cv2.fillPoly(mask, [polygon], strength, cv2.LINE_8, 4)
    mask = cv2.blur(mask, (5, 5))
    mask = cv2.resize(mask, (view.shape[1], view.shape[0]), interpolation=cv2.INTER_LINEAR)
    cv2.subtract(view, cv2.merge([mask, mask, mask, np.zeros_like(mask)]), dst=view)
