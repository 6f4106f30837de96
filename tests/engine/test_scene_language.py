"""What is said of a scene laid out by hand: every sentence, answer and point can be checked by eye."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scene_oracle import answer, find, only

from openmolmo.core.rng import derive
from openmolmo.engine.synth.base import make_example
from openmolmo.engine.synth.scenes.answers import largest, make_answers, only_neighbour
from openmolmo.engine.synth.scenes.captions import describe_kind, relations, write_caption
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.explanations import POINT, make_explanation
from openmolmo.engine.synth.scenes.generator import GENERATOR, MICRO
from openmolmo.engine.synth.scenes.graph import Background, Scene, Thing, relation
from openmolmo.engine.synth.scenes.questions import (
    Label,
    labels_of,
    make_counting,
    make_not_present,
    make_pointing,
    near_miss,
)
from openmolmo.engine.synth.scenes.statements import score_caption
from openmolmo.engine.synth.scenes.vocabulary import (
    COLOURS,
    NUMBERS,
    PATTERNS,
    PLACES,
    PLURALS,
    SHAPES,
    SIZES,
    article,
    count_phrase,
    join_words,
    number_word,
    place_of,
    place_phrase,
    plural,
)
from openmolmo.records.example import Point, QuestionAnswer

PLAIN = Background("plain", ("light blue",))
BACKGROUNDS = st.sampled_from(
    [
        PLAIN,
        Background("grainy", ("white",)),
        Background("gradient", ("light pink", "white")),
        Background("outdoor", ("orange",), "sand"),
    ]
)
RADII = {"small": 6.0, "medium": 10.0, "large": 17.0}


def thing(words: str, x: float = 50, y: float = 50, size: str = "medium", covers: tuple[int, ...] = ()) -> Thing:
    """``thing("red star", 10, 20)``, or with its pattern: ``thing("striped red star")``."""
    *pattern, colour, shape = words.split()
    return Thing(shape, colour, (pattern or ["plain"])[0], size, x, y, Point(x, y), RADII[size], covers=covers)


def scene(*things: Thing, background: Background = PLAIN, style: str = "flat") -> Scene:
    return Scene(things, background, style, 100, 100)


def dice(seed: int) -> Dice:
    return Dice(derive(seed, "language"))


# Whole percents, at least one from a border between thirds, as the generator keeps away from them.
COORDINATES = st.integers(5, 95).filter(lambda value: min(abs(value - 100 / 3), abs(value - 200 / 3)) > 1)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Any scene of one to eight things, of few words so that many share a colour or a shape."""
    made = [
        thing(
            " ".join(word for word in (draw(st.sampled_from(PATTERNS)), colour, shape)),
            draw(COORDINATES),
            draw(COORDINATES),
            draw(st.sampled_from(tuple(SIZES))),
        )
        for colour, shape in draw(
            st.lists(
                st.tuples(
                    st.sampled_from(["red", "orange", "blue", "green"]),
                    st.sampled_from(["star", "fish", "leaf", "arrow"]),
                ),
                min_size=1,
                max_size=8,
            )
        )
    ]
    made.sort(key=lambda one: (int(one.y * 3 // 100), one.x))
    return scene(*made, background=draw(BACKGROUNDS), style=draw(st.sampled_from(["flat", "outlined", "shadowed"])))


# ---------------------------------------------------------------------------------------- vocabulary


def test_plurals_and_articles_of_every_noun_are_english() -> None:
    irregular = {"cross": "crosses", "fish": "fish", "leaf": "leaves"}
    for noun in (*SHAPES, "object"):
        assert PLURALS[noun] == irregular.get(noun, f"{noun}s")
        assert plural(f"small red {noun}") == f"small red {irregular.get(noun, f'{noun}s')}"
    assert article("arrow") == "an arrow" and article("orange star") == "an orange star"
    assert article("striped orange star") == "a striped orange star" and article("house") == "a house"
    with pytest.raises(KeyError):
        plural("red dragon")


def test_no_word_has_two_meanings() -> None:
    """The reader of captions goes by single words: a colour must not be a shape or a pattern as well."""
    groups = [set(SHAPES), set(PLURALS.values()) - {"fish"}, set(COLOURS), set(PATTERNS), set(SIZES), set(NUMBERS)]
    groups.append({word for row in PLACES for place in row for word in place.split()})
    for one, other in combinations(groups, 2):
        assert not one & other


def test_phrases_for_counts_lists_and_places() -> None:
    assert [number_word(n) for n in (0, 7, 15, 16)] == ["zero", "seven", "fifteen", "16"]
    assert count_phrase(1, "orange leaf") == "an orange leaf" and count_phrase(2, "orange leaf") == "two orange leaves"
    assert [join_words(["a", "b", "c"][:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert join_words(["a", "b"], "or") == "a or b"
    phrases = [place_phrase(place) for row in PLACES for place in row]
    assert phrases[:4] == ["at the top left", "at the top", "at the top right", "on the left"]
    assert phrases[4:6] == ["in the center", "on the right"] and phrases[7] == "at the bottom"


@given(st.floats(0, 100), st.floats(0, 100))
def test_places_are_thirds_and_mirror_each_other(x: float, y: float) -> None:
    column = 0 if x * 3 < 100 else 1 if x * 3 < 200 else 2
    row = 0 if y * 3 < 100 else 1 if y * 3 < 200 else 2
    assert place_of(x, y) == PLACES[row][column]
    assert place_of(0.0, 100.0) == "bottom left" and place_of(100.0, 0.0) == "top right"


@given(st.tuples(*[st.floats(0, 100)] * 4))
def test_relations_have_an_opposite_and_clear_gaps_only(xyxy: tuple[float, float, float, float]) -> None:
    ax, ay, bx, by = xyxy
    opposite = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
    found = relation(ax, ay, bx, by)
    assert set(relation(bx, by, ax, ay)) == {opposite[r] for r in found}
    assert ("left of" in found) == (bx - ax >= 8) and ("below" in found) == (ay - by >= 8)


# -------------------------------------------------------------------------------------- short answers


@given(scenes(), st.integers(0, 2**32))
@settings(max_examples=150)
def test_every_short_answer_follows_from_the_facts_alone(made: Scene, seed: int) -> None:
    facts = made.facts()
    asked = make_answers(dice(seed), made, 6)
    assert asked and len({a.question for a in asked}) == len(asked)
    for item in asked:
        assert isinstance(item, QuestionAnswer) and item.style == "vqa2"
        if item.question == "What is the largest object?":  # by radius, of which the facts have the word only
            order = sorted(made.things, key=lambda t: -t.radius)
            assert item.answers == (order[0].kind,) and order[0].radius >= 1.3 * order[1].radius
        else:
            assert item.answers == (answer(item.question, facts),)


def test_the_only_neighbour_is_clearly_there_and_alone() -> None:
    left, middle, right = thing("red star", 10), thing("blue star", 50), thing("green star", 54)
    made = scene(left, middle, right)
    assert only_neighbour(made, middle, "left of") is left
    assert only_neighbour(made, right, "left of") is None  # two of them
    assert only_neighbour(made, middle, "right of") is None  # one, but hardly
    assert only_neighbour(made, left, "left of") is None
    assert only_neighbour(made, left, "above") is None


def test_the_largest_is_larger_by_a_third_than_every_other() -> None:
    big, small = thing("red star", size="large"), thing("blue key", size="small")
    assert largest(scene(small, big)) is big
    assert largest(scene(big)) is None
    assert largest(scene(big, thing("blue key", size="large"))) is None


def test_questions_that_a_scene_cannot_answer_are_not_asked() -> None:
    twins = scene(thing("red star", 20), thing("red star", 80))
    for seed in range(100):
        for item in make_answers(dice(seed), twins, 12):
            assert not re.match(
                r"What (color is the star|is the red object|shape)|Where|Is the red star", item.question
            )
            assert "more" not in item.question and "largest" not in item.question


# --------------------------------------------------------------------------- labels, points and counts


@given(scenes(), st.integers(0, 2**32))
@settings(max_examples=100)
def test_labels_find_all_that_they_name(made: Scene, seed: int) -> None:
    objects = made.facts()["objects"]
    throws = dice(seed)
    for pointing in make_pointing(throws, made, 3):
        assert [(p.x, p.y) for p in pointing.points] == [tuple(o["point"]) for o in find(pointing.label, objects)]
        assert pointing.points
    for counting in make_counting(throws, made, 3):
        assert counting.count == len(counting.points) == len(find(counting.label, objects))
    absent = make_not_present(throws, made, 3)
    assert absent and len({a.label for a in absent}) == len(absent)
    assert not any(find(a.label, objects) for a in absent)


@given(scenes(), st.integers(0, 2**32), st.integers(1, 6))
def test_labels_of_a_scene_are_distinct_and_say_plain_never(made: Scene, seed: int, count: int) -> None:
    labels = labels_of(dice(seed), made, count)
    assert 1 <= len(labels) <= count and len(set(labels)) == len(labels)
    assert all(label.find(made) and label.pattern != "plain" for label in labels)
    assert not near_miss(dice(seed), made).find(made)


def test_a_label_says_its_words_in_order_and_means_any_object_without_them() -> None:
    made = scene(thing("striped red star"), thing("red key"))
    assert Label(size="large", pattern="striped", colour="red", shape="star").text == "large striped red star"
    assert Label().text == "object" and Label(colour="red").text == "red object"
    assert len(Label().find(made)) == len(Label(colour="red").find(made)) == 2
    assert Label(pattern="striped", colour="red").find(made) == [made.things[0]]


# ---------------------------------------------------------------------------------------- explanations


@given(scenes(), st.integers(0, 2**32))
@settings(max_examples=200)
def test_placeholders_match_groups_and_groups_are_what_they_are_called(made: Scene, seed: int) -> None:
    told = make_explanation(dice(seed), made)
    assert told.answer.count(POINT) == len(told.labels) == len(told.points) >= 1
    assert told.question.endswith("?") and told.answer.endswith(".") and told.answer[0].isupper()
    objects = made.facts()["objects"]
    for label, points in zip(told.labels, told.points, strict=True):
        noun = label.split()[-1]
        singular = {many: one for one, many in PLURALS.items()}.get(noun, noun)
        assert points
        assert noun == (singular if len(points) == 1 else PLURALS[singular])
        for point in points:
            assert find(label, [o for o in objects if o["point"] == [point.x, point.y]])
    shown = [point for group in told.points for point in group]
    if len({t.point for t in made.things}) == len(made.things):
        assert len(set(shown)) == len(shown), "one thing stands in two groups"


@given(scenes(), st.integers(0, 2**32))
@settings(max_examples=200)
def test_explanations_agree_with_the_facts(made: Scene, seed: int) -> None:
    told = make_explanation(dice(seed), made)
    filled = told.answer
    for label in told.labels:
        filled = filled.replace(POINT, label, 1)
    objects = made.facts()["objects"]
    counts = [len(points) for points in told.points]
    if match := re.fullmatch(r"Are there more (\w+) or more (\w+)\?", told.question):
        one, other = (len(find(word, objects)) for word in match.groups())
        assert sorted(counts) == sorted((one, other))
        assert filled.startswith("Neither" if one == other else f"There are more {match[1 if one > other else 2]}:")
        assert filled.count(number_word(one)) >= 1 and filled.count(number_word(other)) >= 1
    elif match := re.fullmatch(r"Which objects? (?:is|are) (\w+)\?", told.question):
        assert sum(counts) == sum(o["colour"] == match[1] for o in objects)
        assert ("objects" in told.question) == (sum(counts) > 1)
    elif match := re.fullmatch(r"What is (striped|dotted|checked)\?", told.question):
        assert sum(counts) == sum(o["pattern"] == match[1] for o in objects)
        assert filled.endswith(f"{'is' if sum(counts) == 1 else 'are'} {match[1]}.") and filled.startswith("The ")
    elif match := re.fullmatch(r"Where (is|are) the ([\w ]+)\?", told.question):
        named = find(match[2], objects)
        assert (match[1] == "is") == (len(named) == 1) and counts == [len(named)]
        assert all(place_phrase(o["place"]) in filled for o in named)
    elif match := re.fullmatch(r"What is (to the left of|to the right of|above|below) the ([\w ]+)\?", told.question):
        assert only(match[2], objects)["point"] == [told.points[1][0].x, told.points[1][0].y]
        assert told.labels[0] == answer(told.question, made.facts())
    elif match := re.fullmatch(r"What is (?:at|on|in) the ([\w ]+)\?", told.question):
        assert sum(counts) == sum(o["place"] == match[1] for o in objects)
    else:
        assert "largest" in told.question or "biggest" in told.question
        assert counts == [1] and filled.startswith("The largest object is the ")


def test_a_scene_of_one_thing_has_an_explanation_whatever_falls() -> None:
    alone = scene(thing("orange leaf", 50, 50))
    told = {make_explanation(dice(seed), alone).answer for seed in range(60)}
    assert f"The {POINT} is in the center." in told and f"In the center there is one {POINT}." in told
    assert f"The {POINT} is orange." in told and len(told) == 3


# -------------------------------------------------------------------------------------------- captions


@given(scenes(), st.integers(0, 2**32))
@settings(max_examples=100)
def test_captions_are_true_whatever_the_scene(made: Scene, seed: int) -> None:
    text = write_caption(dice(seed), made)
    assert len(text.split()) <= 200
    precision, recall, _ = score_caption(text, made.facts())
    assert precision == 1 and recall > 0.7
    for sentence in re.split(r"(?<=\.) ", text):
        assert sentence[0].isupper() and sentence.endswith(".") and "  " not in sentence
    assert not re.search(r"\ba [aeio]\w+ (?:star|fish|leaf|arrow)\b|\ba (?:arrow|orange)\b|\ban [^aeiou]", text)


def test_a_caption_counts_in_words_and_names_each_kind_once_in_the_overview() -> None:
    made = scene(thing("red leaf", 10, 10), thing("red leaf", 50, 10), thing("orange arrow", 90, 90))
    overviews = {write_caption(dice(seed), made).split(". ")[0] for seed in range(40)}
    assert all("three objects" in text and "two red leaves and an orange arrow" in text for text in overviews)
    assert len(overviews) >= 4


def test_sentences_about_one_kind_tell_likes_from_unlikes() -> None:
    alike = [thing("red key", 10, 10), thing("red key", 90, 10)]
    for seed in range(20):
        text = describe_kind(dice(seed), "red key", alike, counted=False)
        assert re.fullmatch(
            r"The red keys are(?: both)? medium and (?:sit|can be seen|are placed)"
            r" at the top left and at the top right\.",
            text,
        )
    unlike = [thing("red key", 10, 10, "small"), thing("striped red key", 50, 50, "large")]
    assert describe_kind(dice(1), "red key", unlike, counted=True) == (
        "There are two red keys: one is small and at the top left,"
        " and the other is large and striped and in the center."
    )


def test_what_covers_what_comes_first_and_only_single_things_are_related() -> None:
    front = thing("red star", 20, 50, covers=(1,))
    behind, pair = thing("blue key", 80, 50), [thing("green leaf", 50, 10), thing("green leaf", 50, 90)]
    told = relations(dice(2), scene(front, behind, *pair), 3)
    assert told[0] == "The red star partly covers the blue key."
    assert len(told) == 3 and not any("leaf" in sentence for sentence in told)
    assert set(told[1:]) == {
        "The red star is to the left of the blue key.",
        "The blue key is to the right of the red star.",
    }
    assert relations(dice(2), scene(*pair), 3) == []
    assert relations(dice(2), scene(front, behind), 0) == []


# ---------------------------------------------------------------------------------------- determinism

DIGEST = """
import hashlib
from openmolmo.engine.synth.base import make_example
from openmolmo.engine.synth.scenes.generator import GENERATOR, MICRO
text = "".join(repr(make_example(g, 5, i, size=96)) for g in (GENERATOR, MICRO) for i in range(6))
print(hashlib.sha256(text.encode()).hexdigest())
"""


def test_another_process_with_other_hashing_makes_the_same_scenes() -> None:
    """Sets and dictionaries of texts have another order in each process: none may reach the data."""
    found = subprocess.run(
        [sys.executable, "-c", DIGEST],
        env={**os.environ, "PYTHONHASHSEED": "4711"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    here = "".join(repr(make_example(g, 5, i, size=96)) for g in (GENERATOR, MICRO) for i in range(6))
    assert hashlib.sha256(here.encode()).hexdigest() == found
