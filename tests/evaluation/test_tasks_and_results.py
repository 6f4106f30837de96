"""Tasks one question at a time, estimates and tables by hand, and pages that names cannot break."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.files import sha256_bytes
from openmolmo.evaluation import while_training
from openmolmo.evaluation.controls import best_constant, shuffle_images
from openmolmo.evaluation.held_out import from_folder, from_generators
from openmolmo.evaluation.report import markdown_table, pick_cases, render_html, summary_rows
from openmolmo.evaluation.results import Results, Row, TaskResult, estimate, make_column
from openmolmo.evaluation.tasks import CLOCKS, COUNTING, POINTING, SHORT_ANSWERS
from openmolmo.evaluation.tasks.base import Question, image_source, most_frequent, to_request
from openmolmo.evaluation.tasks.pointing import PointingTask
from openmolmo.records.example import (
    Annotation,
    Counting,
    Example,
    ImageRef,
    Made,
    NotPresent,
    Point,
    Pointing,
    Provenance,
    QuestionAnswer,
)
from openmolmo.records.shards import write_dataset
from openmolmo.words.answer import read_answer

MADE = Provenance(
    dataset="toy",
    licence="CC0-1.0",
    made=dict.fromkeys(("question_answer", "pointing", "counting", "not_present"), (Made.PROGRAM,)),
)


def example(scenes, *annotations: Annotation, number: int = 0, **facts: object) -> Example:
    data = scenes[number].image.data
    image = ImageRef(data=data, width=96, height=96, sha256=sha256_bytes(data))
    return Example(id=f"toy-{number}", image=image, annotations=annotations, provenance=MADE, facts=facts)


def only(task, made: Example) -> Question:
    [question] = task.questions(made)
    return question


def score(task, question: Question, reply: str) -> float:
    return task.score(question, read_answer(reply, question.sizes))[task.headline]


# ------------------------------------------------------------------------------------------- tasks


def test_a_clock_question_with_options_has_its_time_in_the_right_one(scenes) -> None:
    asked = QuestionAnswer(question="When?", options=("It is 3:10.", "It is 4:20."), answer_index=1, style="clocks")
    question = only(CLOCKS, example(scenes, asked))
    assert (question.reply, question.truth.hour, question.truth.minute) == ("It is 4:20.", 4, 20)
    known = only(CLOCKS, example(scenes, asked, clock={"hour": 4, "minute": 20, "display": "digital"}))
    assert known.group == "digital" and score(CLOCKS, known, known.reply) == 1.0
    assert score(CLOCKS, known, "4:22") == 0.0


def test_facts_are_the_truth_of_a_clock_where_there_are_any(scenes) -> None:
    asked = QuestionAnswer(question="When?", answers=("late", "2:00"), style="clocks")
    assert only(CLOCKS, example(scenes, asked)).truth.hour == 2
    assert only(CLOCKS, example(scenes, asked, clock={"hour": 5, "minute": 1})).truth.hour == 5


def test_pointing_wants_absence_said_and_every_point_near(scenes) -> None:
    absent = only(POINTING, example(scenes, NotPresent(label="cat")))
    assert [
        score(POINTING, absent, reply) for reply in ("There are none.", "hm", '<point x="1" y="1" alt="c">c</point>')
    ] == [
        1.0,
        0.0,
        0.0,
    ]
    task = PointingTask(radius=5.0)
    there = only(task, example(scenes, Pointing(label="cat", points=(Point(20, 20), Point(80, 80)))))
    assert (absent.group, there.group) == ("not there", "2-4 points")
    assert score(task, there, there.reply) == 1.0
    assert score(task, there, '<point x="24" y="20" alt="c">c</point>') == pytest.approx(2 / 3)
    assert score(task, there, '<point x="26" y="20" alt="c">c</point>') == 0.0
    with pytest.raises(DataError, match="no masks"):
        score(POINTING, there, there.reply)


@pytest.mark.parametrize("radius", [-1.0, math.nan, math.inf])
def test_a_radius_that_means_nothing_is_refused(radius: float) -> None:
    with pytest.raises(ConfigError, match="radius"):
        PointingTask(radius=radius)
    with pytest.raises(ConfigError, match="radius"):
        dataclasses.replace(POINTING, radius=radius)


def test_counts_may_be_stated_or_pointed(scenes) -> None:
    question = only(COUNTING, example(scenes, Counting(label="cat", count=2)))
    two = '<points x1="1" y1="2" x2="3" y2="4" alt="cats">cats</points>'
    assert (question.group, score(COUNTING, question, two), score(COUNTING, question, "There are 2.")) == (
        "2",
        1.0,
        1.0,
    )
    assert score(COUNTING, question, "") == 0.0
    none = only(COUNTING, example(scenes, Counting(label="cat", count=0)))
    assert score(COUNTING, none, COUNTING.constants([none])[0]) == 1.0


def test_short_answers_are_those_of_short_styles_without_options(scenes) -> None:
    annotations = (
        QuestionAnswer(question="Red?", answers=("yes", "no", "Yes", "yes"), style="vqa2"),
        QuestionAnswer(question="Many?", answers=("3.5",), style="tally_qa"),
        QuestionAnswer(question="Which?", options=("a", "b"), answer_index=0, style="vqa2"),
        QuestionAnswer(question="Why?", answers=("because",), style="user_qa"),
    )
    first, second = SHORT_ANSWERS.questions(example(scenes, *annotations))
    assert (first.reply, first.group, second.group) == ("yes", "yes or no", "number")
    assert score(SHORT_ANSWERS, first, "No.") == 1.0 and score(SHORT_ANSWERS, first, "maybe") == 0.0


def test_ties_go_to_what_sorts_first() -> None:
    assert most_frequent(["b", "a", "b", "a", "c"]) == "a"
    assert most_frequent(["é"]) == "é"


def test_a_request_asks_what_the_question_does(scenes) -> None:
    question = only(COUNTING, example(scenes, Counting(label="cat", count=2)))
    request = to_request(question)
    assert request.images == (scenes[0].image.data,) and request.style == question.style
    assert request.text == question.text and request.max_new_tokens == 512
    with pytest.raises(DataError, match=r"http://x/y\.png is not on this machine"):
        image_source(ImageRef(url="http://x/y.png"))


# ---------------------------------------------------------------------------------------- controls


def toys(scenes, counts: list[int]) -> list[Question]:
    made = [example(scenes, Counting(label="cat", count=count), number=i) for i, count in enumerate(counts)]
    return [only(COUNTING, one) for one in made]


@settings(max_examples=20, deadline=None)
@given(count=st.integers(2, 12), seed=st.integers(0, 99))
def test_shuffled_pictures_are_the_same_ones_at_other_places(scenes, count: int, seed: int) -> None:
    asked = toys(scenes, [1] * count)
    shuffled = shuffle_images(asked, seed)
    assert sorted(q.image.sha256 for q in shuffled) == sorted(q.image.sha256 for q in asked)
    assert all(new.image.sha256 != old.image.sha256 for new, old in zip(shuffled, asked, strict=True))
    assert [(q.id, q.text, q.truth) for q in shuffled] == [(q.id, q.text, q.truth) for q in asked]


def test_pictures_are_repeated_or_cut_to_as_many_as_were_asked_about(scenes) -> None:
    one, two = toys(scenes, [1, 1])
    two = dataclasses.replace(two, more_images=(scenes[5].image, scenes[6].image))
    cut, repeated = shuffle_images([one, two])
    assert cut.images == (two.image,)
    assert repeated.images == (one.image,) * 3


def test_the_best_constant_is_the_one_that_scores_best(scenes) -> None:
    assert "total of 3" in best_constant(COUNTING, toys(scenes, [3, 3, 1]))
    made = [example(scenes, Pointing(label="c", points=(Point(50, 50),)), number=i) for i in range(2)]
    made.append(example(scenes, NotPresent(label="c"), number=2))
    task = PointingTask(radius=3.0)
    assert 'x="50.0"' in best_constant(task, [only(task, one) for one in made])


# --------------------------------------------------------------------------------------- held out


@pytest.mark.parametrize(("options", "said"), [({"split": "tset"}, "'tset' is not one of"), ({"count": 0}, "count=0")])
def test_impossible_sets_are_refused_before_anything_is_made(options: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        from_generators(["scenes"], **{"count": 1, **options})


def test_a_folder_is_judged_by_the_part_that_nothing_was_trained_on(scenes, tmp_path: Path) -> None:
    parts = ("train", "validation", "train")
    made = [example(scenes, Counting(label="c", count=1), number=i) for i in range(3)]
    write_dataset(tmp_path / "d", [dataclasses.replace(e, split=p) for e, p in zip(made, parts, strict=True)])
    found = from_folder(tmp_path / "d")
    assert [one.id for one in found.examples] == ["toy-1"] and found.description["split"] == "validation"
    assert len(from_folder(tmp_path / "d", split="all").examples) == 3
    with pytest.raises(DataError, match=r"no example of split test; its examples are of split train, validation"):
        from_folder(tmp_path / "d", split="test")


# ----------------------------------------------------------------------------------------- results


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(max_examples=25, deadline=None)
def test_an_interval_holds_its_mean_and_stays_within_the_values(values: list[float]) -> None:
    found = estimate(values, [str(i) for i in range(len(values))])
    assert found.mean == pytest.approx(sum(values) / len(values))
    assert (
        min(values) - 1e-9 <= found.low <= found.mean + 1e-9 and found.mean - 1e-9 <= found.high <= max(values) + 1e-9
    )


def test_one_cluster_has_no_width_and_equal_runs_are_equal() -> None:
    alone = estimate([0.0, 1.0], ["same", "same"])
    assert (alone.low, alone.mean, alone.high) == (0.5, 0.5, 0.5)
    values, names = [0.0, 1.0, 1.0, 0.0, 1.0], list("abcde")
    assert estimate(values, names) == estimate(values, names)


def test_groups_stand_by_their_number(scenes) -> None:
    names = ["10 points or more", "2-4 points", "not there", "1 point", "", "2-4 points"]
    asked = [dataclasses.replace(q, group=name) for q, name in zip(toys(scenes, [1] * 6), names, strict=True)]
    column = make_column(asked, [{"f1": value} for value in (1, 1, 1, 1, 1, 0)], "f1")
    assert list(column.groups) == ["not there", "1 point", "2-4 points", "10 points or more"]
    assert column.groups["2-4 points"] == (0.5, 2) and column.estimates["f1"].mean == pytest.approx(5 / 6)


def results(scenes, name: str = "toy", reply: str = "There are 2.") -> Results:
    asked = toys(scenes, [2, 3, 2])
    answers = [read_answer(reply, question.sizes) for question in asked]
    scores = [COUNTING.score(q, a) for q, a in zip(asked, answers, strict=True)]
    column = make_column(asked, scores, "accuracy")
    task = TaskResult(
        name="counting",
        title="Counting",
        headline="accuracy",
        questions=3,
        examples=3,
        columns={"model": column},
        constant="2",
        rows=[Row(q, a, s) for q, a, s in zip(asked, answers, scores, strict=True)],
    )
    meta = {
        "model": name,
        "weights_sha256": {},
        "data": {"data": name, "split": "test", "examples": 3, "fingerprint": "f"},
        "limit": None,
        "max_new_tokens": 8,
        "device": "cpu",
        "date": "today",
        "code": {"openmolmo": "0", "commit": None, "torch": "0"},
    }
    return Results({"counting": task}, meta)


def test_tables_have_a_dash_where_a_control_was_not_run(scenes) -> None:
    found = results(scenes)
    first, second = summary_rows(found)
    assert first[:3] == ["Counting", "accuracy", "3"] and first[4:] == ["-", "-"] and first[3].startswith("0.667 ±")
    assert second[:4] == ["", "within_1", "", "1.000 ±0.000"]
    heads, rule, *rows = markdown_table(found).splitlines()
    assert heads.count("|") == rule.count("|") == rows[0].count("|") == 7
    assert found.headlines() == {"counting": {"model": pytest.approx(2 / 3)}}
    assert json.loads(json.dumps(found.to_json()))["rows"]["counting"][1]["scores"]["accuracy"] == 0.0


def test_a_report_shows_names_and_replies_as_text(scenes) -> None:
    nasty = '<script>alert("1")</script>'
    made = render_html(results(scenes, name=nasty, reply=f"{nasty} There are 2."))
    assert "<script" not in made and "&lt;script&gt;" in made
    outside = re.findall(r"""(?:src|href)\s*=\s*["']?(?!data:|#)([^"'\s>]+)""", made)
    assert outside == []


def test_right_and_wrong_cases_leave_out_what_is_neither(scenes) -> None:
    asked = toys(scenes, [1] * 5)
    rows = [Row(q, read_answer(""), {"f1": v}) for q, v in zip(asked, (1.0, 0.8, 0.6, 0.5, 0.49), strict=True)]
    right, wrong = pick_cases(rows, "f1", 5)
    assert [row.scores["f1"] for row in right] == [1.0, 0.8] and [row.scores["f1"] for row in wrong] == [0.49]
    assert pick_cases(rows, "f1", 0) == ([], [])


# ---------------------------------------------------------------------------------- while training


def watch(examples: list[Example], radius: float | None = None, tasks=("counting", "pointing")):
    return while_training.generation(
        processor=None, held_out={"set": examples}, settings={"tasks": tasks, "radius": radius}
    )


def test_what_training_cannot_judge_is_said_before_it_begins(scenes) -> None:
    with pytest.raises(DataError, match=r"no question for counting, pointing(.|\n)*watch\.tasks"):
        watch([example(scenes, QuestionAnswer(question="?", answers=("a",)))])
    pointing = example(scenes, Pointing(label="c", points=(Point(1, 1),)))
    with pytest.raises(DataError, match=r"no masks(.|\n)*watch\.radius=5"):
        watch([pointing])
    with pytest.raises(ConfigError, match="radius"):
        watch([pointing], radius=-5.0)


def test_only_tasks_with_questions_are_scored_and_attention_is_put_back(scenes, monkeypatch) -> None:
    seen: list[str] = []
    decoder = SimpleNamespace(config=SimpleNamespace(_attn_implementation="flex_attention"))
    decoder.set_attn_implementation = lambda kind: setattr(decoder.config, "_attn_implementation", kind)

    class Always2:
        def __init__(self, model: object, processor: object) -> None:
            pass

        def answer_batch(self, requests: list) -> list:
            seen.append(decoder.config._attn_implementation)
            return [read_answer("There are 2.") for _ in requests]

    monkeypatch.setattr(while_training, "Predictor", Always2)
    judge = watch([example(scenes, Counting(label="c", count=n), number=n) for n in (2, 3)])
    model: torch.nn.Module = SimpleNamespace(decoder=decoder)  # type: ignore[assignment]
    assert judge(model) == {"counting": 0.5}
    assert seen == ["sdpa"] and decoder.config._attn_implementation == "flex_attention"


def test_the_command_refuses_a_radius_that_means_nothing() -> None:
    from openmolmo.evaluation import commands

    command = next(value for value in vars(commands).values() if getattr(value, "name", None) == "eval")
    ended = CliRunner().invoke(command, ["nano", "--radius", "nan"])
    assert isinstance(ended.exception, ConfigError) and "radius=nan" in str(ended.exception)
