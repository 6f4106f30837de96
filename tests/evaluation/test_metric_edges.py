"""Where the two profiles part, letters of every script, and replies that hold nothing: each metric by itself."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmolmo.evaluation.metrics.android_control import Action, read_action, score_step, without_plan
from openmolmo.evaluation.metrics.anls import anls, edit_distance
from openmolmo.evaluation.metrics.cleanup import clean_reply
from openmolmo.evaluation.metrics.exact_match import exact_match
from openmolmo.evaluation.metrics.multiple_choice import choose, read_choice
from openmolmo.evaluation.metrics.profile import PROFILES, Profile
from openmolmo.evaluation.metrics.real_world_qa import real_world_qa
from openmolmo.evaluation.metrics.relaxed_correctness import relaxed_correctness
from openmolmo.evaluation.metrics.short_answers import normalise
from openmolmo.evaluation.metrics.vqa import a_okvqa_accuracy, normalise_vqa, vqa_accuracy

profiles = pytest.mark.parametrize("profile", PROFILES)
words = st.text(alphabet="abcé漢字 '.,-0123456789\n\t", max_size=20)

# ---------------------------------------------------------------------------------------- ANLS


def test_distance_counts_letters_not_bytes() -> None:
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance("漢字", "漢") == 1
    assert edit_distance("", "abc") == 3


def test_one_half_is_nothing_in_one_profile_and_a_half_in_the_other() -> None:
    assert anls("abcd", ["abxy"], "released") == 0.0
    assert anls("abcd", ["abxy"], "official") == 0.5
    assert anls("abcde", ["abcxy"], "released") == anls("abcde", ["abcxy"], "official") == pytest.approx(0.6)


@profiles
def test_the_nearest_reference_counts_whatever_the_case(profile: Profile) -> None:
    assert anls("Zürich", ["Bern", "ZÜRICH"], profile) == 1.0
    assert anls("東京都", ["大阪", "東京"], profile) == pytest.approx(2 / 3)
    assert anls("anything", [], profile) == 0.0
    assert anls("", ["word"], profile) == 0.0
    assert anls("", [""], profile) == 1.0


def test_white_space_is_folded_in_the_official_profile_only() -> None:
    assert anls("new   york", ["new york"], "official") == 1.0
    assert anls("new   york", ["new york"], "released") == pytest.approx(0.8)


@given(words, words)
def test_similarity_is_a_share_and_the_same_in_both_directions(one: str, other: str) -> None:
    value = anls(one, [other])
    assert 0.5 < value <= 1.0 or value == 0.0
    assert value == anls(other, [one])
    assert anls(one, [one]) == 1.0


# ------------------------------------------------------------------------------ relaxed answers


@pytest.mark.parametrize(
    ("said", "true", "right"),
    [
        ("105", "100", 1.0),
        ("105.1", "100", 0.0),
        ("95", "100", 1.0),
        ("94.9", "100", 0.0),
        ("-95", "-100", 1.0),
        ("100", "-100", 0.0),
        ("50%", "0.5", 1.0),
        ("50%", "50", 0.0),
        ("0", "0", 1.0),
        ("0.0", "0", 0.0),
        ("1,000", "1000", 0.0),
        ("١٠٠", "100", 1.0),
        ("Yes", "yes", 1.0),
        ("yes", "no", 0.0),
        ("", "", 1.0),
        ("%", "5", 0.0),
        ("nan", "5", 0.0),
    ],
)
@profiles
def test_numbers_are_right_within_a_twentieth(said: str, true: str, right: float, profile: Profile) -> None:
    assert relaxed_correctness(said, [true], profile) == right


def test_spaces_about_an_answer_and_several_references() -> None:
    assert relaxed_correctness(" yes\n", ["yes"], "official") == 1.0
    assert relaxed_correctness(" yes\n", ["yes"], "released") == 0.0
    assert relaxed_correctness("7", ["no", "7"]) == 1.0
    assert relaxed_correctness("7", []) == 0.0


@given(st.floats(1e-3, 1e6), st.floats(-0.2, 0.2))
def test_the_tolerance_is_of_the_reference(true: float, off: float) -> None:
    if abs(abs(off) - 0.05) > 1e-6:
        assert relaxed_correctness(repr(true * (1 + off)), [repr(true)]) == float(abs(off) < 0.05)


# ------------------------------------------------------------------------------------------ VQA


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Two t-shirts.", "2 t shirts"),
        ("a an the", ""),
        ("", ""),
        ("dont", "don't"),
        ("3.5", "3.5"),
        ("1,000", "1000"),
        ("yes, sir", "yes sir"),
        ("Straße 漢字", "straße 漢字"),
        ("none", "0"),
        ("eleven", "eleven"),  # the published list of number words ends at ten
        ("line\none\tmore", "line 1 more"),
    ],
)
def test_the_customary_normalisation(text: str, expected: str) -> None:
    assert normalise_vqa(text) == expected


@pytest.mark.parametrize(("same", "released", "official"), [(0, 0, 0), (1, 1 / 3, 0.3), (2, 2 / 3, 0.6), (3, 1, 0.9)])
def test_annotators_who_agree(same: int, released: float, official: float) -> None:
    references = ["red"] * same + ["blue"] * (10 - same)
    assert vqa_accuracy("Red.", references, "released") == pytest.approx(released)
    assert vqa_accuracy("Red.", references, "official") == pytest.approx(official)


@profiles
def test_four_who_agree_are_enough_and_nobody_is_none(profile: Profile) -> None:
    assert vqa_accuracy("red", ["red"] * 4 + ["blue"] * 6, profile) == 1.0
    assert vqa_accuracy("red", [], profile) == 0.0


def test_a_okvqa_folds_nothing_but_the_case() -> None:
    assert a_okvqa_accuracy(" Red ", ["red", "RED", "red"]) == 1.0
    assert a_okvqa_accuracy("the red", ["red"] * 10) == 0.0
    assert a_okvqa_accuracy("red", ["red"]) == pytest.approx(1 / 3)
    assert a_okvqa_accuracy("red", []) == 0.0


@given(words, st.lists(words, max_size=10))
def test_leaving_oneself_out_never_adds_to_the_accuracy(said: str, references: list[str]) -> None:
    assert 0.0 <= vqa_accuracy(said, references, "official") <= vqa_accuracy(said, references, "released") <= 1.0


@given(words)
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert once == once.strip() and "  " not in once


# -------------------------------------------------------------------------------- exact matches


def test_an_exact_match_minds_everything_but_the_case() -> None:
    assert exact_match("ÉCOLE", ["école"]) == 1.0
    assert exact_match("école ", ["école"]) == 0.0
    assert exact_match("", []) == 0.0
    assert exact_match("", ["", "x"]) == 1.0


# ------------------------------------------------------------------------------ multiple choice


def test_the_published_rule_always_chooses() -> None:
    options = ["a dog", "a cat", "a bird"]
    assert choose("A CAT ", options) == 1
    assert choose("bird", options) == 2
    assert choose("The answer is B", list("ABC")) == 0  # the nearest by edit distance: the quirk that is kept
    assert choose("", options) in range(3)
    assert choose("a cat", []) == -1


@pytest.mark.parametrize(
    ("reply", "index"),
    [
        ("Es ist 猫", 1),
        ("(b)", 1),
        ("option C", 2),
        ("Choice: (A)", 0),
        ("`B`", 1),
        ("catalogue", -1),  # an option must be a word by itself
        ("D", -1),
    ],
)
def test_a_letter_or_the_text_of_one_option(reply: str, index: int) -> None:
    assert read_choice(reply, ["犬", "猫", "cat"]) == index


def test_options_that_are_signs_of_a_pattern_are_read_as_they_are() -> None:
    assert read_choice("it is c++", ["c", "c++", "c#"]) == -1  # "c" is there as well
    assert read_choice("it is f(x)", ["g(x)", "f(x)"]) == 1


@given(st.integers(0, 3), st.sampled_from(["{}", "({})", "{}.", "{}: because", "The answer is {}.", "**{}**"]))
def test_every_customary_form_of_a_letter_is_read(index: int, form: str) -> None:
    assert read_choice(form.format("ABCD"[index]), ["w1", "w2", "w3", "w4"]) == index


def test_real_world_questions_of_both_kinds() -> None:
    assert real_world_qa("B", "b ", "multiple_choice", "official") == 1.0
    assert real_world_qa("The answer is B.", "B", "multiple_choice", "official") == 1.0
    assert real_world_qa("The answer is B.", "B", "multiple_choice", "released") == 0.0
    assert real_world_qa("nothing", "E", "multiple_choice", "official") == 0.0
    for profile in PROFILES:
        assert real_world_qa("Two", "2", "short_answer", profile) == 1.0
        assert real_world_qa("", "2", "short_answer", profile) == 0.0


# ---------------------------------------------------------------------------------- clean replies


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("It is red.\nAnswer: red", "red"),
        ("Answer: red Answer: blue", "red"),
        ("two   words ", "two words"),
        ("a\nb\nb", "b"),
        ("a\nb", "a"),
        ("", ""),
        ("Answer:", ""),
    ],
)
def test_from_a_reply_to_its_answer(reply: str, answer: str) -> None:
    assert clean_reply(reply) == answer


# ------------------------------------------------------------------------------- steps on a phone


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("Click (12.5, 30)", Action("click", place=(12.5, 30.0))),
        ("CLICK somewhere", Action("click")),
        ("Long Press 1 2", Action("long press", place=(1.0, 2.0))),
        ("Type Grüße", Action("type", "grüße")),
        ("scroll DOWN", Action("scroll", "down")),
        ("scroll", Action("scroll", "")),
        ("Open App Maps", Action("open app", "maps")),
        (" Navigate Back\n", Action("navigate back")),
        ("wait", Action("wait")),
        ("wait a bit", Action(None)),
        ("", Action(None)),
    ],
)
def test_actions_are_read_whatever_the_case(text: str, action: Action) -> None:
    assert read_action(text) == action


def test_a_click_is_judged_by_the_box_of_its_element() -> None:
    box = "[10.0, 20.0, 30.0, 40.0]"
    for profile in PROFILES:
        assert score_step("Click 10.0 40.0", "Click 20.0 30.0", box, profile) == 1.0  # the edges belong to it
        assert score_step("Click 9.9 40.0", "Click 20.0 30.0", box, profile) == 0.0
        assert score_step("Click 20 30", "Open App Maps", box, profile) == 1.0
        assert score_step("Click 20 30", "Open App Maps", None, profile) == 0.0
        assert score_step("Long Press 20 30", "Click 20 30", box, profile) == 0.0
        assert score_step("Click", "Click 20 30", box, profile) == 0.0
        assert score_step("Type a b", "type A B", None, profile) == 1.0
        assert score_step("Scroll up", "Scroll down", None, profile) == 0.0


def test_profiles_differ_on_signs_whole_numbers_and_unreadable_actions() -> None:
    for box in ("[10, 20, 30, 40]", "[-5.0, 20.0, 30.0, 40.0]"):
        assert score_step("Click 20 30", "Click 20 30", box, "official") == 1.0
    assert score_step("Click 20 30", "Click 20 30", "[10, 20, 30, 40]", "released") == 0.0
    assert score_step("Click 2 30", "Click 2 30", "[-5.0, 20.0, 30.0, 40.0]", "released") == 0.0  # read as 5.0
    assert (score_step("hm", "huh", None, "released"), score_step("hm", "huh", None, "official")) == (1.0, 0.0)


def test_the_plan_before_an_action_is_no_part_of_it() -> None:
    assert without_plan("Plan: go home. Action: Navigate Home") == "Navigate Home"
    assert without_plan("Wait") == "Wait"


def test_no_metric_gives_more_than_one_or_a_number_that_is_none() -> None:
    for reply in ("", " ", "\n", "🙂", "a" * 5000, "\u202eabc", "\x00"):
        for profile in PROFILES:
            for value in (
                anls(reply, ["x"], profile),
                relaxed_correctness(reply, ["5"], profile),
                vqa_accuracy(reply, ["x"], profile),
                score_step(reply, "Wait", None, profile),
            ):
                assert math.isfinite(value) and 0.0 <= value <= 1.0
