"""Digital displays: LED and LCD segments, flip cards, split flaps, dot matrix, tubes, plain screens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from openmolmo.core.optional import require
from openmolmo.engine.synth.clocks.canvas import Canvas, Points, box, circle, rounded_box
from openmolmo.engine.synth.clocks.dial import draw_text
from openmolmo.engine.synth.clocks.dice import Dice
from openmolmo.engine.synth.clocks.glyphs import outline
from openmolmo.engine.synth.clocks.moment import Moment
from openmolmo.engine.synth.clocks.palette import Colour, choose, grey, mix, rgb
from openmolmo.engine.synth.clocks.shapes import Shape

cv2 = require("cv2", extra="synth")

__all__ = ["DISPLAYS", "Reading", "SEGMENTS", "choose_reading", "draw_display"]

# Lit segments of each digit: top, upper right, lower right, bottom, lower left, upper left, middle.
SEGMENTS = {
    "0": "abcdef",
    "1": "bc",
    "2": "abged",
    "3": "abgcd",
    "4": "fgbc",
    "5": "afgcd",
    "6": "afgedc",
    "7": "abc",
    "8": "abcdefg",
    "9": "abcdfg",
}
_MATRIX = {
    "0": (14, 17, 19, 21, 25, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 2, 4, 8, 31),
    "3": (31, 2, 4, 2, 1, 17, 14),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a digital clock shows: the characters, AM or PM if shown, and whether hours run to 23."""

    text: str
    suffix: str
    hours24: bool


def choose_reading(dice: Dice, moment: Moment, kind: str) -> Reading:
    """24-hour or 12-hour form, with or without a leading zero and AM/PM where the display has room."""
    hours24 = dice.chance(0.35)
    text = moment.text(hours24=hours24)
    if not hours24 and dice.chance(0.7):
        text = text.removeprefix("0")
    bare = hours24 or kind in {"split_flap", "nixie"} or dice.chance(0.5)
    suffix = "" if bare else ("AM" if moment.hour < 12 else "PM")
    return Reading(text, suffix, hours24)


def draw_display(canvas: Canvas, dice: Dice, kind: str, shape: Shape, reading: Reading) -> None:
    """Fill the panel with the reading, in one of the kinds of :data:`DISPLAYS`."""
    DISPLAYS[kind](canvas, dice, shape, reading)


def _cells(
    text: str, shape: Shape, *, fill: float, aspect: float, colon: float = 0.45, gap: float = 0.22
) -> tuple[list[tuple[str, float]], float]:
    """Centres x of every character and the digit height that fits the panel.

    ``aspect`` is digit width by height; ``colon`` and ``gap`` are in digit widths.
    """
    widths = [colon if char == ":" else 1.0 for char in text]
    total = sum(widths) + gap * (len(text) - 1)
    digit = min(2 * shape.half_width * fill / total, 2 * shape.half_height * fill * aspect)
    x, places = -total * digit / 2, []
    for char, width in zip(text, widths, strict=True):
        places.append((char, x + width * digit / 2))
        x += (width + gap) * digit
    return places, digit / aspect


@lru_cache(maxsize=16)
def _segment_forms(thick: float) -> dict[str, Points]:
    """The seven segments of a digit of width 0.5 and height 1, centred."""
    half, t, gap = 0.25, thick, 0.012

    def bar(length: float) -> Points:
        h, e = t / 2, length / 2 - gap
        return np.array([[-e, 0.0], [-e + h, -h], [e - h, -h], [e, 0.0], [e - h, h], [-e + h, h]])

    across, down = bar(2 * half - t), bar(0.5 - t / 2)[:, ::-1]
    x, y, quarter = half - t / 2, 0.5 - t / 2, 0.25 - t / 4
    places = {
        "a": (across, 0.0, -y),
        "d": (across, 0.0, y),
        "g": (across, 0.0, 0.0),
        "f": (down, -x, -quarter),
        "b": (down, x, -quarter),
        "e": (down, -x, quarter),
        "c": (down, x, quarter),
    }
    return {name: form + np.array([dx, dy]) for name, (form, dx, dy) in places.items()}


