"""Body families of digital watches and clocks. The panel is the ``shape``; half-width 1."""

from __future__ import annotations

import numpy as np

from openmolmo.engine.synth.clocks.canvas import Canvas, box, circle
from openmolmo.engine.synth.clocks.dial import draw_text
from openmolmo.engine.synth.clocks.dice import Dice
from openmolmo.engine.synth.clocks.family import family
from openmolmo.engine.synth.clocks.fittings import BLACK, WHITE, bracelet, screws, strap, wood_grain
from openmolmo.engine.synth.clocks.look import Taste
from openmolmo.engine.synth.clocks.palette import choose, grey, mix
from openmolmo.engine.synth.clocks.shapes import Shape

__all__: list[str] = []


def _panel(*heights: float, power: float = 12.0) -> tuple[Shape, ...]:
    return tuple(Shape(1.0, height, power) for height in heights)


_SOME_SECONDS = Taste(seconds=0.4)
_NO_SECONDS = Taste(seconds=0.1)


@family("clock", (1.3, 0.8, 1.3, 0.8), shapes=_panel(0.4, 0.46), display="led", taste=_NO_SECONDS)
def led_alarm_clock(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A bedside box with glowing digits."""
    colour = choose(dice, "gunmetal", "black", "wood", "plastic")
    high = shape.half_height
    canvas.box(-1.24, -high - 0.2, 1.24, high + 0.28, mix(colour, BLACK, 0.4), 0.12)
    canvas.box(-1.24, -high - 0.22, 1.24, high + 0.2, colour, 0.12)
    canvas.box(-0.5, -high - 0.2, 0.5, -high - 0.13, mix(colour, WHITE, 0.15), 0.03)
    for x in (-0.9, 0.9):
        canvas.box(x - 0.15, high + 0.3, x + 0.15, high + 0.2, mix(colour, BLACK, 0.5))


@family("clock", (1.2, 0.75, 1.2, 0.75), shapes=_panel(0.38, 0.45), display="led", taste=_SOME_SECONDS)
def led_wall_display(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A metal-framed LED panel on a wall."""
    colour = choose(dice, "steel", "gunmetal", "black")
    canvas.fill(shape.grown(0.13).outline(), mix(colour, BLACK, 0.4))
    canvas.fill(shape.grown(0.11).outline(), colour)
    canvas.fill(shape.grown(0.03).outline(), grey(10))


@family("watch", (1.5, 2.2, 1.5, 2.2), shapes=_panel(0.5, 0.58, 0.65), display="lcd", taste=_SOME_SECONDS)
def lcd_watch(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A digital resin watch with buttons at its sides."""
    colour = choose(dice, "rubber", "gunmetal", "black", "bright")
    strap(canvas, dice, 1.0, 2.2, colour)
    high = shape.half_height
    for x in (-1, 1):
        for y in (-0.45, 0.45):
            canvas.box(x * 1.34 - 0.08, y - 0.12, x * 1.34 + 0.08, y + 0.12, choose(dice, "steel"), 0.03)
    canvas.fill(Shape(1.36, high + 0.62, 4.0).outline(), mix(colour, BLACK, 0.35))
    canvas.fill(Shape(1.31, high + 0.57, 4.0).outline(), colour)
    canvas.fill(Shape(1.16, high + 0.36, 7.0).outline(), mix(colour, BLACK, 0.6))
    accent = choose(dice, "bright", "steel")
    canvas.line(Shape(1.14, high + 0.34, 7.0).outline(), 0.025, accent, closed=True)
    word = dice.pick(("DIGITAL", "ALARM CHRONO", "WATER RESIST", "BACKLIGHT"))
    draw_text(canvas, word, "sans", 0.08, (0, -high - 0.18), accent)


@family("watch", (1.3, 2.0, 1.3, 2.0), shapes=_panel(0.42, 0.5), display="lcd", taste=_SOME_SECONDS)
def retro_lcd_watch(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A flat metal digital watch of the eighties."""
    colour = choose(dice, "steel", "gold", "steel")
    bracelet(canvas, dice, 0.95, 2.0, colour)
    high = shape.half_height
    canvas.box(-1.25, -high - 0.42, 1.25, high + 0.42, mix(colour, BLACK, 0.3), 0.2)
    canvas.box(-1.2, -high - 0.38, 1.2, high + 0.38, colour, 0.18)
    canvas.box(-1.1, -high - 0.22, 1.1, high + 0.2, grey(18), 0.08)
    draw_text(canvas, "QUARTZ", "sans", 0.08, (0.6, -high - 0.12), grey(220))


@family("clock", (1.3, 0.95, 1.3, 1.0), shapes=_panel(0.45, 0.55), display="lcd", taste=_SOME_SECONDS)
def lcd_travel_clock(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A small LCD alarm clock with buttons."""
    colour = choose(dice, "plastic", "pastel", "bright", "white")
    high = shape.half_height
    canvas.box(-1.25, -high - 0.25, 1.25, high + 0.42, mix(colour, BLACK, 0.35), 0.2)
    canvas.box(-1.25, -high - 0.27, 1.25, high + 0.37, colour, 0.2)
    for x in np.linspace(-0.8, 0.8, dice.whole(3, 5)):
        canvas.box(x - 0.12, high + 0.14, x + 0.12, high + 0.24, mix(colour, BLACK, 0.3), 0.04)
    canvas.fill(shape.grown(0.07).outline(), mix(colour, BLACK, 0.5))


@family("clock", (1.3, 0.85, 1.3, 0.85), shapes=_panel(0.5, 0.56, power=20.0), display="flip", taste=_NO_SECONDS)
def flip_clock(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A clock with falling number cards."""
    colour = choose(dice, "plastic", "wood", "steel", "gunmetal", "bright")
    high = shape.half_height
    canvas.box(-1.24, -high - 0.2, 1.24, high + 0.24, mix(colour, BLACK, 0.4), 0.16)
    canvas.box(-1.24, -high - 0.22, 1.24, high + 0.18, colour, 0.16)


@family(
    "clock", (1.2, 0.65, 1.2, 0.65), shapes=_panel(0.3, 0.36, power=20.0), display="split_flap", taste=_SOME_SECONDS
)
def split_flap_board(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A row of flaps as in stations and airports."""
    colour = choose(dice, "gunmetal", "black", "steel")
    canvas.fill(shape.grown(0.12).outline(), mix(colour, BLACK, 0.3))
    canvas.fill(shape.grown(0.09).outline(), colour)


@family("clock", (1.2, 0.65, 1.2, 0.65), shapes=_panel(0.36, 0.42, power=20.0), display="matrix", taste=_SOME_SECONDS)
def dot_matrix_board(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A board of luminous dots."""
    colour = choose(dice, "gunmetal", "black", "steel", "plastic")
    canvas.fill(shape.grown(0.12).outline(), mix(colour, BLACK, 0.35))
    canvas.fill(shape.grown(0.09).outline(), colour)


@family("clock", (1.25, 0.75, 1.25, 0.9), shapes=_panel(0.42, 0.48, power=20.0), display="nixie", taste=_SOME_SECONDS)
def nixie_clock(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """Glowing tubes on a wooden base."""
    colour = choose(dice, "wood")
    high = shape.half_height
    canvas.box(-1.2, high - 0.1, 1.2, high + 0.38, mix(colour, BLACK, 0.2), 0.06)
    wood_grain(canvas, dice, (-1.1, high, 1.1, high + 0.36), colour)
    canvas.fill(shape.grown(0.05).outline(), mix(colour, BLACK, 0.6))


@family(
    "watch",
    (1.3, 2.0, 1.3, 2.0),
    shapes=(Shape(1.0, 1.2, 5.0), Shape(1.0, 1.0, 2.0), Shape(1.0, 1.1, 4.0)),
    display="screen",
    taste=_SOME_SECONDS,
)
def digital_smartwatch(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A smart watch with the time in figures."""
    colour = choose(dice, "gunmetal", "steel", "rose", "gold")
    strap(canvas, dice, 0.85, 2.0, choose(dice, "rubber", "bright", "leather"))
    canvas.box(1.1, -0.4, 1.25, -0.1, mix(colour, BLACK, 0.2), 0.04)
    canvas.fill(shape.grown(0.18).outline(), mix(colour, BLACK, 0.35))
    canvas.fill(shape.grown(0.16).outline(), colour)
    canvas.fill(shape.grown(0.11).outline(), grey(6))


@family("clock", (1.15, 2.1, 1.15, 2.1), shapes=_panel(1.9, 2.0), display="screen", taste=Taste(seconds=0.0))
def phone_screen(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A telephone's lock screen."""
    canvas.fill(shape.grown(0.11).outline(), mix(choose(dice, "gunmetal", "steel", "rose"), BLACK, 0.2))
    canvas.fill(shape.grown(0.07).outline(), grey(8))


@family("clock", (1.5, 1.1, 2.4, 1.1), shapes=_panel(0.34, 0.4, power=20.0), display="led", taste=Taste(seconds=0.0))
def oven_panel(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """The clock in the panel of an oven or radio, with knobs and buttons."""
    colour = choose(dice, "steel", "gunmetal", "black", "white")
    canvas.box(-1.5, -1.0, 2.4, 1.0, mix(colour, BLACK, 0.15), 0.05)
    canvas.box(-1.46, -0.96, 2.36, 0.9, colour, 0.05)
    canvas.disc(1.75, 0.0, 0.42, mix(colour, BLACK, 0.45))
    canvas.disc(1.75, 0.0, 0.36, mix(colour, WHITE, 0.1))
    canvas.box(1.72, -0.34, 1.78, -0.1, mix(colour, BLACK, 0.7))
    buttons = [circle(16) * 0.08 + (x, 0.68) for x in np.linspace(-0.8, 0.8, 5)]
    canvas.fill_all(np.stack(buttons), mix(colour, BLACK, 0.4))
    canvas.fill(shape.grown(0.05).outline(), grey(12))


@family("clock", (1.2, 0.75, 1.2, 0.75), shapes=_panel(0.4, 0.5), display="screen", taste=_SOME_SECONDS)
def sign_clock(canvas: Canvas, dice: Dice, shape: Shape) -> None:
    """A flat screen in a public place."""
    canvas.fill(shape.grown(0.1).outline(), grey(25))
    screws(canvas, box(-1.05, -shape.half_height - 0.05, 1.05, shape.half_height + 0.05), 0.025, grey(110), dice)
