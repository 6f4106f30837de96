"""Labels of patches say what the picture shows there."""

from __future__ import annotations

import numpy as np
import pytest

from openmolmo.core.rng import derive
from openmolmo.engine.synth.base import GENERATORS
from openmolmo.engine.synth.clocks.patch_labels import make_clock_window
from openmolmo.engine.synth.patch_labels import BINS, FACTS, Window
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.generator import make_scene
from openmolmo.engine.synth.scenes.patch_labels import make_windows
from openmolmo.imaging import open_image
from openmolmo.records.masks import decode

SEEDS = range(12)


def windows(seed: int, count: int, size: int, most: int | None = None) -> list[Window]:
    return make_windows(derive(3, "test", seed), count, size=size, most=most)


def same(one: Window, other: Window) -> bool:
    return all(np.array_equal(getattr(one, k), getattr(other, k)) for k in ("pixels", "facts", "offsets"))


@pytest.mark.parametrize("size", [112, 192])
def test_the_same_stream_gives_the_same_windows(size: int) -> None:
    first, again = windows(0, 2, size), windows(0, 2, size)
    assert all(map(same, first, again))
    assert not same(first[0], windows(1, 2, size)[0])
    assert same(first[0], windows(0, 1, size)[0])  # one more window does not change those before it


def test_a_whole_picture_is_labelled_by_the_scene_graph() -> None:
    checked = 0
    for seed in SEEDS:
        scene, picture = make_scene(Dice(derive(3, "test", seed)), 112)
        window = windows(seed, 1, 112)[0]
        top, left = (112 - scene.height) // 2, (112 - scene.width) // 2
        assert np.array_equal(window.pixels[top : top + scene.height, left : left + scene.width], picture)
        owners = np.zeros((112, 112), np.int64)
        for number, thing in enumerate(scene.things, start=1):
            owners[top : top + scene.height, left : left + scene.width][decode(thing.mask)] = number
        for row, column in np.ndindex(8, 8):
            inside = owners[row * 14 : row * 14 + 14, column * 14 : column * 14 + 14]
            counts = np.bincount(inside.ravel(), minlength=len(scene.things) + 1)
            facts, offset = window.facts[row * 8 + column], window.offsets[row * 8 + column]
            if counts[1:].sum() == 0:
                assert facts[0] == facts[1] == 0 and (facts[2:] == -1).all() and not offset.any()
                continue
            most = int(counts[1:].argmax())
            if counts[1 + most] < 0.2 * 14 * 14:
                assert (facts == -1).all()
                continue
            thing = scene.things[most]
            named = [FACTS[fact][value] for fact, value in zip(FACTS, facts, strict=True)]
            assert named[:4] == [thing.shape, thing.colour, thing.pattern, thing.size]
            assert (facts[6:] == -1).all()  # no clock
            x = (column + 0.5) * 14 + offset[0] * 28 - left
            y = (row + 0.5) * 14 + offset[1] * 28 - top
            assert (x, y) == pytest.approx((thing.x / 100 * scene.width, thing.y / 100 * scene.height), abs=0.01)
            assert facts[4] == pytest.approx((thing.x / 100 * scene.width + left) / 112 * BINS - 0.5, abs=0.5001)
            assert facts[5] == pytest.approx((thing.y / 100 * scene.height + top) / 112 * BINS - 0.5, abs=0.5001)
            checked += 1
    assert checked > 100


def test_windows_of_a_large_picture_are_parts_of_it() -> None:
    for seed in SEEDS:
        _, picture = make_scene(Dice(derive(3, "test", seed)), 256)
        for window in windows(seed, 2, 256):
            assert window.pixels.shape == (112, 112, 3) and window.facts.shape == (64, len(FACTS))
            found = np.lib.stride_tricks.sliding_window_view(picture[:, :, 0], (8, 8)) == window.pixels[40:48, 40:48, 0]
            assert found.all(axis=(2, 3)).any()


def test_easy_scenes_have_few_objects() -> None:
    for seed in SEEDS:
        window = windows(seed, 1, 112, most=1)[0]
        assert len(np.unique(window.facts[window.facts[:, 0] > 0], axis=0)) <= 1


def test_changing_the_scene_changes_the_labels_and_an_object_covers_several_patches() -> None:
    found = np.concatenate([windows(seed, 1, 256)[0].facts[:, 0] for seed in SEEDS])
    assert len(np.unique(found)) > 5
    assert 0.05 < (found > 0).mean() < 0.9


@pytest.mark.parametrize("size", [112, 192])
def test_every_patch_of_a_clock_knows_its_time(size: int) -> None:
    for seed in range(4):
        example = GENERATORS.get("clocks").make(derive(3, "clock", seed), 0, size=size, split="train")
        window = make_clock_window(derive(3, "clock", seed), size=size)
        assert window.pixels.shape == (112, 112, 3) and not window.offsets.any()
        hour, minute = (FACTS[fact][window.facts[5, i]] for i, fact in ((6, "hour"), (7, "minute")))
        assert (int(hour), int(minute)) == (example.facts["clock"]["hour"], example.facts["clock"]["minute"])
        assert (window.facts == window.facts[0]).all() and (window.facts[:, :6] == -1).all()
        shown = open_image(example.image.data)
        if size == 112:
            assert np.array_equal(window.pixels, shown)
        assert abs(float(window.pixels.mean()) - float(shown.mean())) < 3
