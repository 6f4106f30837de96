"""Every metric on cases worked out by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmolmo.core.errors import DataError
from openmolmo.evaluation.metrics.clocks import ClockTime, read_clock, score_clock
from openmolmo.evaluation.metrics.counting import score_count
from openmolmo.evaluation.metrics.pointing import match_points, score_points
from openmolmo.evaluation.metrics.short_answers import normalise, score_short_answer
from openmolmo.records.example import Point
from openmolmo.records.masks import encode


def box(left, top, right, bottom):
    """A mask of a 100x100 picture: percent are pixels."""
    mask = np.zeros((100, 100), bool)
    mask[top:bottom, left:right] = True
    return encode(mask)


# ------------------------------------------------------------------------------------ pointing

TRUE = (Point(15, 15), Point(75, 15))
MASKS = (box(10, 10, 20, 20), box(70, 10, 80, 20))


def points(*places):
    return [Point(x, y) for x, y in places]


def test_all_inside_is_one_in_any_order():
    score = score_points(points((71, 11), (19, 19)), TRUE, MASKS)
    assert (score.precision, score.recall, score.f1, score.right) == (1.0, 1.0, 1.0, (True, True))


def test_a_miss_and_a_hit():
    score = score_points(points((15, 15), (50, 50)), TRUE, MASKS)
    assert (score.precision, score.recall, score.f1, score.right) == (0.5, 0.5, 0.5, (True, False))


def test_two_points_on_one_object_count_once():
    score = score_points(points((14, 14), (16, 16), (75, 15)), TRUE, MASKS)
    assert score.recall == 1.0
    assert score.precision == pytest.approx(2 / 3)
    assert score.f1 == pytest.approx(0.8)


def test_too_few_points_cost_recall():
    score = score_points(points((15, 15)), TRUE, MASKS)
    assert (score.precision, score.recall) == (1.0, 0.5)
    assert score.f1 == pytest.approx(2 / 3)


def test_a_point_is_judged_by_the_mask_of_its_match_only():
    # Both lie in the first mask; the assignment sends one to the second object, where it is wrong.
    score = score_points(points((11, 15), (19, 15)), TRUE, MASKS)
    assert (score.precision, score.recall) == (0.5, 0.5)
    assert score.right == (True, False)


def test_saying_that_nothing_is_there():
    assert score_points([], ()).f1 == 1.0
    wrong = score_points(points((5, 5)), ())
    assert (wrong.precision, wrong.recall, wrong.f1) == (0.0, 0.0, 0.0)
    missed = score_points([], TRUE, MASKS)
    assert (missed.precision, missed.recall, missed.f1) == (0.0, 0.0, 0.0)


def test_without_masks_a_radius_is_needed_and_used():
    with pytest.raises(DataError, match="radius"):
        score_points(points((15, 15)), TRUE)
    assert score_points(points((15, 19), (75, 21)), TRUE, radius=5).right == (True, False)
    # In a picture twice as high as wide, 3 % of the height is 6 % of the width.
    assert score_points(points((15, 18)), (Point(15, 15),), radius=5, aspect=2).right == (False,)


def test_points_in_another_picture_are_wrong_wherever_they_are():
    true = (Point(15, 15), Point(75, 15, 1))
    for masks in ((), MASKS):
        said = score_points([Point(75, 15), Point(15, 15, 1)], true, masks, radius=5)
        assert (said.f1, said.right) == (0.0, (False, False))
        assert score_points([Point(75, 15, 1), Point(15, 15)], true, masks, radius=5).f1 == 1.0
    # Each picture has its own shape.
    high = (Point(15, 15, 1),)
    assert score_points([Point(15, 18, 1)], high, radius=5, aspect=(1.0, 2.0)).right == (False,)
    assert score_points([Point(15, 18, 1)], high, radius=5, aspect=(2.0, 1.0)).right == (True,)


def test_masks_must_be_one_a_point():
    with pytest.raises(DataError, match="2 true points but 1 masks"):
        score_points([], TRUE, MASKS[:1])


places = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=4)


@given(places, places)
def test_the_assignment_is_the_shortest_of_all(left, right):
    found = match_points(points(*left), points(*right))
    assert len(found) == min(len(left), len(right))
    short, long = sorted((left, right), key=len)
    best = min(
        (
            sum(math.dist(a, b) for a, b in zip(short, chosen, strict=True))
            for chosen in itertools.permutations(long, len(short))
        ),
        default=0.0,
    )
    assert sum(distance for _, _, distance in found) == pytest.approx(best)


# ------------------------------------------------------------------------------------ counting


def test_counting():
    assert score_count(3, 3) == {"accuracy": 1.0, "within_1": 1.0}
    assert score_count(4, 3) == {"accuracy": 0.0, "within_1": 1.0}
    assert score_count(5, 3) == {"accuracy": 0.0, "within_1": 0.0}
    assert score_count(None, 0) == {"accuracy": 0.0, "within_1": 0.0}


# -------------------------------------------------------------------------------------- clocks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The time shown is 10:42.", (10, 42, None)),
        ("It is 03:07:55.", (3, 7, 55)),
        ("15:07", (3, 7, None)),
        ("00:30", (12, 30, None)),
        ("24:00", (12, 0, None)),
        ("12:00 PM", (12, 0, None)),
        ("about 9 : 05", (9, 5, None)),
        ("It's 3 o'clock", (3, 0, None)),
        ("not 25:10 but 1:10", (1, 10, None)),
        ("5:75", None),
        ("1:2", None),
        ("10:421", None),
        ("half past three", None),
        ("", None),
    ],
)
def test_reading_times(text, expected):
    assert read_clock(text) == (None if expected is None else ClockTime(*expected))


@pytest.mark.parametrize(
    ("said", "true", "accuracy", "exact", "hour", "minute"),
    [
        ((10, 42), (10, 42), 1, 1, 1, 1),
        ((10, 43), (10, 42), 1, 0, 1, 1),
        ((10, 44), (10, 42), 0, 0, 1, 0),
        ((11, 42), (10, 42), 0, 0, 0, 1),
        ((11, 59), (12, 0), 1, 0, 0, 1),  # one minute apart on the dial: right, though the hour is another
        ((12, 0), (11, 59), 1, 0, 0, 1),
        ((12, 59), (1, 0), 1, 0, 0, 1),
        ((12, 59), (12, 0), 0, 0, 1, 1),  # nearly an hour apart
        ((6, 0), (12, 0), 0, 0, 0, 1),
    ],
)
def test_scoring_times(said, true, accuracy, exact, hour, minute):
    score = score_clock(ClockTime(*said), ClockTime(*true))
    assert score == {"accuracy": accuracy, "exact": exact, "hour": hour, "minute": minute, "readable": 1}


def test_an_unreadable_time_is_wrong():
    assert set(score_clock(read_clock("late"), ClockTime(1, 2)).values()) == {0.0}


@given(st.integers(1, 12), st.integers(0, 59), st.integers(0, 59), st.booleans())
def test_every_written_time_is_read(hour, minute, second, seconds):
    text = f"It is {hour:02}:{minute:02}" + (f":{second:02}." if seconds else ".")
    assert read_clock(text) == ClockTime(hour, minute, second if seconds else None)


# ------------------------------------------------------------------------------- short answers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Two red-stars.", "2 red stars"),
        ("A  yellow boat", "yellow boat"),
        ("don't", "dont"),
        ("3.5", "3.5"),
        ("1,000", "1000"),
        ("None", "0"),
        ("'yes'!", "yes"),
    ],
)
def test_normalising(text, expected):
    assert normalise(text) == expected


def test_short_answers():
    assert score_short_answer("Three.", ("3",))["accuracy"] == 1.0
    assert score_short_answer("the red star", ("blue star", "red star"))["accuracy"] == 1.0
    assert score_short_answer("red", ("red star",))["accuracy"] == 0.0
    assert score_short_answer("", ("the",))["accuracy"] == 0.0
