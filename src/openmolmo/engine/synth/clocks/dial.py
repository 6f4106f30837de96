"""The dial: paper, minute track, numerals and markers, sub-dials, date window, lettering."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from openmolmo.engine.synth.clocks.canvas import Canvas, Points, box, circle, rotated, turned
from openmolmo.engine.synth.clocks.dice import Dice
from openmolmo.engine.synth.clocks.glyphs import outline
from openmolmo.engine.synth.clocks.look import Look
from openmolmo.engine.synth.clocks.palette import Colour, grey, luma, mix
from openmolmo.engine.synth.clocks.shapes import Shape
from openmolmo.engine.synth.clocks.textures import dial_texture

__all__ = ["draw_dial", "draw_text", "labels"]

_ROMAN = ("XII", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI")
_NAMES = (
    *("AURELIA", "NORDHAVN", "Lumen", "CASTELL", "Meridian", "OSTRA"),
    *("Belmont", "KERN", "Solenne", "VANTAGE", "HALDEN", "Tempora"),
)
_WORDS = ("AUTOMATIC", "QUARTZ", "CLASSIC", "17 JEWELS", "SINCE 1921", "HANDMADE")
_SUBDIALS = {
    "three": ((0.45, 0.0), (0.0, 0.45), (-0.45, 0.0)),
    "two": ((-0.45, 0.0), (0.45, 0.0)),
    "two_vertical": ((0.0, -0.42), (0.0, 0.45)),
    "six": ((0.0, 0.45),),
}


def labels(kind: str, *, four: str = "IV") -> tuple[str | None, ...]:
    """What stands at 12, 1, ... 11; None where there is no numeral but a marker."""
    if kind in {"roman", "roman_quarters"}:
        names: tuple[str, ...] = (*_ROMAN[:4], four, *_ROMAN[5:])
    elif kind == "minutes":
        names = ("60", *(f"{5 * i:02d}" for i in range(1, 12)))
    else:
        names = ("12", *(str(i) for i in range(1, 12)))
    step = {"quarters": 3, "roman_quarters": 3, "twelve_six": 6, "none": 99}.get(kind, 1)
    return tuple(name if step < 99 and i % step == 0 else None for i, name in enumerate(names))


def draw_dial(canvas: Canvas, dice: Dice, look: Look, shape: Shape) -> None:
    """Everything printed on the dial, in the order a printer would."""
    canvas.fill(shape.outline(), look.paper)
    if look.texture != "plain":
        x, y = shape.half_width, shape.half_height
        canvas.shade(dial_texture(look.texture, dice.whole(0, 3), shape.power), (-x, -y, x, y), dice.between(0.25, 0.7))
    for centre in _SUBDIALS.get(look.subdials, ()):
        _subdial(canvas, dice, look, centre, shape.smaller)
    _track(canvas, dice, look, shape)
    names = list(labels(look.numerals, four=dice.pick(("IV", "IIII"))))
    if look.date != "none":
        names = _date(canvas, dice, look, names, shape)
    inside = look.ticks == "inner"
    at = 0.84 if inside or look.ticks == "none" else 0.97 - 0.07 - look.numeral_height * 0.62
    _numerals(canvas, look, shape, names, at)
    if look.marker != "none":
        _markers(canvas, look, shape, names, at)
    if look.numerals == "ring24":
        _ring24(canvas, look, shape, at - look.numeral_height * 0.95)
    if look.logo:
        _lettering(canvas, dice, look, shape)


def draw_text(canvas: Canvas, text: str, font: str, height: float, place: tuple[float, float], colour: Colour) -> None:
    """One line of text, upright, centred at ``place``, ``height`` dial radii high."""
    shape = outline(font, text)
    if shape.ends:
        canvas.fill_all(np.split(shape.points * height + np.array(place), shape.ends[:-1]), colour)


def _track(canvas: Canvas, dice: Dice, look: Look, shape: Shape) -> None:
    if look.ticks == "none":
        return
    outer = 0.66 if look.ticks == "inner" else 0.97
    minor, major = 0.035, (0.035 if look.ticks == "railway" else dice.pick((0.05, 0.07)))
    if look.ticks in {"railway", "inner"}:
        for scale in (outer, outer - 0.045):
            canvas.line(shape.outline(scale), 0.006, look.ink, closed=True)
    if look.ticks == "dots":
        dots = [
            circle(8) * (0.017 if i % 5 else 0.026) + _on(shape, i * math.tau / 60, outer - 0.03) for i in range(60)
        ]
        canvas.fill_all(np.stack(dots), look.ink)
        return
    thin, thick = dice.between(0.005, 0.008), dice.between(0.01, 0.02)
    if look.ticks != "hours":
        canvas.fill_all(_ticks(shape, outer, minor, thin, 60), look.ink)
    canvas.fill_all(_ticks(shape, outer, major, thick, 12), look.ink)


def _ticks(shape: Shape, outer: float, length: float, half_width: float, count: int) -> Points:
    """Quads (count, 4, 2) from ``outer`` inwards, all round."""
    turns, reach = _spokes(shape, count)
    quad = np.array([[-half_width, 0.0], [half_width, 0.0], [half_width, length], [-half_width, length]])
    quads = np.repeat(quad[None], count, 0)
    quads[:, :, 1] -= (reach * outer)[:, None]
    result: Points = quads @ turns
    return result


@lru_cache(maxsize=256)
def _spokes(shape: Shape, count: int) -> tuple[Points, Points]:
    angles = np.arange(count) * (math.tau / count)
    return np.stack([turned(angle) for angle in angles]), np.array([shape.reach(angle) for angle in angles])


def _on(shape: Shape, angle: float, at: float) -> Points:
    """The point at ``at`` of the way from the centre to the edge."""
    distance = shape.reach(angle) * at
    return np.array([math.sin(angle) * distance, -math.cos(angle) * distance])


def _numerals(canvas: Canvas, look: Look, shape: Shape, names: list[str | None], at: float) -> None:
    height = look.numeral_height * (0.35 + 0.65 * shape.smaller) * (0.85 if look.numerals.startswith("roman") else 1.0)
    parts: list[Points] = []
    for index, name in enumerate(names):
        if not name:
            continue
        glyphs = outline(look.font, name)
        angle = index * math.tau / 12
        points = glyphs.points * height
        if not look.upright:
            points = rotated(points, angle if not 3 < index < 9 else angle + math.pi)
        place = _on(shape, angle, at)
        if look.upright:  # wide numerals keep clear of the edge at the sides
            place[0] -= math.sin(angle) * max(0.0, glyphs.half_width * height - height / 2) * 0.9
        parts.extend(np.split(points + place, glyphs.ends[:-1]))
    canvas.fill_all(parts, look.ink)


def _markers(canvas: Canvas, look: Look, shape: Shape, names: list[str | None], at: float) -> None:
    size = look.numeral_height * 0.5
    forms: list[Points] = []
    for index, name in enumerate(names):
        if name is not None:
            continue
        angle = index * math.tau / 12
        big = 1.25 if index % 3 == 0 else 1.0
        half = 0.022 * big
        if look.marker == "dot":
            forms.append(circle(20) * size * 0.5 * big + _on(shape, angle, at))
            continue
        form = {
            "wedge": np.array([[-2.2 * half, -size], [2.2 * half, -size], [0.0, size]]),
            "diamond": np.array([[0.0, -size], [1.8 * half, 0.0], [0.0, size], [-1.8 * half, 0.0]]),
        }.get(look.marker, box(-half, -size, half, size))
        if look.marker == "double" and index == 0:
            forms.append(rotated(box(-2.8 * half, -size, -0.8 * half, size), angle) + _on(shape, angle, at))
            form = box(0.8 * half, -size, 2.8 * half, size)
        forms.append(rotated(form, angle) + _on(shape, angle, at))
    canvas.fill_all(forms, look.marker_colour)


def _ring24(canvas: Canvas, look: Look, shape: Shape, at: float) -> None:
    """The small inner ring 13-24 of military dials."""
    colour = mix(look.ink, look.paper, 0.25)
    parts: list[Points] = []
    for index in range(12):
        glyphs = outline("sans", "24" if index == 0 else str(12 + index))
        parts.extend(np.split(glyphs.points * 0.085 + _on(shape, index * math.tau / 12, at), glyphs.ends[:-1]))
    canvas.fill_all(parts, colour)


def _subdial(canvas: Canvas, dice: Dice, look: Look, centre: tuple[float, float], reach: float) -> None:
    """A small register with its own hand; it tells nothing about the time asked for."""
    x, y = centre[0] * reach, centre[1] * reach
    radius = 0.21 * reach
    ground = mix(look.paper, grey(0 if luma(look.paper) > 90 else 255), dice.between(0.0, 0.16))
    canvas.disc(x, y, radius, ground)
    canvas.ring(x, y, radius, 0.01, mix(look.ink, look.paper, 0.4))
    place = np.array([x, y])
    quads = _ticks(Shape(radius, radius), 0.95, radius * 0.2, 0.004, dice.pick((12, 24, 30)))
    canvas.fill_all(quads + place, mix(look.ink, look.paper, 0.3))
    pointer = np.array([[-0.009, 0.04], [0.009, 0.04], [0.004, -radius * 0.85], [-0.004, -radius * 0.85]])
    canvas.fill(rotated(pointer, dice.between(0, math.tau)) + place, mix(look.hand_colour, look.paper, 0.2))


def _date(canvas: Canvas, dice: Dice, look: Look, names: list[str | None], shape: Shape) -> list[str | None]:
    """The date window; the numeral in its place gives way."""
    angle = {"three": math.tau / 4, "six": math.tau / 2, "half_four": math.tau * 4.5 / 12}[look.date]
    at = 0.72 if look.date != "half_four" else 0.6
    x, y = _on(shape, angle, at)
    white = luma(look.paper) > 90 or dice.chance(0.6)
    canvas.box(x - 0.105, y - 0.075, x + 0.105, y + 0.075, grey(250 if white else 15))
    canvas.line(box(x - 0.105, y - 0.075, x + 0.105, y + 0.075), 0.012, mix(look.ink, grey(140), 0.6), closed=True)
    draw_text(canvas, str(dice.whole(1, 31)), "sans", 0.09, (x, y), grey(20 if white else 240))
    hidden = {"three": 3, "six": 6}.get(look.date, -1)
    return ["" if index == hidden else name for index, name in enumerate(names)]


def _lettering(canvas: Canvas, dice: Dice, look: Look, shape: Shape) -> None:
    faint = mix(look.ink, look.paper, 0.15)
    font = dice.pick(("sans", "serif_light", "wide", "slanted", "light"))
    if look.subdials in {"none", "three", "two", "six"}:
        draw_text(canvas, dice.pick(_NAMES), font, dice.between(0.055, 0.08), (0, -0.4 * shape.half_height), faint)
    if look.subdials == "none" and look.date != "six" and dice.chance(0.5):
        draw_text(canvas, dice.pick(_WORDS), "sans", dice.between(0.035, 0.05), (0, 0.4 * shape.half_height), faint)
