"""Tasks, controls and the runner, on models whose scores are known beforehand."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter

import numpy as np
import pytest
from evaluation_toys import Oracle, Parrot

from openmolmo.core.errors import DataError
from openmolmo.evaluation.controls import best_constant, shuffle_images
from openmolmo.evaluation.results import COLUMNS, estimate
from openmolmo.evaluation.runner import pick_questions, run
from openmolmo.evaluation.tasks import CAPTIONS, CLOCKS, COUNTING, POINTING, SHORT_ANSWERS, TASKS
from openmolmo.records.example import ImageRef
from openmolmo.words.answer import read_answer

ALL = (POINTING, COUNTING, CLOCKS, CAPTIONS, SHORT_ANSWERS)


@pytest.fixture(scope="module")
def results(scenes, clocks):
    examples = [*scenes, *clocks]
    return run(ALL, examples, Oracle(ALL, examples), sample=scenes)


def test_every_task_is_registered():
    assert TASKS.names() == sorted(task.name for task in ALL)
    assert [TASKS.get(task.name) for task in ALL] == list(ALL)


def test_a_model_that_knows_everything_scores_one(results):
    for task in ALL:
        column = results.tasks[task.name].columns["model"]
        assert set(column.estimates) == set(task.metrics)
        for name, value in column.estimates.items():
            assert value.mean == 1.0, (task.name, name)


def test_both_controls_score_low(results):
    for name, columns in results.headlines().items():
        assert list(columns) == list(COLUMNS)
        assert columns["shuffled"] < 0.6, name
        assert columns["frequent"] < 0.75, name
    assert results.headlines()["clocks"]["frequent"] <= 0.25


def test_a_model_that_does_not_look_equals_its_shuffled_control(scenes):
    got = run((COUNTING,), scenes, Parrot("3")).tasks["counting"].columns
    assert got["model"].estimates == got["shuffled"].estimates


def test_the_constant_control_is_the_runners_own_score_of_that_reply(scenes):
    judged = run((COUNTING, POINTING, SHORT_ANSWERS), scenes, Parrot("x"))
    for name, task in judged.tasks.items():
        parrot = run((TASKS.get(name),), scenes, Parrot(task.constant))
        assert parrot.headlines()[name]["model"] == task.columns["frequent"].estimates[task.headline].mean


def test_the_frequent_count_is_the_commonest(scenes):
    questions = pick_questions((COUNTING,), scenes)["counting"]
    counts = Counter(q.truth.count for q in questions)
    said = read_answer(best_constant(COUNTING, questions)).count
    assert counts[said] == max(counts.values())


def test_the_frequent_answer_is_learnt_from_the_sample_only(clocks):
    sample = [clocks[3]] * 3 + [clocks[5]]
    result = run((CLOCKS,), clocks[:3], Parrot("no"), sample=sample).tasks["clocks"]
    assert result.constant == "04:15"
    assert result.columns["frequent"].estimates["accuracy"].mean == 0.0


def test_shuffling_moves_every_picture_and_is_repeatable(scenes):
    questions = pick_questions((POINTING,), scenes)["pointing"]
    moved = shuffle_images(questions, seed=3)
    owner = {q.image.sha256: q.example_id for q in questions}
    assert all(owner[m.image.sha256] != q.example_id for q, m in zip(questions, moved, strict=True))
    assert {m.image.sha256 for m in moved} == set(owner)
    assert [m.text for m in moved] == [q.text for q in questions]
    assert moved == shuffle_images(questions, seed=3)
    assert moved != shuffle_images(questions, seed=4)
    with pytest.raises(DataError, match="at least 2"):
        shuffle_images([questions[0]])


def test_one_example_has_no_shuffled_control(scenes):
    got = run((CAPTIONS,), scenes[:1], Parrot("A star."))
    assert list(got.tasks["captions"].columns) == ["model", "frequent"]


def test_a_limit_thins_evenly_and_is_repeatable(scenes):
    everything = pick_questions((POINTING,), scenes)["pointing"]
    some = pick_questions((POINTING,), scenes, limit=7, seed=1)["pointing"]
    assert len(some) == 7
    assert [q.id for q in some] == [q.id for q in everything if q.id in {s.id for s in some}]
    assert some == pick_questions((POINTING,), scenes, limit=7, seed=1)["pointing"]
    assert [q.id for q in some] != [q.id for q in everything[:7]]


def test_data_without_questions_is_an_error(clocks):
    with pytest.raises(DataError, match="no question for captions"):
        run((CAPTIONS,), clocks, Parrot(""))


def test_a_picture_known_by_its_url_only_is_an_error(clocks):
    distant = clocks[0].replace(image=ImageRef(url="https://example.org/clock.jpg"))
    with pytest.raises(DataError, match=r"example\.org"):
        run((CLOCKS,), [distant], Parrot(""))


def test_an_answer_without_a_time_cannot_be_a_truth(clocks):
    vague = dataclasses.replace(clocks[0].annotations[0], answers=("late",))
    with pytest.raises(DataError, match="HH:MM"):
        list(CLOCKS.questions(clocks[0].replace(annotations=(vague,), facts={})))


def test_counting_is_broken_down_by_the_true_count(results):
    groups = results.tasks["counting"].columns["model"].groups
    assert sum(count for _, count in groups.values()) == results.tasks["counting"].questions
    assert [int(name) for name in groups] == sorted(int(name) for name in groups)


def test_absence_must_be_said(scenes):
    absent = next(q for q in pick_questions((POINTING,), scenes)["pointing"] if q.group == "not there")
    said = ("There are none.", "This isn't in the image.", "Counting shows a total of 0.")
    unsaid = ("", "blue blue blue", '<points x1="3', "<point x='1' y='2'>")
    for reply in (*said, *unsaid):
        assert POINTING.score(absent, read_answer(reply))["f1"] == float(reply in said), reply


def test_json_holds_every_question(results):
    values = json.loads(json.dumps(results.to_json()))
    assert set(values) == {"meta", "tasks", "rows"}
    assert len(values["rows"]["pointing"]) == values["tasks"]["pointing"]["questions"]
    row = values["rows"]["clocks"][0]
    assert row["reference"] == row["reply"]["text"]
    assert values["tasks"]["captions"]["columns"]["shuffled"]["metrics"]["f1"]["mean"] < 0.6


def test_intervals_hold_the_mean_and_widen_with_clusters(monkeypatch: pytest.MonkeyPatch):
    values = [0.0, 1.0] * 50
    apart = estimate(values, [str(i) for i in range(100)])
    together = estimate(sorted(values), [str(i // 10) for i in range(100)])
    assert apart.low < apart.mean == 0.5 < apart.high
    assert together.high - together.low > 1.5 * (apart.high - apart.low)
    assert estimate([1.0] * 5, list("abcde")).low == 1.0
    monkeypatch.setattr("openmolmo.evaluation.results._DRAWN", 700)  # blocks of seven rounds
    assert estimate(values, [str(i) for i in range(100)]) == apart
    assert np.isclose(apart.high - apart.low, 0.2, atol=0.04)  # 2 * 1.96 * 0.05
