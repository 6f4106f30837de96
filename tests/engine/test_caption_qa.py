"""Questions out of captions: by rules and by a text-only model with every fault, dropped with reason, resumable."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from fake_llm_server import FakeLLMServer
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from openmolmo.core.errors import ConfigError, DataError, RunError
from openmolmo.core.files import only_writer
from openmolmo.core.rng import derive
from openmolmo.engine.caption_qa import CaptionQA, Talk, make_caption_qa
from openmolmo.engine.caption_qa.cloze import cloze_talks
from openmolmo.engine.caption_qa.commands import caption_qa
from openmolmo.engine.caption_qa.graph import graph_talks
from openmolmo.engine.caption_qa.keeping import REASONS, Keeper
from openmolmo.engine.llm import LLMSettings, parse_llm
from openmolmo.records import ParquetDataset
from openmolmo.records.audit import audit_dataset
from openmolmo.records.check import check_dataset
from openmolmo.records.example import Dialogue, Made, QuestionAnswer

BUS = (
    'A red bus stands at a stop on a busy street. The bus has "City Tours" written in white letters on its side. Three '
    "people wait there: a woman with a blue umbrella and two men. A brown dog sits next to the woman, looking up."
)
TABLE = (
    "A wooden table with a white plate on it. On the plate are four pancakes topped with strawberries. To the left of "
    "the plate is a silver fork, and a small vase with two yellow tulips stands at the back of the table."
)


def captions(folder: Path, texts: list[str], made: str = "person-written", **more: Any) -> Path:
    folder.mkdir()
    rows = []
    for number, text in enumerate(texts):
        Image.new("RGB", (32, 24), (number * 20 % 256, 90, 160)).save(folder / f"{number}.png")
        rows.append({"id": f"picture-{number}", "image": f"{number}.png", "caption": text, **more})
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    defaults = {"dataset": "mine", "licence": "CC-BY-4.0", "made": {"caption": made}}
    (folder / "dataset.json").write_text(json.dumps(defaults))
    return folder


def clean(folder: Path) -> ParquetDataset:
    """A data set that check and audit have nothing against."""
    assert check_dataset(folder).ok
    assert audit_dataset(folder).ok
    return ParquetDataset(folder)


def test_gaps_are_fair() -> None:
    found = {(talk.how, *talk.turns[0]) for seed in range(8) for talk in cloze_talks(np.random.default_rng(seed), BUS)}
    assert {how for how, _, _ in found} == {"colour", "count", "quote", "noun"}
    assert ("colour", "What color is the umbrella?", "blue") in found
    assert ("quote", 'Which writing belongs in the gap? The bus has "____" written in white letters on its side.',
            "City Tours") in found  # fmt: skip
    assert not any(question.endswith("bus?") for _, question, _ in found)  # it is spoken of twice
    for how, question, answer in found:
        assert how == "quote" or answer.lower() not in question.lower().replace(".", " ").split()
        assert "caption" not in question.lower()
        assert question.count("____") == 1 or question.startswith(("What color", "Which color", "How many"))
    assert not cloze_talks(np.random.default_rng(0), "Es ist ein rotes Auto zu sehen, das an der Straße steht.")


def test_things_that_are_called_like_colours_are_none() -> None:
    text = (
        "The olive is to the right of the head of lettuce. The plug is large and purple and sits at the bottom left. "
        "An orange and a plum lie on a wooden table in a room."
    )
    found = {talk.turns[0]: talk.how for seed in range(8) for talk in cloze_talks(np.random.default_rng(seed), text)}
    assert {answer for (_, answer), how in found.items() if how == "colour"} == {"purple"}
    assert any(question.endswith("lie on a wooden ____ in a room.") for question, _ in found)
    assert any(question.endswith("table in a(n) ____.") for question, _ in found)  # the article would tell


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=300) | st.text('a two red stars. "“”', max_size=300))
def test_any_caption_can_be_read(text: str) -> None:
    for talk in cloze_talks(np.random.default_rng(0), text):
        assert all(part.strip() for part in talk.turns[0])


def test_a_scene_graph_answers() -> None:
    facts = {
        "objects": [
            {"shape": "star", "colour": "red", "place": "top left"},
            {"shape": "star", "colour": "blue", "place": "right"},
            {"shape": "moon", "colour": "red", "place": "center"},
            "nonsense",
        ]
    }
    found = dict(talk.turns[0] for talk in graph_talks(derive(0), facts))
    assert found == {
        "How many objects are there in the picture?": "3",
        'How many times does "star" appear in the picture?': "2",
        'How many times does "moon" appear in the picture?': "1",
        "What color is the moon?": "red",
        "Which object is blue?": "star",
        "In which part of the picture is the moon?": "center",
    }
    assert graph_talks(derive(0), {}) == []


def test_what_is_dropped_and_why() -> None:
    dropped = Counter[str]()
    keeper = Keeper(dropped)

    def add(*turns: tuple[str, str]) -> bool:
        return keeper.add(Talk(turns=turns, how="llm"))

    assert add(("What color is the large bus?", "Red."))
    assert add(("Is the bus red or blue?", "red"))
    assert add(("What is written on line 5?", "Stop"))
    assert add(("What is written on line 6?", "Go"))
    assert add(("Who holds the umbrella?", "A woman."), ("And what color is it?", "Blue."))
    assert not add(("Which color is the large bus?", "Red"))
    assert not add(("What is the dog described as doing?", "Sitting."))
    assert not add(("Where is the dog?", "The caption says that it sits next to the woman."))
    assert not add(("What color is the blue umbrella?", "blue"))
    assert not add(("Why?", "Because."))
    assert not add(("How old is the dog?", " ... "))
    assert not add(("What stands behind the tall tree?", "word " * 300))
    assert dropped == {"near_duplicate": 1, "caption_says": 2, "told": 1, "empty": 2, "too_long": 1}
    assert set(dropped) < set(REASONS)


def test_offline_run_is_clean_marked_and_resumed(tmp_path: Path) -> None:
    source = captions(tmp_path / "source", [BUS, TABLE, "Nothing.", BUS])
    asked = CaptionQA(single=2, turns=2, rows_per_shard=2)
    report = make_caption_qa(source, tmp_path / "out", asked)
    assert (report.made, report.kept) == (2, 0)
    assert report.counts["examples_read"] == 4
    assert report.counts["examples"] == 3
    examples = list(clean(tmp_path / "out"))
    for example in examples:
        kinds = [type(item) for item in example.annotations]
        assert kinds == [QuestionAnswer, QuestionAnswer, Dialogue]
        made = (Made.WRITTEN, Made.PROGRAM)
        assert example.provenance.made == {"question_answer": made, "dialogue": made}
        assert example.image is not None
        assert example.image.data
    hashes = {shard.name: shard.sha256 for shard in report.manifest.shards}
    (tmp_path / "out/data-00001.parquet").write_bytes(b"half of a shard")
    again = make_caption_qa(source, tmp_path / "out", asked)
    assert (again.made, again.kept, again.counts) == (1, 1, report.counts)
    assert {shard.name: shard.sha256 for shard in again.manifest.shards} == hashes
    with pytest.raises(DataError, match="of another settings"):
        make_caption_qa(source, tmp_path / "out", CaptionQA(single=3, rows_per_shard=2))
    with only_writer(tmp_path / "out"), pytest.raises(RunError, match="another process is writing"):
        make_caption_qa(source, tmp_path / "out", asked)
    with pytest.raises(ConfigError, match="is the source"):
        make_caption_qa(source, source)
    with pytest.raises(ConfigError, match="ask for nothing"):
        CaptionQA(turns=1)


def test_captions_of_models_that_see_are_not_used(tmp_path: Path) -> None:
    source = captions(tmp_path / "source", [BUS, TABLE], "vision-language-model")
    report = make_caption_qa(source, tmp_path / "out")
    assert report.counts == {"examples": 0, "examples_read": 2, "untrusted_caption": 2}


def said(body: dict[str, Any]) -> str:
    """What was asked, and asked again."""
    return "\n".join(message["content"] for message in body["messages"] if message["role"] == "user")


def reply(body: dict[str, Any]) -> str:
    """A model that writes some good questions, some bad ones, and judges by what it is told."""
    text = said(body)
    if "that somebody gave" in text:
        count = text.count("Question:")
        bad = [number for number in range(1, count + 1) if f"{number}. Question: How old" in text]
        wrong = [number for number in range(1, count + 1) if f"{number}. Question: Is it night" in text]
        verdicts = [
            {"number": number, "answerable": number not in bad, "correct": number not in wrong}
            for number in range(1, count + 1)
        ]
        return json.dumps({"verdicts": verdicts})
    thing = text.partition("====\n")[2].split()[2]  # the third word of the caption
    if "conversation" in text:
        pairs = [(f"Tell me about the {thing}.", "It stands there."), ("Is it large?", "Yes, it is.")]
    else:
        pairs = [
            (f"What stands near the {thing}?", "A dog."),
            (f"What is near the {thing}, does it stand?", "A dog."),
            (f"How old is the {thing}?", "Ten years."),
            ("Is it night?", "Yes."),
            (f"What does the caption say of the {thing}?", "It is there."),
        ]
    return json.dumps({"pairs": [{"question": question, "answer": answer} for question, answer in pairs]})


FAULTS = {"busy": 0.1, "server": 0.05, "bad_json": 0.1, "half_json": 0.05, "fenced": 0.2}


def test_a_model_writes_and_another_call_judges(tmp_path: Path) -> None:
    things = ["bus", "tree", "plate"]
    source = captions(tmp_path / "source", [f"A big {thing} near a dog." for thing in things])
    with FakeLLMServer(reply=reply, faults=FAULTS, seed=3) as server:
        llm = parse_llm(server.line(), ["retries=8"], cache=tmp_path / "answers.sqlite")
        report = make_caption_qa(source, tmp_path / "out", CaptionQA(single=5, turns=2), llm=llm)
        asked = len(server.bodies)
        texts = json.dumps(server.bodies)
        (tmp_path / "out/data-00000.parquet").unlink()
        again = make_caption_qa(source, tmp_path / "out", CaptionQA(single=5, turns=2), llm=llm)
        assert len(server.bodies) == asked  # answers so far are kept
    assert again.counts == report.counts == {
        "about.llm": 6, "conversations": 3, "examples": 3, "examples_read": 3, "questions": 3, "turns": 9,
    }  # fmt: skip
    assert report.dropped == {"caption_says": 3, "near_duplicate": 3, "unanswerable": 3, "wrong": 3}
    assert "image" not in {key for body in server.bodies for key in body}
    assert "data:" not in texts
    for example in clean(tmp_path / "out"):
        assert example.provenance.made["question_answer"] == (Made.WRITTEN, Made.TEXT_LLM)
        assert example.provenance.receipts["questions.model"] == "fake-1"
        assert example.provenance.receipts["questions.prompt"] in ("single@1", "dialogue@1")


def test_a_model_that_fails_takes_no_captions_with_it(tmp_path: Path) -> None:
    source = captions(tmp_path / "source", [BUS, "A big tree near a dog."])

    def sometimes(body: dict[str, Any]) -> str:
        return reply(body) if "big tree" in said(body) else "no JSON at all"

    with FakeLLMServer(reply=sometimes) as server:
        llm = parse_llm(server.line(), ["retries=0"])
        report = make_caption_qa(source, tmp_path / "out", CaptionQA(single=5, turns=0), llm=llm)
    assert report.counts["examples"] == 1
    assert report.dropped["failed"] == 1
    gone = LLMSettings(provider="openai", model="x", base_url="http://127.0.0.1:9/v1", retries=0)
    with pytest.raises(RunError, match=r"127\.0\.0\.1:9"):
        make_caption_qa(source, tmp_path / "gone", llm=gone)


def test_the_command(tmp_path: Path) -> None:
    source = captions(tmp_path / "source", [BUS, TABLE])
    run = CliRunner().invoke(caption_qa, [str(source), "--out", str(tmp_path / "out"), "--single", "2"])
    assert run.exit_code == 0, run.output
    assert len(clean(tmp_path / "out")) == 2
    told = CliRunner().invoke(caption_qa, [str(source), "--out", str(tmp_path / "by-mock"), "--llm", "mock"])
    assert told.exit_code == 0, told.output
    assert (tmp_path / "by-mock.answers.sqlite").is_file()
