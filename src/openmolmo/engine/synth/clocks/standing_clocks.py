"""Body families of clocks with hands: on walls, tables and towers."""

from __future__ import annotations

import math

import numpy as np

from openmolmo.engine.synth.clocks.canvas import Canvas, box, circle, rotated
from openmolmo.engine.synth.clocks.dice import Dice
from openmolmo.engine.synth.clocks.family import family
from openmolmo.engine.synth.clocks.fittings import BLACK, WHITE, case, knob, screws, wood_grain
from openmolmo.engine.synth.clocks.look import Taste
from openmolmo.engine.synth.clocks.palette import choose, grey, mix
from openmolmo.engine.synth.clocks.shapes import ROUND, Shape

__all__: list[str] = []

_OLD = Taste(
    papers=("white", "cream", "cream"),
    numerals=("roman", "roman", "arabic"),
    ticks=("railway", "bars"),
    hands=("spade", "breguet", "leaf", "tapered"),
    hand_colours=("ink",),
    seconds=0.1,
    date=0.0,
)
_PLAIN = Taste(
    papers=("white", "white", "cream", "pastel", "black", "bright"),
    numerals=("arabic", "arabic", "arabic", "roman", "quarters", "none"),
    hands=("baton", "tapered", "block", "pencil", "spade", "arrow"),
    seconds=0.55,
    date=0.0,
    logo=0.35,
)


