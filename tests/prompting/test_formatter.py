"""Annotations -> messages, checked against what the released models were trained on."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
from prompting_toys import example, recorded

from openmolmo.core.errors import ConfigError, PromptError
from openmolmo.prompting import FormatConfig, Formatter, Turn, read_points
from openmolmo.prompting.replies import render_turns
from openmolmo.records.example import (
    Annotation,
    Caption,
    Counting,
    Dialogue,
    NotPresent,
    Point,
    PointExplanation,
    Pointing,
    QuestionAnswer,
    Transcript,
)
from openmolmo.words.templates import wordings

PLAIN = FormatConfig(system_prompt="none", prompt_templates=False)


def said(config: FormatConfig, annotation: Annotation, seed: int = 0) -> list[str]:
    branch = Formatter(config).branch(annotation, np.random.default_rng(seed))
    assert branch is not None
    assert [turn.role for turn in branch] == ["user", "assistant"] * (len(branch) // 2)
    return [turn.text for turn in branch]


def asked(config: FormatConfig, annotation: Annotation) -> list[str]:
    """What is asked later, worded plainly."""
    texts = render_turns(annotation, config, None)
    assert texts is not None
    formatter = Formatter(config)
    return [turn.text for turn in formatter.turns([formatter.question(texts[0], annotation.style)])]


# ------------------------------------------------------------------------------- recorded messages


def recorded_config(settings: dict[str, Any]) -> FormatConfig:
    known = {key: settings[key] for key in ("message_format", "always_start_with_space", "system_prompt")}
    known["default_length"] = settings.get("default_inference_len", 65)
    return FormatConfig(**known, prompt_templates=settings["prompt_templates"] != "none", option_letters=False)


def recorded_annotation(given: dict[str, Any], size: list[int] | None) -> Annotation:
    style = {"style": given["style"]} if "style" in given else {}
    if "label" in given:
        height, width = size if size and "point_scale" not in given else (given.get("point_scale"),) * 2
        assert height is not None and width is not None
        points = tuple(Point(100 * x / width, 100 * y / height) for x, y in given["points"])
        return Pointing(label=given["label"], points=points, **style)
    if "messages" in given:
        return Dialogue(turns=tuple(given["messages"]), **style)
    if "question" not in given:
        return Caption(text=given.get("text", ""), **style)
    answers = tuple(given.get("answers", [given["answer"]] if "answer" in given else []))
    options = tuple(given.get("unlabelled_options", []))
    return QuestionAnswer(
        question=given["question"], answers=answers, options=options, answer_index=given.get("answer_idx"), **style
    )


CASES = recorded("formatter.json")


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_recorded_messages(case: dict[str, Any]) -> None:
    config, given = recorded_config(case["formatter"]), case["example"]
    annotations = [recorded_annotation(one, given.get("image")) for one in given.get("message_list", [given])]
    messages = case["messages"] if "message_list" in given else [case["messages"]]
    for annotation, expected in zip(annotations, messages, strict=True):
        if not case["is_training"]:
            assert asked(config, annotation) == expected
            continue
        replies = {tuple(said(config, annotation, seed)[1::2]) for seed in range(8)}
        assert tuple(expected[1::2]) in replies
        assert len(replies) == (2 if case["name"].startswith("vqa_tie") else 1)
        if isinstance(annotation, Pointing):
            continue  # the wording of the question is our own
        if isinstance(annotation, Caption):
            lengths = [int(said(config, annotation, s)[0].split()[1].rstrip(":") or -1) for s in range(1, 4)]
            expected_length = int(expected[0].split()[1].rstrip(":"))
            assert all(abs(length - expected_length) <= 8 for length in lengths)
            continue
        # Demo styles have their tag now and then: 10 % of the time.
        questions = {tuple(said(config, annotation, seed)[0::2]) for seed in range(8)}
        assert tuple(expected[0::2]) in questions


# ------------------------------------------------------------------------------- tags and hints


def test_academic_styles_always_have_their_tag_and_demo_styles_a_tenth_of_the_time() -> None:
    question = QuestionAnswer(question="What?", answers=("cat",), style="vqa2")
    for seed in range(20):
        assert said(FormatConfig(), question, seed)[0] == " User: vqa2: What? Assistant:"
    explained = PointExplanation(question="What?", answer="A cat.", labels=(), points=())
    assert said(FormatConfig(), explained)[0] == " User: point_qa: What? Assistant:"
    demo = QuestionAnswer(question="What?", answers=("cat",))
    formatter, rng = Formatter(FormatConfig()), np.random.default_rng(0)
    tagged = sum("user_qa:" in (formatter.branch(demo, rng) or [])[0].text for _ in range(2000))
    assert 150 < tagged < 250


def test_length_hints_follow_the_text_and_are_left_out_a_tenth_of_the_time() -> None:
    config = FormatConfig(system_prompt="style_and_length", prompt_templates=False)
    formatter, rng = Formatter(config), np.random.default_rng(0)
    caption = Caption(text="x" * 900)
    prompts = [(formatter.branch(caption, rng) or [])[0].text for _ in range(2000)]
    lengths = [int(m[1]) for p in prompts if (m := re.fullmatch(r" User: long_caption (\d+): Assistant:", p))]
    assert 1740 < len(lengths) < 1860
    assert set(prompts) - {f" User: long_caption {n}: Assistant:" for n in lengths} == {
        " User: long_caption : Assistant:"
    }
    assert abs(np.mean(lengths) - 59.5) < 0.3 and abs(np.std(lengths) - 25 / 15) < 0.2
    assert said(config, Transcript(text="um"), 3)[0].startswith(" User: transcript ")
    assert int(said(config, Caption(text=""), 1)[0].split()[2].rstrip(":")) >= 0


def test_without_hint_noise_the_number_is_exact() -> None:
    config = FormatConfig(
        system_prompt="style_and_length",
        prompt_templates=False,
        message_format="none",
        length_hint_sd=0.0,
        length_hint_rate=1.0,
    )
    assert said(config, Caption(text="x" * 1259)) == [" long_caption 83:", " " + "x" * 1259]


def test_caption_tags_can_carry_a_length_in_fine_tuning() -> None:
    config = FormatConfig(caption_tag_rate=1.0, caption_tag_length=True, length_hint_rate=1.0, length_hint_sd=0.0)
    prompt = said(config, Caption(text="x" * 150))[0]
    assert prompt.startswith(" User: long_caption 10: ") and len(prompt) > 40
    assert Formatter(config).question("", "long_caption", 20) == "long_caption 20: Describe this image."


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (FormatConfig(system_prompt="style_and_length", prompt_templates=False), "long_caption 65:"),
        (FormatConfig(system_prompt="style_and_length", prompt_templates=False, default_length=None), "long_caption :"),
        (FormatConfig(system_prompt="style", prompt_templates=False), "long_caption:"),
        (FormatConfig(), "Describe this image."),
        (PLAIN, "Describe this image."),
    ],
)
def test_captions_are_asked_for_as_they_were_trained(config: FormatConfig, text: str) -> None:
    formatter = Formatter(config)
    assert formatter.question("", "long_caption") == text
    assert formatter.turns([formatter.question("", "long_caption")]) == [Turn("user", f" User: {text} Assistant:")]


def test_points_and_counts_are_asked_for_as_they_were_trained() -> None:
    formatter = Formatter(FormatConfig())
    assert formatter.question("Point to red cups.", "pointing") == "Point to red cups."
    assert asked(FormatConfig(), Pointing(label="Cups", points=())) == [" User: Point to cups. Assistant:"]
    always = Formatter(FormatConfig(system_prompt="style"))
    assert always.question("How many cups are there?", "point_count") == "point_count: How many cups are there?"


# ------------------------------------------------------------------------------- kinds


def test_pointing_is_asked_in_many_ways_and_answered_in_one() -> None:
    annotation = Pointing(label="Cup", points=(Point(61.5, 40.4),))
    both = [tuple(said(FormatConfig(demo_tag_rate=0.0), annotation, seed)) for seed in range(300)]
    assert {reply for _, reply in both} == {' <point x="61.5" y="40.4" alt="cup">cup</point>'}
    questions = {prompt.removeprefix(" User: ").removesuffix(" Assistant:") for prompt, _ in both}
    assert len(questions) > 80
    assert questions <= {text.replace("{label}", "cup") for text in wordings("pointing")}


def test_counting_forms() -> None:
    cups = Counting(label="cups", count=2, points=(Point(5, 6), Point(1, 2)))
    points = '<points x1="1.0" y1="2.0" x2="5.0" y2="6.0" alt="cups">cups</points>'
    assert said(PLAIN, cups)[1] == f" Counting the {points} shows a total of 2."
    assert said(PLAIN.replace(counting="count"), cups)[1] == " 2"
    assert said(PLAIN.replace(counting="count_then_point"), cups)[1] == f" The total is 2, counting the {points}."
    assert said(PLAIN.replace(counting="points"), cups)[1] == f" {points}"
    assert said(PLAIN, Counting(label="cups", count=3))[1] == " 3"
    assert said(PLAIN, Counting(label="cups", count=0))[1] == " There are none."


def test_points_in_random_order_and_anywhere_for_comparison() -> None:
    cups = tuple(Point(float(n), float(n)) for n in range(1, 7))
    shuffled = [
        said(PLAIN.replace(point_order="random"), Pointing(label="cup", points=cups), seed)[1] for seed in (0, 1)
    ]
    assert shuffled[0] != shuffled[1]
    for text in shuffled:
        found = [point.x for point in read_points(text)[0].points]
        assert sorted(found) == [1, 2, 3, 4, 5, 6] and found != sorted(found)
    plain = render_turns(Pointing(label="cup", points=cups), PLAIN.replace(point_order="random"), None)
    assert plain is not None and read_points(plain[1])[0].points == cups
    counting = Counting(label="cups", count=6, points=cups)
    anywhere = said(PLAIN.replace(counted="anywhere"), counting)[1]
    assert anywhere.endswith("shows a total of 6.") and len(read_points(anywhere)[0].points) == 6
    assert set(read_points(anywhere)[0].points).isdisjoint(cups)
    numbers = {
        len(read_points(said(PLAIN.replace(counted="any_number"), counting, seed)[1])[0].points) for seed in range(9)
    }
    assert len(numbers) > 2 and numbers <= set(range(1, 11))
    tokens = said(PLAIN.replace(point_form="tokens"), Pointing(label="cup", points=cups[:1]))[1]
    assert tokens == " <|1|><|1|>cup<|.|>"


def test_absent_things() -> None:
    assert said(PLAIN, NotPresent(label="Cups")) == [" User: Point to cups. Assistant:", " There are none."]
    counted = NotPresent(label="Cups", style="point_count")
    assert said(PLAIN, counted) == [" User: How many cups are there? Assistant:", " There are none."]
    assert said(PLAIN, NotPresent(label="x", question="Any x?"))[0] == " User: Any x? Assistant:"


def test_crowded_pointing_is_not_used() -> None:
    crowd = tuple(Point(float(i), 1.0) for i in range(41))
    formatter = Formatter(FormatConfig())
    assert formatter.branch(Pointing(label="a", points=crowd), np.random.default_rng(0)) is None
    assert formatter.branch(Counting(label="a", count=41, points=crowd), np.random.default_rng(0)) is None
    assert formatter.branch(Pointing(label="a", points=crowd[:40]), np.random.default_rng(0)) is not None
    crowded = example(Pointing(label="a", points=crowd))
    with pytest.raises(PromptError, match="has no annotation to train on: it has pointing"):
        formatter.branches(crowded, np.random.default_rng(0))


def test_multiple_choice() -> None:
    question = QuestionAnswer(question="Which?", options=("cat", "dog"), answer_index=1, style="mc")
    assert said(PLAIN, question) == [" User: Which?\nA: cat\nB: dog\n Assistant:", " B"]
    lettered = QuestionAnswer(question="Which?", options=("B", "A"), answer_index=0)
    assert said(PLAIN, lettered) == [" User: Which?\nB\nA\n Assistant:", " B"]
    with pytest.raises(PromptError, match="options but no answer_index"):
        said(PLAIN, QuestionAnswer(question="Which?", options=("cat", "dog")))
    with pytest.raises(PromptError, match="neither answers nor options"):
        said(PLAIN, QuestionAnswer(question="Which?"))


def test_the_most_frequent_answer_is_trained_and_ties_are_drawn() -> None:
    votes = QuestionAnswer(question="Q", answers=("a", "b", "b", "c", "a", "b"))
    assert {said(PLAIN, votes, seed)[1] for seed in range(10)} == {" b"}
    tied = QuestionAnswer(question="Q", answers=("a", "b", "b", "c", "a"))
    drawn = Counter(said(PLAIN, tied, seed)[1] for seed in range(200))
    assert set(drawn) == {" a", " b"} and min(drawn.values()) > 60


def test_how_many_questions_of_people_say_not_to_point() -> None:
    counted = QuestionAnswer(question="How many cups?", answers=("2",))
    prompts = {said(PLAIN, counted, seed)[0].removeprefix(" User: ").removesuffix(" Assistant:") for seed in range(200)}
    assert all(any(p in (f"How many cups? {t}", f"{t} How many cups?") for t in wordings("no_points")) for p in prompts)
    assert len(prompts) > 30
    short = QuestionAnswer(question="How many cups?", answers=("2",), style="vqa2")
    assert said(PLAIN, short)[0] == " User: How many cups? Assistant:"


def test_explanations_point_where_the_places_are() -> None:
    annotation = PointExplanation(
        question="Where?",
        answer="By <|POINT|> and <|POINT|>, not <|POINT|>.",
        labels=("The Cup", "jugs", "a plate"),
        points=((Point(1, 2),), (Point(5, 6), Point(3, 4)), ()),
    )
    assert said(PLAIN, annotation)[1] == (
        ' By <point x="1.0" y="2.0" alt="The Cup">The Cup</point> and '
        '<points x1="3.0" y1="4.0" x2="5.0" y2="6.0" alt="jugs">jugs</points>, not a plate.'
    )
    named = PointExplanation(
        question="Where?", answer="It is <|POINT|>.", labels=("here",), points=((Point(1, 2),),), alts=("a cup",)
    )
    reply = said(PLAIN, named)[1]
    assert reply == ' It is <point x="1.0" y="2.0" alt="a cup">here</point>.'
    (group,) = read_points(reply)
    assert (group.label, group.alt) == ("here", "a cup")
    with pytest.raises(PromptError, match="3 labels but 1 alt texts"):
        said(PLAIN, dataclasses.replace(annotation, alts=("a cup",)))
    with pytest.raises(PromptError, match=r"1 <\|POINT\|> but there are 0 groups of points and 0 labels"):
        said(PLAIN, PointExplanation(question="Q", answer="At <|POINT|>", labels=(), points=()))


def test_dialogues_take_turns() -> None:
    turns = ("Hi", "Hello", "More?", "Yes")
    expected = [" User: Hi Assistant:", " Hello", " User: More? Assistant:", " Yes"]
    assert said(PLAIN, Dialogue(turns=turns)) == expected
    assert said(PLAIN.replace(always_start_with_space=False), Dialogue(turns=turns)) == [
        "User: Hi Assistant:",
        *expected[1:],
    ]
    assert said(PLAIN.replace(message_format="none"), Dialogue(turns=turns)) == [" Hi", " Hello", " More?", " Yes"]
    with pytest.raises(PromptError, match="3 turns"):
        said(PLAIN, Dialogue(turns=turns[:3]))


# ------------------------------------------------------------------------------- choosing branches


def test_caption_stage_takes_the_caption_and_one_transcript() -> None:
    formatter = Formatter(
        FormatConfig(kinds=("caption", "transcript"), system_prompt="style_and_length", prompt_templates=False)
    )
    one = example(
        Caption(text="C"), *(Transcript(text=f"T{i}") for i in range(3)), QuestionAnswer(question="Q", answers=("A",))
    )
    drawn = [{b[1].text for b in formatter.branches(one, np.random.default_rng(seed))} for seed in range(60)]
    assert {frozenset(d) for d in drawn} == {frozenset({" C", f" T{i}"}) for i in range(3)}


def test_branches_are_shuffled_and_sampled() -> None:
    one = example(*(QuestionAnswer(question=f"Q{i}", answers=(f"{i}",), style="vqa2") for i in range(6)))
    order = [tuple(b[1].text for b in Formatter(PLAIN).branches(one, np.random.default_rng(s))) for s in range(30)]
    assert len(set(order)) > 20 and {len(o) for o in order} == {6}
    kept = Formatter(PLAIN.replace(shuffle_branches=False)).branches(one, np.random.default_rng(0))
    assert [b[1].text for b in kept] == [f" {i}" for i in range(6)]
    some = Formatter(PLAIN.replace(max_branches=2))
    drawn = Counter(b[1].text for s in range(300) for b in some.branches(one, np.random.default_rng(s)))
    assert set(drawn) == {f" {i}" for i in range(6)} and sum(drawn.values()) == 600 and min(drawn.values()) > 60


def test_the_same_stream_gives_the_same_words() -> None:
    one = example(Pointing(label="cup", points=(Point(1, 2),)), Caption(text="C"), NotPresent(label="jug"))
    formatter = Formatter(FormatConfig())
    assert formatter.branches(one, np.random.default_rng(5)) == formatter.branches(one, np.random.default_rng(5))


@pytest.mark.parametrize(
    "settings",
    [
        {"demo_tag_rate": 1.5},
        {"length_hint_chars": 0.0},
        {"max_points": 0},
        {"kinds": ("capton",)},
        {"max_branches": 0},
    ],
)
def test_settings_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        FormatConfig(**settings)
