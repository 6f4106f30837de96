"""The annotated picture: where marks are, that they can be seen, and how large it is."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageColor

from openmolmo.inference.draw import COLOURS, draw_points, enlarge
from openmolmo.words.answer import FoundPoint


def found(x, y, label="star"):
    return FoundPoint(label, x, y, 0, 0)


def plain(height, width, value):
    return np.full((height, width, 3), value, np.uint8)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_marks_stand_out_from_any_background_at_their_place(value):
    picture = np.asarray(draw_points(plain(600, 800, value), [found(25, 50)], legend=False)).astype(int)
    changed = np.argwhere(np.abs(picture - value).max(-1) > 30)
    assert np.allclose(changed.mean(0), [300, 200], atol=3)
    around = picture[285:316, 185:216].reshape(-1, 3)
    colour = np.array(ImageColor.getrgb(COLOURS[0]))
    assert (np.abs(around - colour).max(-1) < 12).sum() > 100  # the disc
    assert (around.min(-1) > 240).sum() > 30 or value == 255  # the white ring


def test_each_label_has_its_colour():
    picture = np.asarray(draw_points(plain(600, 800, 128), [found(20, 50, "a"), found(80, 50, "b")], legend=False))
    for x, colour in ((160, COLOURS[0]), (640, COLOURS[1])):
        part = picture[280:321, x - 20 : x + 21].reshape(-1, 3).astype(int)
        assert (np.abs(part - ImageColor.getrgb(colour)).max(-1) < 12).sum() > 100


def test_points_that_the_model_was_unsure_of_are_hollow():
    sure, unsure = (
        draw_points(plain(600, 800, 128), [FoundPoint("star", 50, 50, 0, 0, confidence=c)], legend=False)
        for c in (0.9, 0.2)
    )
    assert unsure.getpixel((390, 300)) == (255, 255, 255) != sure.getpixel((390, 300))


def test_marks_grow_with_the_picture():
    def area(side):
        picture = np.asarray(draw_points(plain(side, side, 128), [found(50, 50)], legend=False)).astype(int)
        return (np.abs(picture - 128).max(-1) > 30).sum()

    assert area(2400) > 4 * area(800)


def test_sizes_of_the_result():
    points = [found(10, 10), found(90, 90, "moon")]
    assert draw_points(plain(600, 800, 9), points, legend=False).size == (800, 600)
    width, height = draw_points(plain(600, 800, 9), points).size
    assert width == 800
    assert height > 600
    assert draw_points(plain(600, 800, 9), []).size == (800, 600)
    assert draw_points(plain(100, 200, 9), points, legend=False).size == (600, 300)  # three times as large
    assert max(draw_points(plain(10, 6000, 9), points, legend=False).size) == 4096


@pytest.mark.parametrize("size", [(1, 1), (10, 3000), (3000, 7), (33, 21)])
def test_any_picture_and_any_number_of_points_can_be_drawn(size):
    points = [found(i * 0.97, 100 - i, "a very long label " * 9) for i in range(101)]
    assert draw_points(plain(*size, 77), points).width >= 1


def test_the_given_picture_is_not_changed():
    given = Image.new("RGB", (600, 600), "grey")
    before = given.tobytes()
    draw_points(given, [found(50, 50)])
    assert given.tobytes() == before
    assert enlarge(given).tobytes() == before
