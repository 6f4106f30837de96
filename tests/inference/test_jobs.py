"""A file of answers: what is kept, what is asked again, and whose answers are not taken for one's own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmolmo.core.errors import DataError, ImageError, OpenMolmoError, RunError
from openmolmo.inference.jobs import answer_into
from openmolmo.inference.request_file import Asked
from openmolmo.words.answer import Answer
from openmolmo.words.requests import Request

GREEDY = {"temperature": 0.0}


class Echo:
    """Answers with the request's text and seed; ``bad`` texts fail; after ``most`` answers it breaks down."""

    name = "echo"

    def __init__(self, weights: str = "w1", bad: tuple[str, ...] = (), most: int | None = None) -> None:
        self.weights, self.bad, self.most = weights, bad, most
        self.asked: list[tuple[str, int | None]] = []

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, Answer | OpenMolmoError]]:
        for place in reversed(range(len(requests))):  # in any order
            if self.most is not None and len(self.asked) == self.most:
                raise KeyboardInterrupt
            request = requests[place]
            self.asked.append((request.text, request.seed))
            wrong = request.text in self.bad
            yield place, ImageError("no picture", kind="missing") if wrong else Answer(f"{request.text}/{request.seed}")


def asked(*names: str, of: str = "") -> list[Asked]:
    return [Asked(name, Request(text=name), question=f"{name}{of}") for name in names]


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def test_every_answer_says_who_gave_it_to_what(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    outcome = answer_into(path, asked("é", "b"), Echo(), GREEDY)
    assert (outcome.answered, outcome.before, outcome.failed) == (2, 0, {})
    found = {row["id"]: row for row in lines(path)}
    assert found["é"]["text"] == "é/0" and found["b"]["text"] == "b/1"
    assert {(row["model"], row["weights"], len(row["asked"])) for row in found.values()} == {("echo", "w1", 16)}
    assert found["é"]["asked"] != found["b"]["asked"] and '"é"' in path.read_text(encoding="utf-8")


def test_what_is_answered_is_not_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    answer_into(path, asked("a", "b"), Echo(), GREEDY)
    before = path.read_bytes()
    again = Echo()
    outcome = answer_into(path, asked("a", "b"), again, GREEDY)
    assert (outcome.answered, outcome.before, again.asked, path.read_bytes()) == (0, 2, [], before)


def test_failures_are_said_and_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    outcome = answer_into(path, asked("a", "b"), Echo(bad=("b",)), GREEDY)
    assert (outcome.answered, outcome.failed) == (1, {"b": "no picture"})
    assert [row["kind"] for row in lines(path) if "error" in row] == ["ImageError"]
    mended = Echo()
    outcome = answer_into(path, asked("a", "b"), mended, GREEDY)
    assert (outcome.answered, outcome.before, outcome.failed) == (1, 1, {})
    assert mended.asked == [("b", 1)] and not any("error" in row for row in lines(path))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 5), st.integers(0, 40))
def test_a_run_that_was_cut_anywhere_ends_with_the_same_answers(done: int, cut: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        names = tuple("abcdef")
        whole, broken = Path(folder) / "whole.jsonl", Path(folder) / "broken.jsonl"
        answer_into(whole, asked(*names), Echo(), GREEDY)
        with pytest.raises(KeyboardInterrupt):
            answer_into(broken, asked(*names), Echo(most=done), GREEDY)
        broken.write_bytes(broken.read_bytes()[: -cut or None])  # the last line was half written
        answer_into(broken, asked(*names), Echo(), GREEDY)
        by_id = [sorted(lines(path), key=lambda row: row["id"]) for path in (whole, broken)]
        assert by_id[0] == by_id[1]


def test_one_file_may_be_filled_from_several_lists(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    answer_into(path, asked("a"), Echo(), GREEDY)
    answer_into(path, asked("b"), Echo(), GREEDY)
    assert [row["id"] for row in lines(path)] == ["a", "b"]
    answer_into(path, asked("c"), Echo(weights="w2"), GREEDY)  # those of others are nobody's who asks now
    assert [row["id"] for row in lines(path)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"weights": "w2"}, r"answers 'a' by other weights: w1 of echo, now w2 of echo"),
        ({"of": "?"}, r"answers something else under the id 'a'"),
        ({"settings": {"temperature": 1.0}}, r"answers something else under the id 'a'"),
    ],
)
def test_stale_answers_are_refused_and_left_alone(tmp_path: Path, change: dict, said: str) -> None:
    path = tmp_path / "a.jsonl"
    answer_into(path, asked("a"), Echo(), GREEDY)
    before, now = path.read_bytes(), Echo(weights=change.get("weights", "w1"))
    with pytest.raises(RunError, match=rf"line 1 {said}(.|\n)*-> give another --out"):
        answer_into(path, asked("a", of=change.get("of", "")), now, change.get("settings", GREEDY))
    assert path.read_bytes() == before and now.asked == []


def test_the_order_of_settings_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    answer_into(path, asked("a"), Echo(), {"x": 1, "y": 2})
    assert answer_into(path, asked("a"), Echo(), {"y": 2, "x": 1}).before == 1


def test_an_answer_without_its_weights_is_of_an_earlier_version(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "a", "asked": "0", "model": "echo", "text": ""}\n')
    with pytest.raises(RunError, match="does not say by which weights of echo it answers 'a'"):
        answer_into(path, asked("a"), Echo(), GREEDY)


@pytest.mark.parametrize(
    "line", ["hello", "[]", "3", '{"id": "a"}', '{"asked": "0"}', '{"id": ["a"], "asked": 0}', '{"id": 1, "asked": 0}']
)
def test_a_file_of_something_else_is_left_as_it_is(tmp_path: Path, line: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text('{"id": "z", "asked": "0", "text": ""}\n' + line + "\n")
    before = path.read_bytes()
    with pytest.raises(DataError, match=r"is no line of answers .*row 2"):
        answer_into(path, asked("a"), Echo(), GREEDY)
    assert path.read_bytes() == before
