"""Run-length masks: what is encoded comes back, and points fall where they should."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from openmolmo.records.example import Mask, Point
from openmolmo.records.masks import contains, decode, encode

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))


def test_by_hand() -> None:
    picture = np.array([[0, 1, 1, 0], [1, 1, 0, 0]], bool)
    assert encode(picture) == Mask(height=2, width=4, counts=(1, 2, 1, 2, 2))
    assert encode(~picture) == Mask(height=2, width=4, counts=(0, 1, 2, 1, 2, 2))
    assert encode(np.zeros((2, 3), bool)).counts == (6,)
    assert encode(np.ones((2, 3), bool)).counts == (0, 6)


@given(MASKS)
def test_decode_undoes_encode(picture: np.ndarray) -> None:
    mask = encode(picture)
    assert sum(mask.counts) == picture.size
    assert all(isinstance(count, int) for count in mask.counts)
    assert np.array_equal(decode(mask), picture)


@given(MASKS, st.floats(0, 100), st.floats(0, 100))
def test_contains_asks_the_pixel_under_the_point(picture: np.ndarray, x: float, y: float) -> None:
    height, width = picture.shape
    pixel = picture[min(int(y / 100 * height), height - 1), min(int(x / 100 * width), width - 1)]
    assert contains(encode(picture), Point(x, y)) == pixel


@pytest.mark.parametrize(("x", "y"), [(-0.1, 5), (100.1, 5), (5, -1), (5, 101), (math.nan, 5), (5, math.inf)])
def test_points_outside_are_in_no_mask(x: float, y: float) -> None:
    assert not contains(encode(np.ones((4, 4), bool)), Point(x, y))


def test_an_empty_picture_has_an_empty_mask() -> None:
    mask = encode(np.zeros((0, 3), bool))
    assert decode(mask).shape == (0, 3)
    assert not contains(mask, Point(50, 50))
