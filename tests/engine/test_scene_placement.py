"""Where objects may stand: inside the picture, visible, clear of the borders between thirds, near no twin."""

from __future__ import annotations

from itertools import combinations
from math import hypot

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmolmo.core.rng import derive
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.draw import inner_point, paint_objects
from openmolmo.engine.synth.scenes.generator import make_scene
from openmolmo.engine.synth.scenes.layout import (
    LEAST_VISIBLE,
    MOST_OBJECTS,
    Placed,
    Wanted,
    choose_easy,
    choose_few,
    choose_objects,
    place_objects,
)
from openmolmo.engine.synth.scenes.vocabulary import COLOURS, PATTERNS, SHAPES, SIZES
from openmolmo.engine.synth.scenes.world import MICRO
from openmolmo.records.masks import decode

SEEDS = st.integers(0, 2**32)
SHAPES_OF_PICTURES = st.sampled_from([(96, 96), (128, 96), (96, 128), (200, 150)])
WANTED = st.lists(
    st.builds(
        Wanted,
        st.sampled_from(SHAPES),
        st.sampled_from(tuple(COLOURS)),
        st.sampled_from(PATTERNS),
        st.sampled_from(tuple(SIZES)),
    ),
    min_size=1,
    max_size=MOST_OBJECTS,
)


def dice(seed: int) -> Dice:
    return Dice(derive(seed, "placement"))


def own_pixels(item: Placed, height: int, width: int) -> np.ndarray:
    """The whole object, covered parts included, as a mask of the picture."""
    cover = np.zeros((height, width), bool)
    cover[item.box] = item.alpha >= 128
    return cover


@given(SEEDS, WANTED, SHAPES_OF_PICTURES)
@settings(max_examples=60)
def test_nothing_leaves_the_picture(seed: int, wanted: list[Wanted], size: tuple[int, int]) -> None:
    width, height = size
    placed, _ = place_objects(dice(seed), wanted, width, height)
    for item in placed:
        rows, columns = item.box
        assert rows.start >= 1 and columns.start >= 1
        assert rows.stop <= height - 1 and columns.stop <= width - 1


@given(SEEDS, WANTED, SHAPES_OF_PICTURES)
@settings(max_examples=60)
def test_every_object_stays_mostly_visible_and_the_count_is_kept(
    seed: int, wanted: list[Wanted], size: tuple[int, int]
) -> None:
    width, height = size
    placed, owner = place_objects(dice(seed), wanted, width, height)
    for number, item in enumerate(placed, start=1):
        seen = int((owner == number).sum())
        assert seen == item.visible
        assert item.pixels == own_pixels(item, height, width).sum()
        assert seen >= LEAST_VISIBLE * item.pixels
    assert set(np.unique(owner)) <= {0, *range(1, len(placed) + 1)}


class Crowded(Dice):
    """Lets objects of different colours stand as near each other as they like."""

    def pick(self, items):  # type: ignore[no-untyped-def]
        return 0.0 if isinstance(items[0], float) else super().pick(items)


def test_nothing_is_covered_by_more_than_a_third_where_all_crowd_together() -> None:
    wanted = [Wanted("square", colour, "plain", "large") for colour in COLOURS]
    shares = []
    for seed in range(40):
        placed, _ = place_objects(Crowded(derive(seed, "crowd")), wanted, 96, 96)
        shares += [item.visible / item.pixels for item in placed]
    assert 0.65 <= min(shares) < 0.7


@given(SEEDS, WANTED, SHAPES_OF_PICTURES)
@settings(max_examples=60)
def test_centres_keep_clear_of_the_borders_between_thirds(
    seed: int, wanted: list[Wanted], size: tuple[int, int]
) -> None:
    """Two and a half percent on either side: "left" or "center" is never a matter of taste."""
    width, height = size
    for item in place_objects(dice(seed), wanted, width, height)[0]:
        for share in (item.x / width, item.y / height):
            assert min(abs(share - 1 / 3), abs(share - 2 / 3)) >= 0.025


