"""Parts that several bodies share: metal cases, straps, bracelets, crowns, boards of wood."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from openmolmo.engine.synth.clocks.canvas import Canvas, Points, box, circle, rotated, rounded_box
from openmolmo.engine.synth.clocks.dice import Dice
from openmolmo.engine.synth.clocks.palette import Colour, choose, grey, mix
from openmolmo.engine.synth.clocks.shapes import Shape
from openmolmo.engine.synth.clocks.textures import metal_texture

__all__ = ["BLACK", "WHITE", "bracelet", "case", "crown", "lugs", "metal", "screws", "strap", "wood_grain"]

BLACK, WHITE = grey(0), grey(255)


def metal(dice: Dice) -> Colour:
    """The colour of a watch case."""
    return choose(dice, "steel", "steel", "steel", "gold", "gold", "rose", "gunmetal")


def case(canvas: Canvas, dice: Dice, shape: Shape, width: float, colour: Colour, *, shiny: float = 0.6) -> None:
    """A ring around the dial: dark edge, body with a turned sheen, a polished inner lip."""
    outer = shape.grown(width)
    canvas.fill(outer.outline(), mix(colour, BLACK, 0.45))
    canvas.fill(shape.grown(width * 0.92).outline(), colour)
    if dice.chance(shiny):
        x, y = outer.half_width, outer.half_height
        canvas.shade(metal_texture(dice.whole(0, 4), shape.power), (-x, -y, x, y), dice.between(0.4, 1.0))
    lip = mix(colour, WHITE, 0.4) if dice.chance(0.5) else mix(colour, BLACK, 0.35)
    canvas.fill(shape.grown(width * 0.3).outline(), lip)
    canvas.fill(shape.grown(0.02).outline(), mix(colour, BLACK, 0.6))


def crown(canvas: Canvas, dice: Dice, reach: float, colour: Colour, *, pushers: bool = False) -> None:
    """The winding crown at 3, with two pushers on chronographs."""
    size = dice.between(0.07, 0.11)
    canvas.box(reach - 0.03, -size, reach + 0.13, size, mix(colour, BLACK, 0.3), 0.03)
    grooves = [box(reach + 0.02, y - 0.008, reach + 0.12, y + 0.008) for y in np.linspace(-size * 0.7, size * 0.7, 4)]
    canvas.fill_all(grooves, mix(colour, WHITE, 0.35))
    if pushers:
        for side in (-1, 1):
            stem = rotated(rounded_box(-0.07, -reach - 0.13, 0.07, -reach + 0.05, 0.02), math.pi / 2 + side * 0.52)
            canvas.fill(stem, mix(colour, BLACK, 0.2))


def lugs(canvas: Canvas, half_width: float, reach: float, colour: Colour) -> None:
    """The four horns that hold the strap."""
    inside, outside = half_width - 0.04, half_width + 0.15
    horn = np.array([[inside, -reach * 0.55], [outside, -reach * 0.5], [outside - 0.05, -reach - 0.28]])
    horn = np.concatenate([horn, [[inside, -reach - 0.24]]])
    corners = [horn * (sx, sy) for sx in (-1, 1) for sy in (-1, 1)]
    canvas.fill_all(corners, mix(colour, BLACK, 0.18))


def strap(canvas: Canvas, dice: Dice, half_width: float, length: float, colour: Colour) -> None:
    """A strap above and below, with stitching or grooves."""
    narrow = half_width * dice.between(0.8, 0.97)
    side = np.array([[-half_width, 0.0], [half_width, 0.0], [narrow, length], [-narrow, length]])
    for sign in (-1, 1):
        canvas.fill(side * (1, sign), mix(colour, BLACK, 0.35))
        canvas.fill(side * (0.94, sign), colour)
    kind = dice.pick(("stitch", "stitch", "plain", "grooves", "stripe"))
    thread = mix(colour, WHITE, 0.55)
    if kind == "stitch":
        rows = np.arange(0.9, length, 0.11)
        seams = [(x * half_width, s * y) for y in rows for x in (-0.8, 0.8) for s in (-1, 1)]
        marks = [box(x - 0.012, y, x + 0.012, y + 0.06) for x, y in seams]
        canvas.fill_all(marks, thread)
    elif kind == "grooves":
        rows = np.arange(1.0, length, 0.16)
        places = [s * y for y in rows for s in (-1, 1)]
        grooves = [box(-0.9 * narrow, y - 0.02, 0.9 * narrow, y + 0.02) for y in places]
        canvas.fill_all(grooves, mix(colour, BLACK, 0.3))
    elif kind == "stripe":
        canvas.box(-0.3 * half_width, -length, 0.3 * half_width, length, choose(dice, "bright", "white", "blue", "red"))


def bracelet(canvas: Canvas, dice: Dice, half_width: float, length: float, colour: Colour) -> None:
    """Metal links above and below."""
    canvas.box(-half_width, -length, half_width, length, mix(colour, BLACK, 0.5))
    pitch = dice.between(0.16, 0.28)
    columns = dice.pick(
        ((-1.0, -0.4, 0.4, 1.0), (-1.0, -0.33, 0.33, 1.0), (-1.0, 1.0), (-1.0, -0.6, -0.2, 0.2, 0.6, 1.0))
    )
    rows = [s * y for y in np.arange(0.7, length, pitch) for s in (-1, 1)]
    gap = 0.018
    for index, (x0, x1) in enumerate(pairwise(columns)):
        shift = pitch / 2 * (index % 2)
        links = [box(x0 * half_width + gap, y + shift, x1 * half_width - gap, y + shift + pitch - gap) for y in rows]
        canvas.fill_all(np.stack(links), mix(colour, WHITE, 0.28) if index % 2 else colour)
    for x in (-1, 1):
        canvas.box(x * half_width * 0.97 - 0.02, -length, x * half_width * 0.97 + 0.02, length, mix(colour, BLACK, 0.4))


def screws(canvas: Canvas, places: Points, size: float, colour: Colour, dice: Dice) -> None:
    """Slotted screws."""
    slots = []
    for x, y in places:
        canvas.disc(x, y, size, mix(colour, WHITE, 0.25))
        slot = box(-size * 0.85, -size * 0.16, size * 0.85, size * 0.16)
        slots.append(rotated(slot, dice.between(0, 3.1)) + np.array([x, y]))
    canvas.fill_all(slots, mix(colour, BLACK, 0.6))


def wood_grain(canvas: Canvas, dice: Dice, area: tuple[float, float, float, float], colour: Colour) -> None:
    """Uneven dark lines along a board (x0, y0, x1, y1)."""
    x0, y0, x1, y1 = area
    dark = mix(colour, BLACK, 0.18)
    for _ in range(dice.whole(4, 9)):
        y = dice.between(y0 + 0.03, y1 - 0.03)
        bend = dice.between(-0.02, 0.02)
        line = np.array([[x0, y], [(x0 + x1) / 2, y + bend], [x1, y]])
        canvas.line(line, dice.between(0.006, 0.02), dark)


def knob(canvas: Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    """A round knob with a highlight."""
    canvas.disc(x, y, size, mix(colour, BLACK, 0.3))
    canvas.disc(x, y, size * 0.85, colour)
    canvas.fill(circle(16) * size * 0.3 + (x - size * 0.3, y - size * 0.3), mix(colour, WHITE, 0.5))
