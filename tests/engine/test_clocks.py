"""The clock generator as a user sees it: pictures, questions, answers, facts, provenance."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest

from openmolmo.core.errors import ConfigError
from openmolmo.core.rng import derive
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.engine.synth.clocks.generator import FAMILIES, GENERATOR, ClockGenerator
from openmolmo.records.example import Example, Made, QuestionAnswer

TIME = re.compile(r"(?<!\d)(\d\d):(\d\d)(?::(\d\d))?(?!\d)")


def clock(index: int, size: int = 112, generator: ClockGenerator = GENERATOR) -> Example:
    return generator.make(derive(7, "test", index), index, size=size, split="train")


def data(example: Example) -> bytes:
    assert example.image is not None and example.image.data is not None
    return example.image.data


def pixels(example: Example) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data(example), np.uint8), cv2.IMREAD_COLOR)


@pytest.fixture(scope="module")
def many() -> list[Example]:
    return [clock(index) for index in range(300)]


def test_it_is_registered_under_its_name() -> None:
    assert GENERATORS.get("clocks") is GENERATOR
    assert make_example(GENERATOR, 0, 3, size=128) == make_example(GENERATOR, 0, 3, size=128)


def test_same_stream_gives_the_same_bytes_whatever_was_drawn_before() -> None:
    forward = [clock(index) for index in range(12)]
    backward = [clock(index) for index in reversed(range(12))][::-1]
    assert forward == backward
    assert len({data(example) for example in forward}) == 12


def test_index_and_split_do_not_change_the_picture() -> None:
    first = GENERATOR.make(derive(1), 0, size=128, split="train")
    second = GENERATOR.make(derive(1), 5, size=128, split="test")
    assert data(first) == data(second)
    assert (second.split, second.id) == ("test", "clocks-test-00000005")


@pytest.mark.parametrize("size", [112, 128, 224, 256, 336, 512])
def test_pictures_have_the_size_asked_for(size: int) -> None:
    for index in range(4):
        example = clock(index, size)
        assert pixels(example).shape == (size, size, 3)
        assert example.image is not None
        assert (example.image.width, example.image.height) == (size, size)


@pytest.mark.parametrize("size", [0, -1, 20, 5000])
def test_impossible_sizes_are_refused(size: int) -> None:
    with pytest.raises(ConfigError, match=f"size={size} is outside"):
        clock(0, size)


def test_the_answer_says_the_time_of_the_facts(many: list[Example]) -> None:
    for example in many:
        (asked,) = example.annotations
        assert isinstance(asked, QuestionAnswer)
        assert asked.style == "clocks"
        facts = example.facts["clock"]
        match = TIME.search(asked.answers[0])
        assert match, asked.answers
        hour, minute, second = (int(part) if part else None for part in match.groups())
        assert hour is not None
        assert 1 <= facts["hour"] <= 12
        assert (hour - facts["hour"]) % 12 == 0
        assert (minute, second) == (facts["minute"], facts["second"])
        if facts["display"] == "analog":
            assert 1 <= hour <= 12
            assert "AM" not in asked.answers[0] and "PM" not in asked.answers[0]


def test_times_and_wording_are_varied(many: list[Example]) -> None:
    facts = [example.facts["clock"] for example in many]
    assert {fact["hour"] for fact in facts} == set(range(1, 13))
    assert len({fact["minute"] for fact in facts}) >= 55
    assert {fact["display"] for fact in facts} == {"analog", "digital"}
    assert 0.6 < np.mean([fact["display"] == "analog" for fact in facts]) < 0.9
    assert 0.15 < np.mean([fact["second"] is not None for fact in facts]) < 0.6
    assert len({example.annotations[0].question for example in many}) >= 12
    assert len({fact["background"] for fact in facts}) == 8


def test_seconds_are_asked_for_only_where_they_show(many: list[Example]) -> None:
    for example in many:
        if "second" in example.annotations[0].question:
            assert example.facts["clock"]["second"] is not None


def test_provenance_says_a_program_made_it() -> None:
    provenance = clock(0).provenance
    assert provenance.dataset == "openmolmo-synth-clocks"
    assert provenance.made == {"question_answer": (Made.PROGRAM,)}
    assert provenance.image == "program"
    assert provenance.licence and provenance.tool and provenance.version


def test_there_are_many_families_and_all_of_them_come(many: list[Example]) -> None:
    assert len(FAMILIES) == len(set(FAMILIES)) >= 20
    drawn = {clock(index, 64).facts["clock"]["family"] for index in range(400)}
    assert drawn == set(FAMILIES)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_draws_a_clock(name: str) -> None:
    only = ClockGenerator(families=(name,))
    for index in range(6):
        example = clock(index, 128, only)
        assert example.facts["clock"]["family"] == name
        middle = pixels(example)[32:96, 32:96]
        assert middle.std() > 6, f"{name} {index} is nearly blank"


def test_a_dial_stays_within_the_picture(many: list[Example]) -> None:
    assert all(0.15 < example.facts["clock"]["radius"] <= 0.6 for example in many)
    large = [fact for example in many if (fact := example.facts["clock"])["radius"] > 0.33]
    assert len(large) > len(many) / 2