@given(SEEDS, WANTED)
@settings(max_examples=60)
def test_objects_of_one_colour_never_run_together(seed: int, wanted: list[Wanted]) -> None:
    placed, _ = place_objects(dice(seed), wanted, 160, 160)
    for one, other in combinations(placed, 2):
        apart = hypot(one.x - other.x, one.y - other.y) / (one.radius + other.radius)
        assert apart >= (1.06 if one.wanted.colour == other.wanted.colour else 0.8) - 1e-9


@given(SEEDS, WANTED)
@settings(max_examples=60)
def test_what_covers_what_is_what_the_pixels_say(seed: int, wanted: list[Wanted]) -> None:
    """An object covers those behind it of which it takes at least four percent, and only those."""
    placed, _ = place_objects(dice(seed), wanted, 128, 128)
    owner = np.zeros((128, 128), int)
    for number, item in enumerate(placed):
        cover = own_pixels(item, 128, 128)
        taken = {int(n) - 1: int((owner[cover] == n).sum()) for n in np.unique(owner[cover]) if n}
        assert sorted(item.covers) == sorted(n for n, lost in taken.items() if lost >= 0.04 * placed[n].pixels)
        owner[cover] = number + 1


@given(SEEDS, WANTED)
@settings(max_examples=60)
def test_objects_are_those_wanted_or_smaller_ones_and_large_ones_come_first(seed: int, wanted: list[Wanted]) -> None:
    placed, _ = place_objects(dice(seed), wanted, 128, 128)
    rest = [(w.shape, w.colour, w.pattern) for w in wanted]
    for item in placed:
        rest.remove((item.wanted.shape, item.wanted.colour, item.wanted.pattern))  # fails if it was not wanted
        least, most = SIZES[item.wanted.size]
        assert least * 128 <= item.radius <= most * 128
    largest = [w.size for w in wanted].count("large")
    assert all(item.wanted.size != "large" for item in placed[largest:])


def test_the_first_object_always_finds_room() -> None:
    """A scene is never empty: one object has the whole picture to itself."""
    for seed in range(200):
        assert place_objects(dice(seed), [Wanted("star", "red", "plain", "large")], 96, 72)[0]


def test_a_crowd_that_cannot_fit_is_made_smaller_and_then_left_out() -> None:
    wanted = [Wanted("square", "red", "plain", "large")] * 15
    placed, _ = place_objects(dice(1), wanted, 96, 96)
    sizes = [item.wanted.size for item in placed]
    assert len(placed) < 15
    assert sizes.count("large") >= 2 and set(sizes) > {"large"}


def test_scale_makes_every_radius_longer() -> None:
    wanted = [Wanted("circle", "blue", "plain", "medium")]
    (plain,), (scaled,) = (place_objects(dice(3), wanted, 100, 100, scale)[0] for scale in (1.0, 1.35))
    assert scaled.radius == pytest.approx(1.35 * plain.radius)


@given(SEEDS, st.booleans())
@settings(max_examples=150)
def test_scenes_have_between_one_and_sixteen_objects_of_the_colours_allowed(seed: int, simple: bool) -> None:
    wanted = choose_objects(dice(seed), ["red", "green"], simple=simple)
    assert {w.colour for w in wanted} <= {"red", "green"}
    if simple:
        assert 2 <= len(wanted) <= 5
        assert all(w.pattern == "plain" and w.size != "small" for w in wanted)
    else:
        assert 1 <= len(wanted) <= MOST_OBJECTS + 1


@given(SEEDS, st.integers(1, 4))
def test_easy_and_few_objects_are_plain_and_not_small(seed: int, most: int) -> None:
    easy = choose_easy(dice(seed), list(COLOURS), most)
    few = choose_few(dice(seed), list(MICRO.colours), MICRO)
    assert 1 <= len(easy) <= most and 1 <= len(few) <= len(MICRO.counts)
    assert all(w.pattern == "plain" and w.size != "small" for w in [*easy, *few])
    assert {w.shape for w in few} <= set(MICRO.shapes)


# ------------------------------------------------------------------------------- painting and pointing