@family("clock", (1.2, 1.2, 1.2, 1.2), taste=_PLAIN, weight=2.0)
def wall_clock(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A round wall clock in a plastic or metal ring."""
    case(
        canvas, dice, shape, dice.between(0.08, 0.18), choose(dice, "plastic", "steel", "gunmetal", "brass"), shiny=0.3
    )


@family("clock", (1.25, 1.25, 1.25, 1.25), shapes=(Shape(1.0, 1.0, 9.0), Shape(1.0, 1.0, 5.0)), taste=_PLAIN)
def square_wall_clock(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A square wall clock."""
    case(canvas, dice, shape, dice.between(0.1, 0.22), choose(dice, "plastic", "wood", "gunmetal"), shiny=0.1)


@family(
    "clock",
    (1.2, 1.2, 1.2, 1.2),
    taste=Taste(
        papers=("white",),
        numerals=("none", "none", "none", "arabic"),
        markers=("bar",),
        ticks=("bars",),
        hands=("block", "tapered"),
        second_hands=("paddle", "paddle", "plain"),
        hand_colours=("ink",),
        seconds=0.6,
        date=0.0,
        logo=0.1,
    ),
)
def station_clock(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A railway station clock, sometimes hanging from an arm."""
    colour = choose(dice, "gunmetal", "steel", "black")
    if dice.chance(0.4):
        canvas.box(-0.08, -1.2, 0.08, -1.0, mix(colour, BLACK, 0.3))
    case(canvas, dice, shape, dice.between(0.06, 0.14), colour, shiny=0.4)


@family("clock", (1.35, 1.35, 1.35, 1.35), taste=_OLD)
def wooden_wall_clock(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A round or eight-cornered wooden frame."""
    colour = choose(dice, "wood")
    rim = rotated(circle(8), math.pi / 8) if dice.chance(0.5) else circle(64)
    canvas.fill(rim * 1.34, mix(colour, BLACK, 0.4))
    canvas.fill(rim * 1.3, colour)
    wood_grain(canvas, dice, (-0.9, -0.9, 0.9, 0.9), colour)
    canvas.ring(0, 0, 1.17, 0.03, mix(colour, BLACK, 0.3))
    case(canvas, dice, ROUND, 0.08, choose(dice, "brass", "gold"))


@family("clock", (1.8, 1.8, 1.8, 1.8), taste=_PLAIN)
def sunburst_clock(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A dial with rays all round."""
    colour = choose(dice, "gold", "brass", "wood", "bright", "gunmetal")
    count = dice.pick((12, 16, 24, 32))
    long, short = dice.between(1.55, 1.78), dice.between(1.25, 1.5)
    half = 2.2 / count
    for i in range(count):
        tip = long if i % 2 == 0 else short
        ray = np.array([[-half * 0.5, -1.0], [half * 0.5, -1.0], [half * 0.12, -tip], [-half * 0.12, -tip]])
        canvas.fill(rotated(ray, i * math.tau / count), mix(colour, BLACK if i % 2 else WHITE, 0.15))
    case(canvas, dice, shape, 0.1, colour)


@family("clock", (1.35, 1.75, 1.35, 1.5), taste=_PLAIN, weight=1.5)
def bell_alarm_clock(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """An alarm clock with two bells and feet."""
    colour = choose(dice, "plastic", "brass", "steel", "bright", "gunmetal")
    bells = colour if dice.chance(0.5) else choose(dice, "brass", "steel")
    for side in (-1, 1):
        foot = np.array([[side * 0.6, 0.9], [side * 0.8, 0.8], [side * 1.0, 1.42], [side * 0.86, 1.45]])
        canvas.fill(foot, mix(colour, BLACK, 0.35))
        place = (side * 0.68, -1.12)
        dome = rotated(np.array([p for p in circle(40) * 0.46 if p[1] < 0.05]), side * 0.55) + place
        canvas.fill(dome, mix(bells, BLACK, 0.15))
        canvas.fill(dome * 0.5 + np.array(place) * 0.5 + (-0.06, -0.06), mix(bells, WHITE, 0.3))
    canvas.box(-0.03, -1.55, 0.03, -1.1, mix(colour, BLACK, 0.3))
    canvas.box(-0.12, -1.6, 0.12, -1.46, mix(colour, BLACK, 0.2), 0.05)
    if dice.chance(0.5):
        arch = np.array([p for p in circle(48) if p[1] < -0.3]) * (0.72, 0.66) + (0.0, -1.05)
        canvas.line(arch[np.argsort(arch[:, 0])], 0.05, mix(colour, BLACK, 0.25))
    case(canvas, dice, shape, dice.between(0.12, 0.2), colour, shiny=0.5)


@family("clock", (1.4, 1.35, 1.4, 1.45), shapes=(ROUND, Shape(1.0, 1.0, 6.0), Shape(1.0, 0.9, 7.0)), taste=_PLAIN)
def travel_alarm_clock(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A small box-shaped alarm clock."""
    colour = choose(dice, "plastic", "bright", "leather", "gunmetal")
    canvas.box(-1.34, -1.22, 1.34, 1.36, mix(colour, BLACK, 0.4), 0.25)
    canvas.box(-1.34, -1.25, 1.34, 1.3, colour, 0.25)
    canvas.box(-0.4, -1.34, 0.4, -1.24, mix(colour, BLACK, 0.25), 0.04)
    canvas.fill(shape.grown(0.08).outline(), mix(colour, BLACK, 0.3))
    canvas.fill(shape.grown(0.05).outline(), mix(colour, WHITE, 0.3))


@family("clock", (2.2, 1.35, 2.2, 1.6), taste=_OLD)
def mantel_clock(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A wooden mantel clock with sloping shoulders."""
    colour = choose(dice, "wood")
    t = np.linspace(-1, 1, 40)
    top = -1.3 * np.exp(-((t * 2.0) ** 2) / dice.between(0.7, 1.1)) + 0.75 * (1 - np.exp(-((t * 2.0) ** 2)))
    body = np.concatenate([np.stack([t * 2.05, np.minimum(top, 0.9)], 1), [[2.05, 1.4], [-2.05, 1.4]]])
    canvas.fill(body, mix(colour, BLACK, 0.35))
    canvas.fill(body * 0.97 + (0.0, 0.03), colour)
    wood_grain(canvas, dice, (-1.9, 1.0, 1.9, 1.35), colour)
    canvas.box(-2.15, 1.36, 2.15, 1.56, mix(colour, BLACK, 0.25), 0.04)
    case(canvas, dice, shape, 0.09, choose(dice, "brass", "gold"))


@family("clock", (1.35, 1.9, 1.35, 3.2), taste=_OLD)
def pendulum_clock(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A long-case or regulator clock with its pendulum behind glass."""
    colour = choose(dice, "wood")
    roof = np.array([[-1.35, -1.3], [0.0, -1.88], [1.35, -1.3]])
    canvas.fill(roof, mix(colour, BLACK, 0.3))
    canvas.box(-1.3, -1.35, 1.3, 3.1, mix(colour, BLACK, 0.35))
    canvas.box(-1.22, -1.28, 1.22, 3.0, colour)
    wood_grain(canvas, dice, (-1.2, -1.2, 1.2, 1.2), colour)
    canvas.box(-0.8, 1.3, 0.8, 2.85, mix(colour, BLACK, 0.6), 0.06)
    swing, brass = dice.between(-0.3, 0.3), choose(dice, "brass", "gold")
    canvas.line(np.array([[0.0, 1.3], [swing, 2.4]]), 0.04, brass)
    knob(canvas, swing, 2.4, 0.27, brass)
    case(canvas, dice, shape, 0.1, brass)


@family("clock", (1.7, 2.2, 1.7, 1.9), taste=_OLD)
def cuckoo_clock(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A carved little house."""
    colour = choose(dice, "wood")
    canvas.box(-1.3, -1.2, 1.3, 1.4, colour)
    wood_grain(canvas, dice, (-1.3, -1.1, 1.3, 1.35), colour)
    roof = np.array([[-1.7, -0.75], [0.0, -2.15], [1.7, -0.75], [1.45, -0.6], [0.0, -1.75], [-1.45, -0.6]])
    canvas.fill(roof, mix(colour, BLACK, 0.4))
    canvas.box(-0.22, -1.55, 0.22, -1.1, mix(colour, BLACK, 0.65), 0.1)
    places = ((-1.25, 1.3, 0.7), (1.25, 1.3, -0.7), (-0.7, 1.5, 1.2), (0.7, 1.5, -1.2))
    leaves = [rotated(circle(16) * (0.1, 0.22), turn) + np.array([x, y]) for x, y, turn in places]
    canvas.fill_all(leaves, choose(dice, "green", "wood"))
    canvas.disc(0, 0, 1.06, mix(colour, BLACK, 0.5))


@family(
    "clock",
    (1.75, 1.75, 1.75, 1.75),
    taste=Taste(
        papers=("white", "cream", "black", "blue", "cream"),
        numerals=("roman", "roman", "roman", "none"),
        markers=("bar", "wedge"),
        ticks=("railway", "bars", "hours"),
        hands=("spade", "tapered", "block", "lozenge"),
        hand_colours=("ink", "gold", "ink"),
        seconds=0.0,
        date=0.0,
        logo=0.0,
    ),
)
def tower_clock(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A dial in a wall of stone or brick."""
    colour = choose(dice, "stone", "stone", "red", "brown")
    canvas.box(-1.75, -1.75, 1.75, 1.75, mix(colour, BLACK, 0.25))
    height, width = dice.between(0.22, 0.34), dice.between(0.45, 0.75)
    rows = np.arange(-1.75, 1.75, height)
    corners = [(x - (i % 2) * width / 2, y) for i, y in enumerate(rows) for x in np.arange(-1.75, 2.1, width)]
    bricks = [box(x, y, x + width - 0.03, y + height - 0.03) for x, y in corners]
    canvas.fill_all(np.stack(bricks), colour)
    case(canvas, dice, shape, dice.between(0.15, 0.3), choose(dice, "stone", "gold", "gunmetal"), shiny=0.2)


@family("clock", (1.45, 1.45, 1.45, 1.45), taste=_PLAIN)
def ship_clock(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A brass porthole with screws."""
    colour = choose(dice, "brass", "brass", "steel", "gold")
    case(canvas, dice, shape, 0.42, colour, shiny=0.9)
    places = rotated(circle(dice.pick((6, 8))), 0.3) * 1.28
    screws(canvas, places, 0.06, colour, dice)


@family("clock", (1.4, 1.4, 1.4, 1.4), taste=_PLAIN)
def kitchen_clock(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A scalloped or plate-like kitchen clock."""
    colour = choose(dice, "pastel", "bright", "white", "plastic")
    t = np.linspace(0, math.tau, 160, endpoint=False)
    waves, deep = dice.pick((0, 8, 12, 16)), dice.between(0.02, 0.07)
    radius = 1.28 + deep * np.cos(waves * t)
    edge = np.stack([np.sin(t), -np.cos(t)], 1) * radius[:, None]
    canvas.fill(edge * 1.02, mix(colour, BLACK, 0.3))
    canvas.fill(edge, colour)
    canvas.fill(edge * 0.93, mix(colour, WHITE, 0.3))
    if dice.chance(0.5):
        dots = [circle(12) * 0.05 + rotated(np.array([[0.0, -1.12]]), i * math.tau / 24) for i in range(24)]
        canvas.fill_all(np.stack(dots), choose(dice, "bright"))
    canvas.ring(0, 0, 1.01, 0.03, mix(colour, BLACK, 0.4))


@family("clock", (1.4, 1.3, 1.4, 1.75), taste=_PLAIN)
def desk_clock(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A small round clock on a stand."""
    colour = choose(dice, "brass", "steel", "wood", "gunmetal", "gold")
    base = np.array([[-0.35, 0.9], [0.35, 0.9], [0.6, 1.5], [-0.6, 1.5]])
    canvas.fill(base, mix(colour, BLACK, 0.3))
    canvas.box(-1.1, 1.46, 1.1, 1.7, mix(colour, BLACK, 0.15), 0.05)
    canvas.box(-1.1, 1.46, 1.1, 1.53, mix(colour, WHITE, 0.25))
    case(canvas, dice, shape, dice.between(0.12, 0.25), colour)


@family(
    "clock",
    (1.05, 1.05, 1.05, 1.05),
    taste=Taste(papers=("wood", "stone", "white", "black", "pastel", "bright"), seconds=0.4, date=0.0),
)
def frameless_clock(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A disc on the wall without any frame."""
    canvas.disc(0, 0.02, 1.03, grey(90))
