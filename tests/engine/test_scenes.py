"""The scene generator: pictures, points, masks and labels agree with one another."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest
from scene_oracle import find

from openmolmo.core.errors import ConfigError
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.engine.synth.scenes.generator import GENERATOR
from openmolmo.engine.synth.scenes.shapes import outline
from openmolmo.engine.synth.scenes.vocabulary import COLOURS, PATTERNS, SHAPES, SIZES
from openmolmo.records.example import Counting, Example, Made, NotPresent, Pointing
from openmolmo.records.masks import contains, decode

COUNT = 160


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return [make_example(GENERATOR, 5, index, size=(128, 160, 224)[index % 3]) for index in range(COUNT)]


def picture(example: Example) -> np.ndarray:
    assert example.image is not None and example.image.data is not None
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(example.image.data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def shown(example: Example) -> list[Pointing | Counting]:
    return [a for a in example.annotations if isinstance(a, (Pointing, Counting))]


def test_it_is_registered_by_name():
    assert GENERATORS.get("scenes") is GENERATOR


def test_same_arguments_same_example_and_other_arguments_another():
    one = make_example(GENERATOR, 3, 7, size=128)
    assert make_example(GENERATOR, 3, 7, size=128) == one
    others = [make_example(GENERATOR, *key, size=128, split=split) for *key, split in
              ((3, 8, "train"), (4, 7, "train"), (3, 7, "test"))]  # fmt: skip
    assert all(other.image != one.image and other.id != one.id for other in others)
    assert others[2].split == "test"


def test_pictures_decode_to_the_stated_size_and_hash(examples):
    shapes = set()
    for index, example in enumerate(examples):
        image = example.image
        assert picture(example).shape == (image.height, image.width, 3)
        assert max(image.width, image.height) == (128, 160, 224)[index % 3]
        assert hashlib.sha256(image.data).hexdigest() == image.sha256
        shapes.add(np.sign(image.width - image.height))
    assert shapes == {-1, 0, 1}


def test_too_small_a_picture_is_refused():
    with pytest.raises(ConfigError, match="size=32"):
        make_example(GENERATOR, 0, 0, size=32)


def test_every_kind_of_annotation_is_made_and_has_provenance(examples):
    for example in examples:
        kinds = [annotation.kind for annotation in example.annotations]
        assert kinds.count("caption") == kinds.count("transcript") == kinds.count("point_explanation") == 1
        assert 1 <= kinds.count("pointing") <= 3 and kinds.count("counting") in (1, 2)
        assert kinds.count("not_present") in (1, 2) and kinds.count("question_answer") == 2
        assert set(kinds) <= set(example.provenance.made)
        assert set(example.provenance.made.values()) == {(Made.PROGRAM,)}
        assert example.provenance.image == "program"


def test_points_lie_in_their_masks_and_masks_do_not_overlap(examples):
    for example in examples:
        for annotation in shown(example):
            total = np.zeros((example.image.height, example.image.width), int)
            for point, mask in zip(annotation.points, annotation.masks, strict=True):
                assert contains(mask, point)
                total += decode(mask)
            assert total.max(initial=0) <= 1


def test_labels_point_at_everything_they_name_and_nothing_else(examples):
    for example in examples:
        things = example.facts["objects"]
        for annotation in shown(example):
            wanted = {tuple(thing["point"]) for thing in find(annotation.label, things)}
            assert {(p.x, p.y) for p in annotation.points} == wanted
            assert len(annotation.points) == len(wanted)
        for annotation in example.annotations:
            if isinstance(annotation, Counting):
                assert annotation.count == len(annotation.points)
            if isinstance(annotation, NotPresent):
                assert not find(annotation.label, things)


def test_not_present_labels_are_near_misses(examples):
    """Most absent labels share their colour or their shape with something there."""
    near = total = 0
    for example in examples:
        words = {thing[key] for thing in example.facts["objects"] for key in ("colour", "shape")}
        for annotation in example.annotations:
            if isinstance(annotation, NotPresent):
                singular = [word for word in annotation.label.split() if word in words]
                plural = any(find(f"{annotation.label.split()[-1]}", example.facts["objects"]))
                near += bool(singular) or plural
                total += 1
    assert near / total > 0.7


def test_objects_have_the_colours_the_facts_say(examples):
    """The median colour under a plain object's mask is nearest to the named colour."""
    table = np.array(list(COLOURS.values()), float)
    right = total = 0
    for example in examples:
        pixels = picture(example)
        by_point = {(p.x, p.y): m for a in shown(example) for p, m in zip(a.points, a.masks, strict=True)}
        for thing in example.facts["objects"]:
            mask = by_point.get(tuple(thing["point"]))
            if mask is None or thing["pattern"] != "plain" or thing["size"] == "small":
                continue
            inside = cv2.erode(decode(mask).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
            seen = np.median(pixels[inside if inside.any() else decode(mask)], axis=0)
            right += list(COLOURS)[int(np.abs(table - seen).sum(1).argmin())] == thing["colour"]
            total += 1
    assert total > 200 and right / total > 0.98


def test_objects_stay_visible(examples):
    """The visible mask is a fair part of the object, even where something covers it."""
    for example in examples:
        short = min(example.image.width, example.image.height)
        for annotation in shown(example):
            for mask in annotation.masks:
                assert sum(mask.counts[1::2]) > 0.65 * 0.2 * (2 * SIZES["small"][0] * short) ** 2


def test_scenes_range_from_simple_to_crowded():
    counts = [len(make_example(GENERATOR, 11, i, size=96).facts["objects"]) for i in range(300)]
    assert min(counts) == 1 and max(counts) >= 14
    assert 4 < np.mean(counts) < 6
    assert 0.45 < np.mean([2 <= count <= 5 for count in counts]) < 0.85


def test_counts_have_a_long_tail(examples):
    asked = [a.count for e in examples for a in e.annotations if isinstance(a, Counting)]
    assert asked.count(0) > 0 and max(asked) >= 10
    assert np.mean([count == 1 for count in asked]) < 0.45


def test_the_vocabulary_is_wide_and_each_shape_fills_its_box():
    assert len(SHAPES) >= 16 and len(COLOURS) >= 10 and len(PATTERNS) == 4
    for shape in SHAPES:
        corners = np.concatenate([polygon for _, polygon in outline(shape).parts])
        assert np.abs(corners).max() <= 1.1 and np.ptp(corners, axis=0).max() > 1.6
