"""A model says when a picture is unlike what it knows, from the features it answers with; never at an answer's cost."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from openmolmo.cli import cli
from openmolmo.core.errors import DataError
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.evaluation.known_world.fit import fit, statistics_of
from openmolmo.evaluation.known_world.pictures import strange
from openmolmo.evaluation.known_world.rates import rates, table
from openmolmo.inference.load import load
from openmolmo.model.find import find_model
from openmolmo.model.known_world import KNOWN_WORLD, KnownWorld, read_known_world
from openmolmo.serving.backend import Generation
from openmolmo.serving.local import LocalBackend
from openmolmo.serving.openai.points import points_of
from openmolmo.words.answer import Answer
from openmolmo.words.requests import Request, ask_request


@pytest.fixture(scope="module")
def nano():
    return load("nano", max_new_tokens=4)


@pytest.fixture(scope="module")
def drawing() -> bytes:
    data = make_example(GENERATORS.get("scenes"), 1, 0, size=256, split="test").images[0].data
    assert data is not None
    return data


def clouds() -> np.ndarray:
    return next(iter(strange(1, 3)))


def short(picture: object, question: str) -> Request:
    return replace(ask_request(picture, question), max_new_tokens=3)


def test_every_way_of_asking_tells_the_same(nano, drawing: bytes, tmp_path: Path) -> None:
    asked = [short(drawing, "What is it?"), short(clouds(), "What is it?"), short(None, "Hello")]
    known, odd, text = nano.answer_batch(asked)
    assert known.out_of_world < 0.5 < odd.out_of_world and odd.unlike and not known.unlike
    assert text.out_of_world is None and "out_of_world" not in text.to_json()
    assert odd.to_json()["out_of_world"] == round(odd.out_of_world, 3) == points_of(odd)["out_of_world"]
    assert nano.answer_batch([replace(asked[0], images=(drawing, clouds()))])[0].out_of_world == pytest.approx(
        odd.out_of_world, abs=0.01
    )
    *_, last = nano.stream(asked[1])
    chat = nano.chat(clouds())
    turns = [chat.ask(question, max_new_tokens=3).out_of_world for question in ("What?", "And?")]
    told = [last.answer.out_of_world, *turns]
    assert told == pytest.approx([odd.out_of_world] * 3, abs=0.01)

    async def served() -> list[Answer]:
        backend, answers = LocalBackend(nano), []
        for _ in range(2):  # the second time from the cache
            async for event in backend.generate(Generation(request=short(clouds(), "What?"))):
                last = event
            answers.append(last.answer)
        await backend.close()
        return answers

    assert [one.out_of_world for one in asyncio.run(served())] == pytest.approx([odd.out_of_world] * 2, abs=0.01)


def test_the_command_line_says_it_in_a_sentence(drawing: bytes, tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(clouds()).save(tmp_path / "odd.png")
    (tmp_path / "drawing.jpg").write_bytes(drawing)
    said = CliRunner().invoke(cli, ["ask", str(tmp_path / "odd.png"), "What is it?", "--max-new-tokens", "3"])
    assert "note: This picture is unlike what this model knows (" in said.stderr
    said = CliRunner().invoke(cli, ["ask", str(tmp_path / "drawing.jpg"), "What is it?", "--max-new-tokens", "3"])
    assert said.exit_code == 0 and "unlike" not in said.stderr
    asked = [{"id": name, "image": str(tmp_path / name), "text": "What is it?"} for name in ("odd.png", "drawing.jpg")]
    (tmp_path / "asked.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in asked))
    answers = ["--out", str(tmp_path / "answers.jsonl"), "--max-new-tokens", "3"]
    said = CliRunner().invoke(cli, ["answer", str(tmp_path / "asked.jsonl"), *answers])
    assert said.exit_code == 0 and "note: 1 of these are about pictures unlike" in said.stderr


def test_a_file_that_is_no_good_is_left_out(nano, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    encoder, width = nano.model.encoder, nano.model.encoder.width
    assert read_known_world(tmp_path, encoder, width) is None and not caplog.records  # none is no fault
    good = json.loads((find_model("nano") / KNOWN_WORLD).read_text())
    wrong = [
        "{",
        "[]",
        json.dumps({**good, "version": 9}),
        json.dumps({**good, "encoder": "0123"}),
        json.dumps({**good, "weight": good["weight"][:40]}),
        json.dumps({**good, "bias": "nan"}),
        json.dumps({**good, "reached": good["reached"][::-1]}),
    ]
    for text in wrong:
        (tmp_path / KNOWN_WORLD).write_text(text)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert read_known_world(tmp_path, encoder, width) is None
        assert "is left out" in caplog.text, text
    world: KnownWorld = nano.model.known_world
    world.write(tmp_path)
    again = read_known_world(tmp_path, encoder, width)
    assert again is not None and np.array_equal(again.weight, world.weight)
    patches = torch.full((64, width), torch.nan)
    assert world.score(patches, torch.ones(64)) is None
    assert world.score(torch.zeros(64, width), torch.zeros(64)) is None


def test_a_model_without_one_answers_without_a_score(tmp_path: Path, drawing: bytes) -> None:
    shutil.copytree(find_model("nano"), tmp_path / "bare", ignore=lambda *_: [KNOWN_WORLD])
    answer = load(tmp_path / "bare", max_new_tokens=2).ask(drawing, "What?")
    assert answer.out_of_world is None and not answer.unlike and answer.text


def test_it_is_learnt_from_pictures(nano, drawing: bytes) -> None:
    scenes = [make_example(GENERATORS.get("scenes"), 2, i, size=112).images[0].data for i in range(24)]
    rows, odd = statistics_of(nano, scenes), statistics_of(nano, strange(12, 1))
    found = rates(fit(rows[:16], rows[8:], odd, nano.model.encoder), rows, {"odd": odd})
    assert found["odd"]["unlike"] == 1.0 and found["known"]["unlike"] < 0.3 and found["odd"]["auroc"] > 0.95
    assert "| odd | 12 | 100.0 % |" in table(found)
    with pytest.raises(DataError, match="too few"):
        statistics_of(nano, scenes[:3])
