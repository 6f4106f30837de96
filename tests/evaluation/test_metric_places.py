"""Points, counts, clocks, captions and examination questions as the published evaluations read them, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmolmo.core.errors import DataError
from openmolmo.evaluation.metrics.caption_f1 import CaptionCounts, aggregate, read_consistent, read_stated
from openmolmo.evaluation.metrics.captions import score_caption
from openmolmo.evaluation.metrics.clock_bench import score_clock_reply
from openmolmo.evaluation.metrics.mask_pointing import mask_hit, rectangles_hit, score_mask_pointing
from openmolmo.evaluation.metrics.mathvista import extract_by_rule, mathvista_score, normalise_extraction
from openmolmo.evaluation.metrics.mmmu import mmmu_score, read_letter, read_open
from openmolmo.evaluation.metrics.point_count import macro_accuracy, read_stated_count, score_stated_count
from openmolmo.evaluation.metrics.profile import PROFILES, Profile
from openmolmo.evaluation.metrics.released_points import has_released_form, points_in, points_in_pixels

profiles = pytest.mark.parametrize("profile", PROFILES)

# ------------------------------------------------------------------------------- points in replies


@pytest.mark.parametrize(
    ("reply", "points"),
    [
        ("Click(10.5, 20.0)", [(10.5, 20.0)]),
        ("(1.0,2.0) and (3.0 4.0)", [(1.0, 2.0), (3.0, 4.0)]),
        ("(1, 2)", []),  # one decimal is wanted
        ('<point x="10" y=" 20.5" alt="é">é</point>', [(10.0, 20.5)]),
        ('<points x1="1" y1="2" x2="3" y2="4" alt="a">a</points>', [(1.0, 2.0), (3.0, 4.0)]),
        ('<point p=123, 456 alt="a">a</point>', [(12.3, 45.6)]),
        ('<points 1=100,200 2=300,400 alt="a">a</points>', [(10.0, 20.0), (30.0, 40.0)]),
        ('<point x="100.1" y="5" alt="a">a</point>', []),
        ('<point x="100" y="0" alt="a">a</point>', [(100.0, 0.0)]),
        ("There are none.", []),
        ("", []),
    ],
)
def test_points_of_every_form(reply: str, points: list[tuple[float, float]]) -> None:
    assert points_in(reply) == [pytest.approx(point) for point in points]


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=1, max_size=5), st.integers(1, 4000))
def test_what_is_written_in_tenths_is_read_in_pixels(tenths: list[tuple[int, int]], width: int) -> None:
    reply = "\n".join(f"({x / 10:.1f}, {y / 10:.1f})" for x, y in tenths)
    expected = [(x / 1000 * width, y / 1000 * 50) for x, y in tenths]
    for found, wanted in zip(points_in_pixels(reply, width, 50), expected, strict=True):
        assert found == pytest.approx(wanted)
    assert has_released_form(reply)


@pytest.mark.parametrize(
    ("reply", "is_form"),
    [
        ("(1.0, 2.0)\n(3, 4)", True),
        ('<point x="1" y="2" alt="a">two\nlines</point>', True),
        (' <points x1="1" y1="2" alt="a">a</points>\n', True),
        ('Here: <point x="1" y="2" alt="a">a</point>', False),
        ('<point x="1" y="2">a</point>', False),
        ("", False),
    ],
)
def test_the_whole_reply_must_be_points(reply: str, is_form: bool) -> None:
    assert has_released_form(reply) is is_form


LEFT = rectangles_hit([(0, 0, 10, 10)], 100, 100)
RIGHT = rectangles_hit([(80, 0, 90, 10), (80, 50, 90, 60)], 100, 100)
TRUE = [(5.0, 5.0), (85.0, 5.0)]


@profiles
def test_hits_are_counted_in_the_mask_of_the_nearest_point(profile: Profile) -> None:
    one = score_mask_pointing("(5.0, 5.0)", TRUE, [LEFT, RIGHT], (100, 100), profile)
    assert (one["precision"], one["recall"]) == (1.0, 0.5)
    assert one["f1"] == pytest.approx(2 / 3)
    far = score_mask_pointing("(5.0, 5.0)\n(85.0, 55.0)", TRUE, [LEFT, RIGHT], (100, 100), profile)
    assert far["f1"] == pytest.approx(1.0)  # the second rectangle is of the same mask
    three = score_mask_pointing("(5.0, 5.0)\n(85.0, 5.0)\n(50.0, 50.0)", TRUE, [LEFT, RIGHT], (100, 100), profile)
    assert (three["precision"], three["recall"]) == (pytest.approx(2 / 3), 1.0)


@profiles
def test_nothing_annotated_and_nothing_said(profile: Profile) -> None:
    assert set(score_mask_pointing("none", [], [], (9, 9), profile).values()) == {1.0}
    assert set(score_mask_pointing("(5.0, 5.0)", [], [], (9, 9), profile).values()) == {0.0}
    assert set(score_mask_pointing("", TRUE, [LEFT, RIGHT], (9, 9), profile).values()) == {0.0}
    with pytest.raises(DataError, match="2 annotated points but 1 masks"):
        score_mask_pointing("", TRUE, [LEFT], (9, 9), profile)


def test_words_around_a_point_cost_everything_in_one_profile() -> None:
    said = "I see (5.0, 5.0)"
    assert score_mask_pointing(said, TRUE[:1], [LEFT], (100, 100), "released")["f1"] == 0.0
    assert score_mask_pointing(said, TRUE[:1], [LEFT], (100, 100), "official")["f1"] == pytest.approx(1.0)


@given(st.integers(-3, 14), st.integers(-3, 14))
def test_rectangles_and_a_dense_mask_agree_outside_the_picture_too(x: int, y: int) -> None:
    mask = np.zeros((8, 12), bool)
    mask[2:6, 3:9] = True
    assert mask_hit(mask)(x, y) is rectangles_hit([(3, 2, 9, 6)], 8, 12)(x, y)
    assert rectangles_hit([(0, 0, 99, 99)], 8, 12)(x, y) is (0 <= x < 12 and 0 <= y < 8)


# ---------------------------------------------------------------------------------------- counting


@pytest.mark.parametrize(
    ("reply", "count"),
    [
        ("There are 7.", 7),
        ("Twelve", 12),
        ("a total of 5 red stars", 5),
        ("a total of 5 and a total of 6 stars", 6),
        ("There are none of them", 0),
        ("nonetheless many", None),
        ("many", None),
        ("", None),
        ("...", None),
    ],
)
@profiles
def test_stated_counts(reply: str, count: int | None, profile: Profile) -> None:
    assert read_stated_count(reply, profile) == count


def test_points_are_a_count_in_the_official_profile_only() -> None:
    reply = '<points x1="1" y1="2" x2="3" y2="4" alt="stars">stars</points>'
    assert (read_stated_count(reply, "released"), read_stated_count(reply, "official")) == (None, 2)


def test_scores_of_counts() -> None:
    assert score_stated_count("4", 4) == {"correct": 1.0, "close": 1.0, "valid": 1.0}
    assert score_stated_count("5", 4) == {"correct": 0.0, "close": 1.0, "valid": 1.0}
    assert score_stated_count("2", 4) == {"correct": 0.0, "close": 0.0, "valid": 1.0}
    assert score_stated_count("some", 0) == {"correct": 0.0, "close": 0.0, "valid": 0.0}
    assert macro_accuracy([]) == {}


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30))
def test_every_true_count_weighs_the_same(scored: list[tuple[int, bool]]) -> None:
    means = macro_accuracy((true, {"correct": float(right)}) for true, right in scored)
    by_hand = [
        sum(right for true, right in scored if true == count) / sum(true == count for true, _ in scored)
        for count in {true for true, _ in scored}
    ]
    assert means["per_category_average"] == pytest.approx(sum(by_hand) / len(by_hand))
    assert len(means) == len(by_hand) + 1


# ------------------------------------------------------------------------------------------ clocks


@pytest.mark.parametrize(
    ("reply", "hour", "minute", "exact", "close"),
    [
        ("The time is 10:42", 10, 42, 1.0, 1.0),
        ("10:43", 10, 42, 0.0, 1.0),
        ("10:44", 10, 42, 0.0, 0.0),
        ("22:42", 10, 42, 1.0, 1.0),
        ("12:05", 12, 5, 1.0, 1.0),
        ("0:05", 12, 5, 1.0, 1.0),
        ("3:60", 3, 0, 1.0, 1.0),
        ("11:59", 12, 0, 0.0, 1.0),
        (": 5", 12, 5, 0.0, 0.0),
        ("", 12, 5, 0.0, 0.0),
        ("10:", 10, 0, 0.0, 0.0),
    ],
)
def test_times_on_a_dial(reply: str, hour: int, minute: int, exact: float, close: float) -> None:
    scores = score_clock_reply(reply, hour, minute)
    assert (scores["overall_exact"], scores["overall_close"]) == (exact, close)
    assert scores["correctly_declines_to_answer"] is None


def test_drawn_clocks_have_seconds_an_afternoon_and_three_minutes() -> None:
    exact = score_clock_reply("3:10:20 PM", 15, 10, 20, synthetic=True)
    assert (exact["overall_exact"], exact["second_correct"]) == (1.0, 1.0)
    near = score_clock_reply("3:13:23 PM", 15, 10, 20, synthetic=True)
    assert (near["overall_exact"], near["overall_close"]) == (0.0, 1.0)
    assert score_clock_reply("3:14:20 PM", 15, 10, 20, synthetic=True)["overall_close"] == 0.0
    assert score_clock_reply("3:10:20", 15, 10, 20, synthetic=True)["hour_correct"] == 0.0
    assert score_clock_reply("3:10 PM", 15, 10, 20, synthetic=True)["second_correct"] == 0.0


def test_a_picture_without_a_time_wants_none() -> None:
    assert score_clock_reply("It is 3:10", -1, -1)["correctly_declines_to_answer"] == 0.0
    assert score_clock_reply("There is no clock.", -1, -1)["correctly_declines_to_answer"] == 1.0


# ---------------------------------------------------------------------------------------- captions


def test_labels_of_a_judge_with_the_quirks_that_are_kept() -> None:
    stated = read_stated("1. Stated\n\n2. Not Stated\n3. Not Stated.\nhm\n")
    assert stated.values == (True, False, True, None)
    assert (stated.read, stated.positive, stated.share) == (3, 2, pytest.approx(2 / 3))
    consistent = read_consistent("1. Consistent\n2. Inconsistent\n3. Not Consistent\n4. contradictory\n5. perhaps")
    assert consistent.values == (True, False, True, False, None)
    assert read_stated("").share is None and read_stated("").share_of_first() is None


def test_only_the_first_ten_count_where_that_is_asked() -> None:
    labels = read_stated("\n".join(["1. Stated"] * 8 + ["9. Not Stated"] * 12))
    assert labels.share == pytest.approx(0.4)
    assert labels.share_of_first() == pytest.approx(0.8)
    assert labels.share_of_first(4) == 1.0


def test_means_of_captions_leave_out_what_has_no_statement() -> None:
    whole = CaptionCounts(reference=4, covered=2, stated=5, consistent=5)
    silent = CaptionCounts(reference=4, covered=0, stated=0, consistent=0)
    means = aggregate([whole, silent])
    assert means["recall"] == pytest.approx(25.0)
    assert means["consistency"] == pytest.approx(100.0)
    assert means["avg"] == pytest.approx(62.5)
    assert means["f1_of_means"] == pytest.approx(40.0)
    assert means["mean_of_f1"] == pytest.approx(100 * 2 / 3)
    assert all(math.isnan(value) for name, value in aggregate([]).items() if name != "f1_of_means")


def test_a_caption_that_states_nothing_earns_nothing() -> None:
    from openmolmo.engine.synth.base import GENERATORS, make_example

    scene = make_example(GENERATORS.get("scenes"), 3, 0, size=96, split="test")
    for text in ("", "Hmm.", "漢字だけ"):
        assert score_caption(text, scene.facts) == {"f1": 0.0, "recall": 0.0, "precision": 0.0}


# ------------------------------------------------------------------------------------------- MMMU


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("B", "B"),
        ("(A) no, (C)", "C"),
        ("A or B", "B"),
        ("It is B.", "B"),
        ("cat", None),
        ("After some thought I would say it is the cat", "B"),
        ("The dog chased the cat until the dog was tired", "A"),
        ("E", None),
        ("", None),
    ],
)
def test_the_letter_that_is_named_last(reply: str, letter: str | None) -> None:
    assert read_letter(reply, ["dog", "cat", "bird"]) == letter


def test_open_questions_are_read_at_the_ends_of_sentences() -> None:
    assert 5.0 in read_open("So the final answer is 5.")
    assert 1234.5 in read_open("The result is 1,234.50")
    assert "paris" in read_open("I think the answer is Paris")
    assert mmmu_score("The answer is 3.14159", ["3.14"], None) == 1.0
    assert mmmu_score("The answer is Paris", ["London", "paris"], None) == 1.0
    assert mmmu_score("The answer is 4", ["5"], None) == 0.0
    assert mmmu_score("", ["5"], None) == 0.0


def test_empty_options_are_no_options() -> None:
    assert mmmu_score("no idea", ["A"], ["x", "", "y", ""], "official") == 0.5
    assert mmmu_score("no idea", ["A"], [], "official") == 1.0
    assert mmmu_score("D", ["D"], ["x", "", "y", ""], "released") is None  # there are only A and B


# -------------------------------------------------------------------------------------- MathVista


def test_extracted_answers_are_brought_to_their_type() -> None:
    assert normalise_extraction("7.9", "free_form", "integer", None, None) == "7"
    assert normalise_extraction("7.949", "free_form", "float", None, 2) == "7.95"
    assert normalise_extraction("[1, 2]", "free_form", "list", None, None) == "[1, 2]"
    for text in ("seven", "", "inf", "nan"):
        assert normalise_extraction(text, "free_form", "integer", None, None) is None
    assert mathvista_score("1.20", "1.2", question_type="free_form", answer_type="float", precision=1.0) == 1.0


@pytest.mark.parametrize(("text", "profile"), [("B", "released"), ("B: cat", "released"), ("(b) cat", "official")])
def test_an_option_by_letter_in_the_form_of_each_profile(text: str, profile: Profile) -> None:
    assert normalise_extraction(text, "multi_choice", "text", ["dog", "cat"], None, profile) == "cat"


def test_an_option_by_the_nearest_text_or_none_without_options() -> None:
    assert normalise_extraction("cats", "multi_choice", "text", ["dog", "cat"], None) == "cat"
    assert normalise_extraction("cat", "multi_choice", "text", [], None) is None
    assert mathvista_score("cat", "cat", question_type="multi_choice", answer_type="text") == 0.0


def test_extraction_by_rule_needs_no_judge() -> None:
    assert extract_by_rule("b", "multi_choice", "text", ["dog", "cat"]) == "cat"
    assert extract_by_rule(" 12 ", "free_form", "integer", None) == "12"
    assert extract_by_rule("1.50", "free_form", "float", None) == "1.5"
    assert extract_by_rule("about 12", "free_form", "integer", None) == "about 12"
    assert extract_by_rule("Paris", "free_form", "text", None) == "Paris"