def _segments(reading: Reading, shape: Shape, dice: Dice, fill: float) -> tuple[list[Points], list[Points]]:
    """Polygons of lit and of unlit segments."""
    forms = _segment_forms(dice.pick((0.09, 0.11, 0.13)))
    slant = dice.pick((0.0, 0.08, 0.14))
    places, height = _cells(reading.text, shape, fill=fill, aspect=0.5, gap=0.32)
    lit: list[Points] = []
    unlit: list[Points] = []
    for char, x in places:
        if char == ":":
            lit += [circle(12) * 0.055 * height + (x - slant * y * height, y * height) for y in (-0.17, 0.17)]
            continue
        for name, form in forms.items():
            leaning = np.stack([form[:, 0] - slant * form[:, 1], form[:, 1]], 1) * height + (x, 0.0)
            (lit if name in SEGMENTS[char] else unlit).append(leaning)
    return lit, unlit


def _led(canvas: Canvas, dice: Dice, shape: Shape, reading: Reading) -> None:
    colour = choose(dice, "led")
    canvas.fill(shape.outline(), grey(dice.between(4, 26)))
    lit, unlit = _segments(reading, shape, dice, dice.between(0.72, 0.86))
    if dice.chance(0.4):
        canvas.fill_all(unlit, mix(grey(14), colour, 0.09))
    canvas.fill_all(lit, colour)
    _suffix(canvas, shape, reading, colour)
    if dice.chance(0.7):
        _glow(canvas, shape)


