"""What is drawn is the time that is told, read back from pixels without the drawing code."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmolmo.core.rng import derive
from openmolmo.engine.synth.clocks.canvas import Canvas, circle, rotated, rounded_box
from openmolmo.engine.synth.clocks.dial import draw_dial, labels
from openmolmo.engine.synth.clocks.dice import Dice
from openmolmo.engine.synth.clocks.displays import DISPLAYS, Reading, draw_display
from openmolmo.engine.synth.clocks.family import FAMILY_TABLE
from openmolmo.engine.synth.clocks.glyphs import FONTS, outline
from openmolmo.engine.synth.clocks.hands import HANDS, draw_hands
from openmolmo.engine.synth.clocks.look import MARKERS, NUMERALS, TICKS, Look, Taste, choose_look
from openmolmo.engine.synth.clocks.moment import Moment
from openmolmo.engine.synth.clocks.palette import rgb
from openmolmo.engine.synth.clocks.photograph import Pose
from openmolmo.engine.synth.clocks.shapes import ROUND, Shape

EXTENT = (1.1, 1.1, 1.1, 1.1)
PLAIN = Taste(papers=("white",), numerals=("none",), ticks=("none",), hands=("baton",), hand_colours=("ink",), date=0)


def dice(*keys: int | str) -> Dice:
    return Dice(derive(3, *keys))


def hand_ink(moment: Moment, look: Look, key: int) -> tuple[Canvas, np.ndarray]:
    """A dial with hands, and where its pixels are dark: only hands and their shadow can be."""
    canvas = Canvas(EXTENT, 120)
    canvas.fill(ROUND.outline(), rgb(0xFFFFFF))
    draw_hands(canvas, dice(key), moment, look, ROUND)
    return canvas, (canvas.pixels[..., :3].max(2) < 100) & (canvas.pixels[..., 3] == 255)


def ink_at(canvas: Canvas, dark: np.ndarray, radius: float, degrees: float) -> bool:
    """Whether there is ink within a degree of a place on the dial."""
    for angle in np.radians([degrees - 1, degrees, degrees + 1]):
        x = round(canvas.x0 + math.sin(angle) * radius * canvas.unit)
        y = round(canvas.y0 - math.cos(angle) * radius * canvas.unit)
        if dark[y, x]:
            return True
    return False


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 30))
def test_hands_point_where_the_time_says(hour: int, minute: int, key: int) -> None:
    look = dataclasses.replace(choose_look(dice("look", key), PLAIN), lume=None, hand_colour=rgb(0x101010))
    canvas, dark = hand_ink(Moment(hour, minute), look, key)
    minute_at, hour_at = minute * 6.0, (hour % 12) * 30 + minute / 2
    assert ink_at(canvas, dark, look.minute_length * 0.97, minute_at)
    assert ink_at(canvas, dark, look.hour_length * 0.95, hour_at)
    # Nothing else reaches past the hour hand, and nothing past the minute hand.
    y, x = np.nonzero(dark)
    distance = np.hypot(x - canvas.x0, y - canvas.y0) / canvas.unit
    far = distance > look.hour_length + 0.06
    angle = np.degrees(np.arctan2(x - canvas.x0, canvas.y0 - y))[far]
    assert np.all(np.abs((angle - minute_at + 180) % 360 - 180) < 9)
    assert distance.max() < look.minute_length + 0.05


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_hands_move_steadily(hour: int, minute: int, second: int) -> None:
    angles = Moment(hour, minute, second).hand_angles()
    seconds = (hour % 12) * 3600 + minute * 60 + second
    expected = (seconds / 43200 * 360, seconds % 3600 / 3600 * 360, second * 6)
    assert np.allclose(np.degrees(np.array(angles, float)), expected)


@pytest.mark.parametrize("second", [0, 13, 30, 44])
def test_the_second_hand_is_drawn_in_its_colour(second: int) -> None:
    look = choose_look(dice("seconds"), PLAIN)
    canvas = Canvas(EXTENT, 120)
    canvas.fill(ROUND.outline(), rgb(0xFFFFFF))
    draw_hands(canvas, dice(1), Moment(10, 20, second), look, ROUND)
    angle = math.radians(second * 6)
    x, y = (round(canvas.x0 + s * 0.86 * canvas.unit) for s in (math.sin(angle), -math.cos(angle)))
    around = canvas.pixels[y - 2 : y + 3, x - 2 : x + 3, :3].reshape(-1, 3).astype(int)
    assert np.abs(around - look.second_colour[:3]).sum(1).min() < 60


def test_the_minute_hand_is_the_longer_and_the_hour_hand_the_wider() -> None:
    for key in range(200):
        look = choose_look(dice("any", key), Taste())
        assert look.minute_length > look.hour_length + 0.15
        assert look.minute_length <= 0.9


@pytest.mark.parametrize("kind", NUMERALS)
def test_numerals_stand_at_their_hours(kind: str) -> None:
    names = labels(kind)
    assert len(names) == 12
    first = {"roman": "XII", "roman_quarters": "XII", "minutes": "60", "none": None}.get(kind, "12")
    third = {"roman": "III", "roman_quarters": "III", "minutes": "15", "none": None, "twelve_six": None}.get(kind, "3")
    assert (names[0], names[3]) == (first, third)


@pytest.mark.parametrize("hands", list(HANDS))
@pytest.mark.parametrize("shape", [ROUND, Shape(0.7, 1.0, 8.0)])
def test_every_hand_style_marks_the_dial(hands: str, shape: Shape) -> None:
    taste = Taste(papers=("white",), hands=(hands,), hand_colours=("ink",))
    look = choose_look(dice(hands), taste)
    canvas = Canvas(EXTENT, 60)
    draw_dial(canvas, dice(hands, 1), look, shape)
    before = canvas.pixels.copy()
    draw_hands(canvas, dice(hands, 2), Moment(10, 9), look, shape)
    changed = (before != canvas.pixels).any(2)
    assert 0.005 < changed.mean() < 0.4


def test_every_kind_of_print_is_drawn() -> None:
    pictures = set()
    for numerals in NUMERALS:
        for marker, ticks in [(MARKERS[0], tick) for tick in TICKS] + [(marker, TICKS[0]) for marker in MARKERS]:
            taste = Taste(papers=("white",), numerals=(numerals,), markers=(marker,), ticks=(ticks,), date=0, logo=0)
            canvas = Canvas(EXTENT, 50)
            draw_dial(canvas, dice("print"), choose_look(dice("print", 1), taste), ROUND)
            pictures.add(canvas.pixels.tobytes())
    # With numerals at every hour the markers do not show; everything else differs.
    assert len(pictures) >= len(NUMERALS) * (len(TICKS) - 1)


def seven_segments(canvas: Canvas, x: float, height: float) -> str:
    """The digit at x, from seven samples of brightness, by the usual lettering of segments."""
    spots = {"a": (0, -0.45), "d": (0, 0.45), "g": (0, 0), "b": (0.2, -0.25), "c": (0.2, 0.25)}
    spots |= {"e": (-0.2, 0.25), "f": (-0.2, -0.25)}
    lit = set()
    for name, (dx, dy) in spots.items():
        column, row = round(canvas.x0 + (x + dx * height) * canvas.unit), round(canvas.y0 + dy * height * canvas.unit)
        if canvas.pixels[row - 2 : row + 3, column - 2 : column + 3, :3].max() > 140:
            lit.add(name)
    digits = ("abcdef", "bc", "abdeg", "abcdg", "bcfg", "acdfg", "acdefg", "abc", "abcdefg", "abcdfg")
    return str([set(digit) for digit in digits].index(lit))


class First(Dice):
    """Always the first option and never a chance: digits without lean or glow."""

    def pick(self, options):
        return options[0]

    def chance(self, probability: float) -> bool:
        return False


@pytest.mark.parametrize("text", ["12:34", "05:67", "18:90", "23:59"])
def test_led_digits_read_back(text: str) -> None:
    canvas = Canvas(EXTENT, 200)
    draw_display(canvas, First(derive(0)), "led", Shape(1.0, 0.4, 12.0), Reading(text, "", True))
    lit = np.nonzero(canvas.pixels[..., :3].max(2) > 200)
    height = (lit[0].max() - lit[0].min()) / canvas.unit
    # Digits half as wide as high, a colon of 0.45 and gaps of 0.32 of a digit's width.
    digit = height / 2
    first, pitch = -(4 + 0.45 + 4 * 0.32) * digit / 2 + digit / 2, 1.32 * digit
    places = (first, first + pitch, -first - pitch, -first)
    assert "".join(seven_segments(canvas, x, height) for x in places) == text.replace(":", "")


@pytest.mark.parametrize("kind", list(DISPLAYS))
def test_displays_change_with_the_reading(kind: str) -> None:
    shapes = [family.shapes[0] for family in FAMILY_TABLE.values() if family.display == kind]
    assert shapes, f"no family has a display of kind {kind}"
    pictures = set()
    for text in ("10:08", "10:09", "7:45", "23:59:59"):
        canvas = Canvas((1.1, 2.1, 1.1, 2.1), 60)
        draw_display(canvas, dice(kind), kind, shapes[0], Reading(text, "", True))
        pictures.add(canvas.pixels.tobytes())
    assert len(pictures) == 4


@pytest.mark.parametrize("font", list(FONTS))
def test_outlines_are_of_capital_height_and_centred(font: str) -> None:
    for text in ("8", "12", "VIII", "XII"):
        shape = outline(font, text)
        low, high = shape.points.min(0), shape.points.max(0)
        assert 0.85 < high[1] - low[1] < 1.3
        assert abs(low + high).max() < 0.3
        assert shape.ends[-1] == len(shape.points)


@given(st.floats(-3, 3), st.floats(0.2, 1.0), st.floats(0.2, 1.0), st.floats(2, 12))
def test_reach_is_on_the_outline(angle: float, width: float, height: float, power: float) -> None:
    shape = Shape(width, height, power)
    distance = shape.reach(angle)
    x, y = math.sin(angle) * distance, math.cos(angle) * distance
    assert abs(x / width) ** power + abs(y / height) ** power == pytest.approx(1.0)


def test_turning_is_clockwise_from_twelve() -> None:
    assert np.allclose(rotated(np.array([[0.0, -1.0]]), math.pi / 2), [[1.0, 0.0]])
    assert np.allclose(circle(4), [[0, -1], [1, 0], [0, 1], [-1, 0]], atol=1e-12)
    corners = rounded_box(-1, -0.5, 1, 0.5, 0.2)
    assert np.allclose([corners.min(0), corners.max(0)], [[-1, -0.5], [1, 0.5]])


def test_a_pose_puts_the_dial_where_it_says() -> None:
    canvas = Canvas((1.2, 1.5, 1.3, 1.4), 80)
    matrix = Pose(50, 120, 90, turn=math.pi / 2).matrix(canvas)
    centre = matrix @ (canvas.x0, canvas.y0, 1)
    twelve = matrix @ (canvas.x0, canvas.y0 - canvas.unit, 1)
    assert np.allclose(centre / centre[2], (120, 90, 1))
    assert np.allclose(twelve / twelve[2], (170, 90, 1))


def test_dice_are_fair_and_repeatable() -> None:
    first, second = dice("fair"), dice("fair")
    values = [first.whole(1, 6) for _ in range(6000)]
    assert values == [second.whole(1, 6) for _ in range(6000)]
    assert set(values) == set(range(1, 7))
    assert min(np.bincount(values)[1:]) > 850
    third = dice("weights")
    picks = [third.weighted(((3.0, "a"), (1.0, "b"))) for _ in range(4000)]
    assert 0.7 < picks.count("a") / 4000 < 0.8