@given(SEEDS, WANTED, st.sampled_from(["flat", "outlined"]))
@settings(max_examples=30)
def test_paint_changes_nothing_outside_the_objects(seed: int, wanted: list[Wanted], style: str) -> None:
    throws = dice(seed)
    placed, owner = place_objects(throws, wanted, 96, 96)
    picture = np.full((96, 96, 3), 201, np.uint8)
    paint_objects(throws, picture, placed, style)
    touched = np.zeros((96, 96), bool)
    for item in placed:
        touched[item.box] |= item.alpha > 0
    assert np.all(picture[~touched] == 201)
    assert (picture[owner > 0] != 201).any(axis=1).mean() > 0.9


def test_a_shadow_falls_to_the_lower_right_and_only_darkens() -> None:
    throws = dice(5)
    placed, owner = place_objects(throws, [Wanted("circle", "red", "plain", "large")], 128, 128)
    picture = np.full((128, 128, 3), 200, np.uint8)
    paint_objects(throws, picture, placed, "shadowed")
    dark = (picture < 200).all(axis=2) & (owner == 0)
    assert dark.any()
    ys, xs = np.nonzero(dark)
    assert ys.mean() > placed[0].y and xs.mean() > placed[0].x
    bare = np.ones((128, 128), bool)
    bare[placed[0].box] = placed[0].alpha == 0
    assert picture[bare].max() <= 200


@pytest.mark.parametrize("colour", list(COLOURS))
@pytest.mark.parametrize("pattern", PATTERNS[1:])
def test_every_pattern_shows_on_every_colour(colour: str, pattern: str) -> None:
    """Two tones far enough apart to be told by eye, each on a fair part of the object."""
    throws = dice(7)
    placed, owner = place_objects(throws, [Wanted("circle", colour, pattern, "large")], 160, 160)
    picture = np.zeros((160, 160, 3), np.uint8)
    paint_objects(throws, picture, placed, "flat")
    light = picture[owner > 0].astype(int).sum(axis=1)
    middle = (light.min() + light.max()) / 2
    assert light.max() - light.min() > 90
    assert 0.08 < (light > middle).mean() < 0.92


def test_ink_of_an_outline_is_on_the_rim_only() -> None:
    throws = dice(9)
    (item,), _ = place_objects(throws, [Wanted("circle", "yellow", "plain", "large")], 160, 160)
    picture = np.full((160, 160, 3), 255, np.uint8)
    paint_objects(throws, picture, [item], "outlined")
    ys, xs = np.mgrid[0:160, 0:160] + 0.5
    distance = np.hypot(xs - item.x, ys - item.y) / item.radius
    dark = picture.max(axis=2) < 90
    assert dark.any() and distance[dark].min() > 0.75
    assert not dark[distance < 0.7].any()


def test_the_point_of_a_blob_is_its_middle_and_that_of_a_ring_is_on_it() -> None:
    blob = np.zeros((21, 31), bool)
    blob[5:16, 5:26] = True
    middle = inner_point(blob, 10, 20, 100, 200)
    assert (middle.x, middle.y) == (25.5, 15.25)  # (10 + 15.5) / 100, (20 + 10.5) / 200
    ys, xs = np.mgrid[0:41, 0:41] - 20
    ring = (np.hypot(ys, xs) <= 20) & (np.hypot(ys, xs) >= 12)
    found = inner_point(ring, 0, 0, 41, 41)
    row, column = int(found.y / 100 * 41), int(found.x / 100 * 41)
    assert ring[row, column]
    assert 14 <= np.hypot(row - 20, column - 20) <= 18


@given(SEEDS)
@settings(max_examples=25)
def test_points_masks_and_reading_order_of_whole_scenes(seed: int) -> None:
    scene, picture = make_scene(dice(seed), 96)
    height, width = picture.shape[:2]
    assert (scene.width, scene.height) == (width, height)
    assert [(int(t.y * 3 // 100), t.x) for t in scene.things] == sorted(
        (int(t.y * 3 // 100), t.x) for t in scene.things
    )
    for thing in scene.things:
        assert thing.mask is not None
        mask = decode(thing.mask)
        assert mask[int(thing.point.y / 100 * height), int(thing.point.x / 100 * width)]
        assert all(0 <= other < len(scene.things) for other in thing.covers)
        assert all(scene.things[other] is not thing for other in thing.covers)
