"""Body families of wrist and pocket watches with hands."""

from __future__ import annotations

import math

import numpy as np

from openmolmo.engine.synth.clocks.canvas import Canvas, box, circle, rotated
from openmolmo.engine.synth.clocks.dial import draw_text
from openmolmo.engine.synth.clocks.dice import Dice
from openmolmo.engine.synth.clocks.family import family
from openmolmo.engine.synth.clocks.fittings import BLACK, WHITE, bracelet, case, crown, knob, lugs, metal, screws, strap
from openmolmo.engine.synth.clocks.look import Taste
from openmolmo.engine.synth.clocks.palette import choose, grey, mix
from openmolmo.engine.synth.clocks.shapes import ROUND, Shape

__all__: list[str] = []

_WRIST = (1.35, 1.75, 1.35, 1.75)


@family("watch", _WRIST, weight=1.5)
def leather_watch(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A round watch on a leather strap."""
    colour = metal(dice)
    strap(canvas, dice, dice.between(0.55, 0.72), 1.75, choose(dice, "leather"))
    lugs(canvas, 0.62, 1.1, colour)
    crown(canvas, dice, 1.1, colour)
    case(canvas, dice, shape, dice.between(0.1, 0.17), colour)


@family("watch", _WRIST)
def bracelet_watch(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A round watch on metal links."""
    colour = metal(dice)
    bracelet(canvas, dice, dice.between(0.55, 0.7), 1.75, colour)
    lugs(canvas, 0.64, 1.1, colour)
    crown(canvas, dice, 1.12, colour)
    case(canvas, dice, shape, dice.between(0.12, 0.2), colour, shiny=0.9)


@family(
    "watch",
    (1.2, 1.6, 1.2, 1.6),
    shapes=(ROUND, Shape(0.82, 1.0, 2.0), Shape(1.0, 0.82, 2.0)),
    taste=Taste(
        papers=("white", "silver", "cream", "black", "blue", "salmon"),
        numerals=("none", "none", "roman", "quarters", "roman_quarters"),
        ticks=("none", "none", "hours", "bars"),
        hands=("baton", "dauphine", "leaf", "tapered"),
        seconds=0.1,
        date=0.05,
    ),
)
def dress_watch(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A thin dress watch, round or oval."""
    colour = choose(dice, "gold", "gold", "rose", "steel")
    strap(canvas, dice, 0.5 * shape.half_width + 0.08, 1.6, choose(dice, "leather"))
    crown(canvas, dice, shape.half_width + 0.03, colour)
    case(canvas, dice, shape, dice.between(0.05, 0.09), colour)


@family(
    "watch",
    (1.45, 1.75, 1.45, 1.75),
    taste=Taste(
        papers=("black", "black", "blue", "green", "white"),
        numerals=("none", "none", "none", "twelve_six", "quarters"),
        markers=("dot", "bar", "dot", "double"),
        ticks=("bars", "hours"),
        hands=("mercedes", "sword", "arrow", "pencil", "block"),
        hand_colours=("white", "steel"),
        seconds=0.7,
        date=0.4,
    ),
)
def diver_watch(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A diving watch: turning bezel with minutes, luminous pip."""
    colour = choose(dice, "steel", "steel", "gunmetal", "gold")
    if dice.chance(0.5):
        bracelet(canvas, dice, 0.64, 1.75, colour)
    else:
        strap(canvas, dice, 0.66, 1.75, choose(dice, "rubber"))
    lugs(canvas, 0.68, 1.18, colour)
    crown(canvas, dice, 1.26, colour)
    ring = choose(dice, "black", "blue", "green", "red")
    notches = [circle(8) * 0.035 + rotated(np.array([[0.0, -1.3]]), i * math.tau / 60) for i in range(60)]
    case(canvas, dice, ROUND, 0.3, colour)
    canvas.fill_all(np.stack(notches), mix(colour, BLACK, 0.35))
    canvas.ring(0, 0, 1.14, 0.2, ring)
    marks = [rotated(box(-0.018, -1.22, 0.018, -1.08), i * math.tau / 12) for i in range(1, 12)]
    canvas.fill_all(np.stack(marks), mix(WHITE, ring, 0.1))
    canvas.fill(np.array([[-0.08, -1.22], [0.08, -1.22], [0.0, -1.07]]), mix(WHITE, ring, 0.05))
    canvas.ring(0, 0, 1.02, 0.035, mix(colour, BLACK, 0.4))


@family(
    "watch",
    (1.45, 1.75, 1.5, 1.75),
    taste=Taste(
        numerals=("none", "none", "twelve_six", "quarters", "arabic"),
        ticks=("bars", "railway"),
        subdials=1.0,
        hands=("baton", "sword", "syringe", "pencil", "tapered"),
        seconds=0.5,
        date=0.2,
    ),
)
def chronograph_watch(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A chronograph: pushers, registers, often a tachymeter ring."""
    colour = metal(dice)
    if dice.chance(0.5):
        bracelet(canvas, dice, 0.62, 1.75, colour)
    else:
        strap(canvas, dice, 0.62, 1.75, choose(dice, "leather", "rubber"))
    lugs(canvas, 0.66, 1.15, colour)
    crown(canvas, dice, 1.22, colour, pushers=True)
    case(canvas, dice, shape, 0.26, colour)
    if dice.chance(0.6):
        ring = choose(dice, "black", "steel", "blue")
        canvas.ring(0, 0, 1.13, 0.17, ring)
        ink = WHITE if sum(ring[:3]) < 300 else BLACK
        for i, number in enumerate(("400", "200", "150", "120", "100", "80", "70", "60")):
            angle = (i + 1) * math.tau / 9
            draw_text(canvas, number, "sans", 0.075, (1.13 * math.sin(angle), -1.13 * math.cos(angle)), ink)
        canvas.ring(0, 0, 1.03, 0.03, mix(colour, BLACK, 0.4))


@family(
    "watch",
    _WRIST,
    taste=Taste(
        papers=("black", "black", "brown", "blue", "cream", "green"),
        numerals=("arabic", "arabic", "minutes", "ring24"),
        ticks=("bars", "railway"),
        fonts=("bold", "round", "sans", "wide"),
        hands=("sword", "syringe", "leaf", "alpha", "pencil"),
        hand_colours=("white", "cream", "steel", "ink"),
        seconds=0.6,
    ),
)
def pilot_watch(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A pilot's or field watch with a large crown and plain numerals."""
    colour = choose(dice, "steel", "gunmetal", "brass")
    strap(canvas, dice, 0.66, 1.75, choose(dice, "leather", "rubber"))
    lugs(canvas, 0.68, 1.1, colour)
    knob(canvas, 1.22, 0.0, 0.13, colour)
    case(canvas, dice, shape, 0.14, colour, shiny=0.3)


@family(
    "watch",
    (1.25, 1.75, 1.25, 1.75),
    shapes=(Shape(0.74, 1.0, 7.0), Shape(0.68, 1.0, 9.0), Shape(0.8, 1.0, 6.0)),
    taste=Taste(
        papers=("white", "silver", "cream", "black"),
        numerals=("roman", "roman", "arabic", "none", "quarters"),
        ticks=("inner", "railway", "none"),
        hands=("sword", "leaf", "baton", "breguet"),
        seconds=0.15,
        date=0.0,
    ),
)
def tank_watch(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A rectangular watch."""
    colour = metal(dice)
    strap(canvas, dice, shape.half_width * 0.85, 1.75, choose(dice, "leather"))
    crown(canvas, dice, shape.half_width + 0.1, colour)
    for side in (-1, 1):
        edge = side * (shape.half_width + 0.1)
        canvas.box(edge - 0.09, -1.3, edge + 0.09, 1.3, colour, 0.08)
    case(canvas, dice, shape, 0.12, colour)


@family(
    "watch",
    (1.35, 1.75, 1.35, 1.75),
    shapes=(Shape(1.0, 1.0, 5.0), Shape(1.0, 1.0, 8.0), Shape(0.95, 0.95, 3.6)),
    taste=Taste(seconds=0.4),
)
def cushion_watch(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A square or cushion-shaped watch."""
    colour = metal(dice)
    if dice.chance(0.4):
        bracelet(canvas, dice, 0.66, 1.75, colour)
    else:
        strap(canvas, dice, 0.7, 1.75, choose(dice, "leather", "rubber"))
    crown(canvas, dice, shape.half_width + 0.12, colour)
    case(canvas, dice, shape, dice.between(0.12, 0.2), colour)


@family(
    "watch",
    (1.3, 1.75, 1.3, 1.75),
    shapes=(Shape(0.78, 1.0, 2.8), Shape(0.82, 1.0, 3.2)),
    taste=Taste(numerals=("arabic", "roman", "arabic", "none", "quarters"), seconds=0.3, date=0.05),
)
def tonneau_watch(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A barrel-shaped watch."""
    colour = metal(dice)
    strap(canvas, dice, 0.6, 1.75, choose(dice, "leather", "rubber"))
    crown(canvas, dice, shape.half_width + 0.12, colour)
    case(canvas, dice, shape, dice.between(0.12, 0.18), colour)


@family(
    "watch",
    (1.45, 1.75, 1.45, 1.75),
    taste=Taste(
        papers=("blue", "black", "silver", "green"),
        numerals=("none", "none", "twelve_six"),
        markers=("bar", "double"),
        ticks=("bars", "hours", "none"),
        hands=("baton", "pencil", "block"),
        hand_colours=("white", "steel"),
        seconds=0.5,
        date=0.4,
    ),
)
def octagon_watch(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A sports watch with an eight-cornered bezel held by screws."""
    colour = choose(dice, "steel", "steel", "gold", "rose", "gunmetal")
    bracelet(canvas, dice, 0.72, 1.75, colour)
    crown(canvas, dice, 1.25, colour)
    corners = rotated(circle(8), math.pi / 8)
    canvas.fill(corners * 1.42, mix(colour, BLACK, 0.4))
    canvas.fill(corners * 1.38, colour)
    canvas.fill(corners * 1.28, mix(colour, WHITE, 0.25))
    screws(canvas, corners * 1.2, 0.055, colour, dice)
    case(canvas, dice, shape, 0.07, mix(colour, BLACK, 0.15))


@family(
    "watch",
    (1.4, 1.75, 1.4, 1.75),
    taste=Taste(
        papers=("black", "bright", "white", "pastel"),
        numerals=("arabic", "minutes", "quarters", "none"),
        fonts=("bold", "wide", "round", "slanted"),
        hands=("block", "pencil", "arrow", "baton"),
        seconds=0.6,
        date=0.3,
    ),
)
def sport_watch(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A resin sports watch with guards and coloured parts."""
    colour = choose(dice, "rubber", "bright", "plastic")
    strap(canvas, dice, 0.78, 1.75, colour)
    canvas.fill(Shape(1.3, 1.3, 3.2).outline(), mix(colour, BLACK, 0.3))
    canvas.fill(Shape(1.24, 1.24, 3.0).outline(), colour)
    for angle in (0.9, 2.24, 4.04, 5.38):
        guard = np.array([[-0.12, -1.34], [0.12, -1.34], [0.09, -1.12], [-0.09, -1.12]])
        canvas.fill(rotated(guard, angle), mix(colour, BLACK, 0.45))
    canvas.ring(0, 0, 1.08, 0.1, choose(dice, "bright", "gunmetal", "steel"))
    canvas.ring(0, 0, 1.01, 0.04, grey(25))


@family(
    "watch",
    (1.2, 1.6, 1.2, 1.6),
    shapes=(Shape(0.92, 1.0, 5.0), Shape(1.0, 1.0, 2.0), Shape(0.84, 1.0, 6.0)),
    taste=Taste(
        papers=("black", "black", "black", "blue", "white"),
        numerals=("none", "arabic", "quarters", "twelve_six"),
        hands=("baton", "pencil", "skeleton", "tapered"),
        fonts=("light", "sans", "round"),
        seconds=0.6,
        subdials=0.3,
        logo=0.0,
    ),
)
def smartwatch(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A smart watch that shows hands on a black screen."""
    colour = choose(dice, "gunmetal", "steel", "rose", "gold")
    strap(canvas, dice, shape.half_width * 0.8, 1.6, choose(dice, "rubber", "bright", "leather"))
    canvas.box(shape.half_width + 0.06, -0.35, shape.half_width + 0.17, -0.08, mix(colour, BLACK, 0.2), 0.04)
    canvas.fill(shape.grown(0.15).outline(), mix(colour, BLACK, 0.3))
    canvas.fill(shape.grown(0.13).outline(), colour)
    canvas.fill(shape.grown(0.09).outline(), grey(8))


@family(
    "watch",
    (1.25, 1.95, 1.25, 1.25),
    taste=Taste(
        papers=("white", "cream", "white", "silver"),
        numerals=("roman", "roman", "arabic"),
        ticks=("railway", "bars"),
        hands=("spade", "breguet", "leaf", "alpha"),
        hand_colours=("ink", "blue", "ink", "gold"),
        subdials=0.25,
        seconds=0.2,
        date=0.0,
    ),
)
def pocket_watch(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A pocket watch with crown, bow and a piece of chain."""
    colour = choose(dice, "gold", "brass", "steel")
    for i in range(5):
        canvas.ring(0.1 * math.sin(i * 1.3 + 0.5), -1.72 - 0.09 * i, 0.06, 0.025, mix(colour, BLACK, 0.15 * (i % 2)))
    canvas.ring(0, -1.55, 0.2, 0.06, mix(colour, BLACK, 0.2))
    canvas.box(-0.12, -1.45, 0.12, -1.1, colour, 0.04)
    canvas.box(-0.15, -1.42, 0.15, -1.28, mix(colour, BLACK, 0.3), 0.04)
    case(canvas, dice, shape, dice.between(0.14, 0.22), colour, shiny=0.9)


@family(
    "watch",
    (1.3, 1.9, 1.3, 1.3),
    shapes=(ROUND,),
    taste=Taste(
        papers=("white", "white", "cream"), numerals=("arabic", "roman"), ticks=("bars",), seconds=0.3, date=0.0
    ),
)
def nurse_watch(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A fob watch hanging from a pin."""
    colour = choose(dice, "steel", "gold", "bright")
    canvas.box(-0.3, -1.85, 0.3, -1.68, mix(colour, BLACK, 0.2), 0.06)
    canvas.box(-0.13, -1.7, 0.13, -1.1, mix(colour, BLACK, 0.1))
    canvas.box(-0.09, -1.66, 0.09, -1.12, mix(colour, WHITE, 0.2))
    case(canvas, dice, shape, dice.between(0.12, 0.24), colour)
