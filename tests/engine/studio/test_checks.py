"""Checking what programs made: counts and answers are confirmed, mended or rejected, and say so in their provenance."""

from __future__ import annotations

from typing import Any

import pytest

from openmolmo.engine.studio.tasks.base import MODES, BadWorkError, Mode, TaskView, Work
from openmolmo.engine.studio.tasks.count_check import COUNT_CHECK
from openmolmo.engine.studio.tasks.qa_check import QA_CHECK
from openmolmo.records.example import Counting, Made, NotPresent, Point, QuestionAnswer

FOUND = [{"x": 10.0, "y": 10.0}, {"x": 50.0, "y": 50.0}]
CUPS = {"label": "Cup", "points": FOUND, "made": "detector"}
RED = {"caption": "A red cup.", "question": "Which colour?", "answer": "red", "made": ["text-only-llm"]}


def task(mode: Mode, payload: dict[str, Any]) -> TaskView:
    return TaskView(id=7, mode=mode.name, picture_id=1, width=100, height=100, payload=payload, options=mode.defaults)


def works(mode: Mode, payload: dict[str, Any], *given: dict[str, Any], reviewed: int | None = None) -> list[Work]:
    view = task(mode, payload)
    return [
        Work(annotation_id=n, person=f"p{n}", payload=mode.check(view, one), reviewed=n == reviewed)
        for n, one in enumerate(given)
    ]


def test_a_verdict_is_what_the_points_say() -> None:
    view = task(COUNT_CHECK, CUPS)
    assert COUNT_CHECK.check(view, {"points": FOUND[::-1]})["verdict"] == "confirmed"
    assert COUNT_CHECK.check(view, {"points": FOUND[:1]})["verdict"] == "mended"
    assert COUNT_CHECK.check(view, {"points": FOUND, "rejected": True, "reason": "blurred"})["verdict"] == "rejected"
    with pytest.raises(BadWorkError, match="why this cannot be counted"):
        COUNT_CHECK.check(view, {"points": FOUND, "rejected": True, "reason": "  "})
    for name, mode in (("count_check", COUNT_CHECK), ("qa_check", QA_CHECK)):
        assert MODES.get(name) is mode


def test_a_count_is_exported_with_who_checked_it() -> None:
    confirmed = COUNT_CHECK.export(task(COUNT_CHECK, CUPS), works(COUNT_CHECK, CUPS, {"points": FOUND}))
    assert confirmed is not None
    assert confirmed.annotations == (Counting(label="cup", count=2, points=(Point(10, 10), Point(50, 50))),)
    assert confirmed.made == {"counting": (Made.DETECTOR,)}
    assert confirmed.receipts == {"count_check_7": "confirmed by p0"}
    more = [*FOUND, {"x": 90, "y": 90}]
    people = works(COUNT_CHECK, CUPS, {"points": more}, {"points": FOUND}, {"points": more})
    mended = COUNT_CHECK.export(task(COUNT_CHECK, CUPS), people)
    assert mended is not None
    assert isinstance(mended.annotations[0], Counting)
    assert mended.annotations[0].count == 3
    assert mended.made == {"counting": (Made.DETECTOR, Made.CLICKED)}
    assert mended.receipts == {"count_check_7": "mended by p0, p2"}
    none = COUNT_CHECK.export(task(COUNT_CHECK, CUPS), works(COUNT_CHECK, CUPS, {"points": []}))
    assert none is not None
    assert none.annotations == (NotPresent(label="cup", style="point_count"),)


def test_a_count_that_people_dispute_is_not_exported() -> None:
    view, reject = task(COUNT_CHECK, CUPS), {"rejected": True, "reason": "too many"}
    assert COUNT_CHECK.export(view, works(COUNT_CHECK, CUPS, {"points": FOUND}, {"points": FOUND[:1]})) is None
    assert COUNT_CHECK.export(view, works(COUNT_CHECK, CUPS, {"points": FOUND}, reject)) is None
    elsewhere = [{"x": 80, "y": 10}, {"x": 20, "y": 90}]  # as many, but other things
    assert COUNT_CHECK.export(view, works(COUNT_CHECK, CUPS, {"points": FOUND}, {"points": elsewhere})) is None
    chosen = works(COUNT_CHECK, CUPS, reject, {"points": FOUND}, reject, reviewed=1)
    assert COUNT_CHECK.export(view, chosen) is not None