def _glow(canvas: Canvas, shape: Shape) -> None:
    """Light spilling around lit parts: a small blurred copy added on top."""
    view = canvas.window(-shape.half_width, -shape.half_height, shape.half_width, shape.half_height)
    small = cv2.resize(view, (max(4, view.shape[1] // 4), max(4, view.shape[0] // 4)), interpolation=cv2.INTER_AREA)
    soft = cv2.blur(small, (5, 5))
    cv2.addWeighted(view, 1.0, cv2.resize(soft, (view.shape[1], view.shape[0])), 0.55, 0, dst=view)


def _lcd(canvas: Canvas, dice: Dice, shape: Shape, reading: Reading) -> None:
    paper = choose(dice, "lcd")
    ink = rgb(0x1C2220)
    if dice.chance(0.15):
        paper, ink = ink, mix(paper, grey(255), 0.3)
    canvas.fill(shape.outline(), paper)
    low = shape.half_height
    canvas.box(-shape.half_width * 0.96, -low * 0.96, shape.half_width * 0.96, -low * 0.9, mix(paper, grey(0), 0.12))
    lit, unlit = _segments(reading, shape, dice, dice.between(0.7, 0.84))
    if dice.chance(0.5):
        canvas.fill_all(unlit, mix(paper, ink, 0.07))
    if dice.chance(0.4):
        drop = np.array([0.012, 0.014])
        canvas.fill_all([part + drop for part in lit], mix(paper, ink, 0.22))
    canvas.fill_all(lit, mix(ink, paper, dice.between(0, 0.15)))
    _suffix(canvas, shape, reading, ink)
    if dice.chance(0.5) and low > 0.4:
        word = dice.pick(("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"))
        draw_text(canvas, word, "sans", 0.11 * low + 0.02, (0.45, -0.8 * low), ink)


def _suffix(canvas: Canvas, shape: Shape, reading: Reading, colour: Colour) -> None:
    if reading.suffix:
        place = (-0.72 * shape.half_width, -0.8 * shape.half_height)
        draw_text(canvas, reading.suffix, "sans", max(0.07, 0.13 * shape.half_height), place, colour)


def _cards(canvas: Canvas, dice: Dice, shape: Shape, groups: list[str]) -> None:
    """Cards side by side, each with its text and a slit across the middle."""
    card = dice.pick((grey(22), grey(30), grey(12), grey(240), rgb(0x24303A)))
    ink = grey(240) if card[0] < 128 else grey(18)
    font = dice.pick(("bold", "sans", "round", "narrow"))
    gap = 0.045
    shares = [0.4 if text == ":" else 1.0 for text in groups]
    full = (2 * shape.half_width * 0.94 - gap * (len(groups) - 1)) / sum(shares)
    half_height = min(shape.half_height * 0.88, full * (0.85 if len(groups[0]) == 2 else 0.95))
    x0 = -shape.half_width * 0.94
    for text, share in zip(groups, shares, strict=True):
        width = full * share
        canvas.box(x0, -half_height, x0 + width, half_height, card, 0.05)
        canvas.box(x0, -half_height, x0 + width, 0.0, mix(card, grey(255), 0.05), 0.05)
        glyphs = outline(font, text)
        height = 0.25 * full if text == ":" else min(1.55 * half_height, 0.88 * width / (2 * glyphs.half_width))
        draw_text(canvas, text, font, height, (x0 + width / 2, 0.0), ink)
        slit = 0.013 * half_height
        canvas.box(x0, -slit, x0 + width, slit, mix(card, ink, 0.3))
        x0 += width + gap


def _flip(canvas: Canvas, dice: Dice, shape: Shape, reading: Reading) -> None:
    canvas.fill(shape.outline(), grey(dice.between(5, 40)))
    _cards(canvas, dice, shape, reading.text.split(":"))
    _suffix(canvas, Shape(shape.half_width * 1.05, shape.half_height * 0.86), reading, grey(210))


def _split_flap(canvas: Canvas, dice: Dice, shape: Shape, reading: Reading) -> None:
    canvas.fill(shape.outline(), grey(dice.between(5, 30)))
    _cards(canvas, dice, shape, list(reading.text))


def _matrix(canvas: Canvas, dice: Dice, shape: Shape, reading: Reading) -> None:
    colour = choose(dice, "led")
    canvas.fill(shape.outline(), grey(dice.between(4, 22)))
    places, height = _cells(reading.text, shape, fill=0.86, aspect=5 / 7, colon=0.3, gap=0.2)
    pitch = height / 7
    centres: list[tuple[float, float]] = []
    for char, x in places:
        if char == ":":
            centres += [(x, -pitch), (x, pitch)]
            continue
        for row, bits in enumerate(_MATRIX[char]):
            centres += [(x + (col - 2) * pitch, (row - 3) * pitch) for col in range(5) if bits >> (4 - col) & 1]
    dot = (circle(8) if dice.chance(0.6) else box(-0.8, -0.8, 0.8, 0.8)) * pitch * 0.45
    canvas.fill_all(dot[None] + np.array(centres)[:, None], colour)
    _suffix(canvas, shape, reading, colour)
    if dice.chance(0.4):
        _glow(canvas, shape)


def _nixie(canvas: Canvas, dice: Dice, shape: Shape, reading: Reading) -> None:
    canvas.fill(shape.outline(), rgb(0x140C08))
    places, height = _cells(reading.text, shape, fill=0.82, aspect=0.62, gap=0.35)
    colour = rgb(0xFF8A30)
    for char, x in places:
        if char == ":":
            canvas.fill_all([circle(10) * 0.05 * height + (x, y * height) for y in (-0.15, 0.15)], colour)
            continue
        tube = rounded_box(x - 0.4 * height, -0.66 * height, x + 0.4 * height, 0.66 * height, 0.35 * height)
        canvas.fill(tube, rgb(0x2A1A12))
        canvas.line(tube, 0.015, rgb(0x5A4636), closed=True)
        draw_text(canvas, char, "stroke", height * 0.85, (x, 0.0), colour)
    _glow(canvas, shape)


def _screen(canvas: Canvas, dice: Dice, shape: Shape, reading: Reading) -> None:
    ground = choose(dice, "black", "black", "blue", "green", "white", "bright")
    canvas.fill(shape.outline(), ground)
    ink = grey(245) if sum(ground[:3]) < 400 else grey(20)
    if sum(ground[:3]) < 120 and dice.chance(0.3):
        ink = choose(dice, "led")
    font = dice.pick(("light", "sans", "bold", "narrow", "round", "wide"))
    glyphs = outline(font, reading.text)
    height = min(0.8 * shape.half_width / glyphs.half_width, 0.9 * shape.half_height)
    y = dice.pick((0.0, 0.0, -0.3 * max(0.0, shape.half_height - 0.6)))
    draw_text(canvas, reading.text, font, height, (0.0, y), ink)
    if reading.suffix:
        draw_text(canvas, reading.suffix, font, 0.14 * shape.half_width, (0.0, y + height * 0.5 + 0.17), ink)
    if shape.half_height > 0.8:
        word = f"{dice.pick(('MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT', 'SUN'))} {dice.whole(1, 31)}"
        draw_text(canvas, word, "sans", 0.11, (0.0, y - height * 0.5 - 0.2), mix(ink, ground, 0.3))
        for i, x in enumerate((-0.5, 0.0, 0.5)):
            canvas.disc(
                x, 0.62 * shape.half_height + 0.06, 0.13, choose(dice, "bright") if i else mix(ink, ground, 0.6)
            )


DISPLAYS: dict[str, Callable[[Canvas, Dice, Shape, Reading], None]] = {
    "led": _led,
    "lcd": _lcd,
    "flip": _flip,
    "split_flap": _split_flap,
    "matrix": _matrix,
    "nixie": _nixie,
    "screen": _screen,
}
