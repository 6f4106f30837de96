"""The words of the scenes: captions, the judge that reads them, short answers, explanations."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scene_oracle import answer, find

from openmolmo.engine.synth.base import make_example
from openmolmo.engine.synth.scenes.generator import GENERATOR
from openmolmo.engine.synth.scenes.statements import (
    Statement,
    read_statements,
    reference_statements,
    score_caption,
    true_statements,
)
from openmolmo.records.example import Caption, Example, PointExplanation, QuestionAnswer, Transcript

EXAMPLES = [make_example(GENERATOR, 21, index, size=96) for index in range(200)]


def text_of(example: Example, kind: type) -> str:
    return next(a.text for a in example.annotations if isinstance(a, kind))


def test_captions_have_twenty_to_two_hundred_words_and_grow_with_the_scene():
    lengths = [(len(e.facts["objects"]), len(text_of(e, Caption).split())) for e in EXAMPLES]
    assert all(20 <= words <= 200 for _, words in lengths)
    few, some, many = (
        np.mean([words for count, words in lengths if low <= count <= high]) for low, high in ((1, 1), (3, 5), (8, 15))
    )
    assert few + 20 < some < many - 10


def test_a_scene_of_fifteen_different_things_is_described_within_the_limit():
    busiest = max((make_example(GENERATOR, 2, i, size=64) for i in range(300)), key=lambda e: len(_kinds(e)))
    assert len(_kinds(busiest)) > 8
    assert len(text_of(busiest, Caption).split()) <= 200
    assert score_caption(text_of(busiest, Caption), busiest.facts)[2] > 0.97


def _kinds(example: Example) -> set[tuple[str, str]]:
    return {(thing["colour"], thing["shape"]) for thing in example.facts["objects"]}


def test_own_captions_score_one_and_foreign_ones_little():
    own = [score_caption(text_of(e, Caption), e.facts) for e in EXAMPLES]
    assert np.mean([f1 for *_, f1 in own]) >= 0.97 and min(f1 for *_, f1 in own) > 0.9
    foreign = [score_caption(text_of(a, Caption), b.facts)[2] for a, b in pairwise(EXAMPLES)]
    assert np.mean(foreign) < 0.2


def test_transcripts_say_nothing_false_and_not_everything():
    scores = [score_caption(text_of(e, Transcript), e.facts) for e in EXAMPLES]
    assert np.mean([precision for precision, *_ in scores]) > 0.99
    assert 0.5 < np.mean([recall for _, recall, _ in scores]) < 0.85
    assert any("um" in text_of(e, Transcript) for e in EXAMPLES)


def test_facts_carry_the_reference_statements():
    for example in EXAMPLES[:20]:
        assert {Statement(*s) for s in example.facts["statements"]} == reference_statements(example.facts)
        assert reference_statements(example.facts) <= true_statements(example.facts)


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        (
            "There are three objects: two red stars and a blue key.",
            {("count", "object", "3"), ("count", "red star", "2"), ("count", "blue key", "1")}
            | {("object", s, "present") for s in ("object", "red star", "blue key")},
        ),
        (
            "At the top left is the large striped red star.",
            {("object", "red star", "present"), ("place", "red star", "top left"), ("size", "red star", "large")}
            | {("pattern", "red star", "striped")},
        ),
        (
            "The blue key is to the left of the red star.",
            {("left of", "blue key", "red star"), ("object", "blue key", "present")}
            | {("object", "red star", "present")},
        ),
        (
            "The red stars are small. One is on the right, the other in the center",
            {("object", "red star", "present"), ("size", "red star", "small"), ("place", "red star", "right")}
            | {("place", "red star", "center")},
        ),
        (
            "um, so there's a, uh, there's a green leaf, it's, like, dotted",
            {("object", "green leaf", "present"), ("count", "green leaf", "1"), ("pattern", "green leaf", "dotted")},
        ),
        (
            "The background is plain and light blue.",
            {("background", "background", "plain"), ("tone", "background", "light blue")},
        ),
        (
            "It shows an orange sky above water.",
            {
                ("background", "background", "outdoor"),
                ("tone", "background", "orange"),
                ("ground", "background", "water"),
            },
        ),
        ("Everything is drawn flat, without outlines.", {("style", "picture", "flat")}),
        ("There is no red star.", set()),
        ("", set()),
    ],
)
def test_reading_statements(text, statements):
    assert read_statements(text) == {Statement(*s) for s in statements}


FACTS = EXAMPLES[0].facts


@pytest.mark.parametrize(
    ("old", "new"), [("large", "small"), ("left", "right"), ("red", "blue"), ("star", "heart"), ("plain", "grainy")]
)
def test_a_wrong_word_costs_precision(old, new):
    """Where the word is in a caption, another in its place makes a false statement (unless two things swap roles)."""
    texts = [(text_of(e, Caption), e.facts) for e in EXAMPLES]
    worse = [score_caption(t.replace(f" {old}", f" {new}"), facts)[0] < 1 for t, facts in texts if f" {old}" in t]
    assert len(worse) > 10 and np.mean(worse) > 0.75


@given(st.text(max_size=300))
def test_any_text_is_read(text):
    precision, recall, f1 = score_caption(text, FACTS)
    assert 0 <= precision <= 1 and 0 <= recall <= 1 and 0 <= f1 <= 1


WORDS = sorted({word for example in EXAMPLES[:60] for word in text_of(example, Caption).split()})


@given(st.lists(st.sampled_from(WORDS), max_size=60))
def test_word_salad_is_read_and_scores_low(words):
    assert score_caption(" ".join(words), FACTS)[1] < 0.7


@given(st.sampled_from(EXAMPLES), st.integers(1, 200))
def test_a_cut_caption_keeps_its_precision(example, length):
    """Only the last words of a cut caption can be misread."""
    words = text_of(example, Caption).split()[:length]
    wrong = read_statements(" ".join(words)) - true_statements(example.facts)
    assert len(wrong) <= 2


@given(st.sampled_from(EXAMPLES), st.integers(1, 100))
def test_recall_grows_with_the_text(example, length):
    text = text_of(example, Caption)
    words = text.split()
    assert score_caption(" ".join(words[:length]), example.facts)[1] <= score_caption(text, example.facts)[1]


def test_short_answers_are_the_only_right_ones():
    questions = 0
    for example in EXAMPLES + [make_example(GENERATOR, 22, index, size=64) for index in range(200)]:
        for annotation in example.annotations:
            if isinstance(annotation, QuestionAnswer):
                assert annotation.style == "vqa2"
                assert annotation.answers == (answer(annotation.question, example.facts),), annotation.question
                questions += 1
    assert questions >= 700


def test_explanations_point_at_what_they_name():
    for example in EXAMPLES:
        told = next(a for a in example.annotations if isinstance(a, PointExplanation))
        assert told.answer.count("<|POINT|>") == len(told.labels) == len(told.points) >= 1
        for label, points in zip(told.labels, told.points, strict=True):
            named = {tuple(thing["point"]) for thing in find(label, example.facts["objects"])}
            assert points and {(p.x, p.y) for p in points} <= named