def test_counts_agree_or_not() -> None:
    one, same, fewer, other, rejected = (
        COUNT_CHECK.check(task(COUNT_CHECK, CUPS), payload)
        for payload in (
            {"points": FOUND},
            {"points": [{"x": 11, "y": 10}, {"x": 50, "y": 51}]},
            {"points": FOUND[:1]},
            {"points": [FOUND[0], {"x": 90, "y": 90}]},
            {"rejected": True, "reason": "blurred"},
        )
    )
    assert [COUNT_CHECK.agreement(one, b) for b in (same, fewer, other, rejected)] == [1, 0, 0.5, 0]
    assert COUNT_CHECK.agreement(rejected, rejected) == 1
    assert COUNT_CHECK.matches_gold({"count": 2}, one)
    assert COUNT_CHECK.matches_gold({"points": FOUND}, other)
    assert not COUNT_CHECK.matches_gold({"count": 2}, fewer)
    assert COUNT_CHECK.matches_gold({"rejected": True}, rejected)
    assert not COUNT_CHECK.matches_gold({"rejected": True}, one)
    assert not COUNT_CHECK.matches_gold({"count": 0}, rejected)


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        ({"question": "Q?", "answer": "a", "rejected": True}, "what is wrong"),
        ({"question": "Q?", "answer": "a", "rejected": None}, "first whether question and answer are right"),
        ({"question": " ", "answer": "a", "rejected": False}, "The question is empty"),
        ({"question": "Q?", "answer": None, "rejected": False}, "The answer is empty"),
        ({"question": "Q?", "answer": "a" * 8001}, "8001 characters, 8000"),
    ],
)
def test_an_unfinished_verdict_is_told(payload: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadWorkError, match=sentence):
        QA_CHECK.check(task(QA_CHECK, RED), payload)


def test_an_answer_is_kept_mended_or_rejected() -> None:
    view = task(QA_CHECK, RED)
    keep = {"question": "Which colour?", "answer": "red", "rejected": False}
    mend = {"question": "Which colour is the cup?", "answer": "dark red", "rejected": False}
    reject = {**keep, "rejected": True, "reason": "it is blue"}
    kept = QA_CHECK.export(view, works(QA_CHECK, RED, keep))
    assert kept is not None
    assert kept.annotations == (QuestionAnswer(question="Which colour?", answers=("red",)),)
    assert kept.made == {"question_answer": (Made.TEXT_LLM,)}
    assert kept.receipts == {"qa_check_7": "accepted by p0"}
    mended = QA_CHECK.export(view, works(QA_CHECK, RED, mend, keep, mend))
    assert mended is not None
    assert mended.annotations == (QuestionAnswer(question="Which colour is the cup?", answers=("dark red",)),)
    assert mended.made == {"question_answer": (Made.TEXT_LLM, Made.WRITTEN)}
    assert mended.receipts == {"qa_check_7": "edited by p0, p2"}
    assert QA_CHECK.export(view, works(QA_CHECK, RED, keep, reject)) is None
    assert QA_CHECK.export(view, works(QA_CHECK, RED, reject)) is None
    assert QA_CHECK.export(view, works(QA_CHECK, RED, reject, keep, reviewed=1)) is not None
    # Where the import does not say how it was made, the audit shall refuse it.
    nameless = {key: value for key, value in RED.items() if key != "made"}
    unknown = QA_CHECK.export(task(QA_CHECK, nameless), works(QA_CHECK, nameless, keep))
    assert unknown is not None
    assert unknown.made == {"question_answer": (Made.UNKNOWN,)}


def test_answers_agree_by_their_words() -> None:
    view = task(QA_CHECK, RED)
    keep, other, rejected = (
        QA_CHECK.check(view, payload)
        for payload in (
            {"question": "Which colour?", "answer": "red", "rejected": False},
            {"question": "Which colour?", "answer": "dark red", "rejected": False},
            {"question": "", "answer": "", "rejected": True, "reason": "nonsense"},
        )
    )
    assert QA_CHECK.agreement(keep, keep) == 1
    assert QA_CHECK.agreement(keep, other) == QA_CHECK.agreement(other, keep) == pytest.approx(6 / 7)
    assert QA_CHECK.agreement(keep, rejected) == 0
    assert QA_CHECK.matches_gold({"rejected": False}, keep)
    assert QA_CHECK.matches_gold({"answers": ["Red", "crimson"]}, keep)
    assert not QA_CHECK.matches_gold({"answers": ["blue"]}, keep)
    assert not QA_CHECK.matches_gold({"rejected": True}, keep)
