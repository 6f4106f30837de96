"""Training and test sets compared: the same file, the same address, pictures that look alike, the same words."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.records import write_dataset
from openmolmo.records.commands import data
from openmolmo.records.example import Caption, Example, ImageRef, Made, Provenance, QuestionAnswer
from openmolmo.records.overlap.search import find_overlap
from openmolmo.records.overlap.texts import TextIndex, runs_of, words_of

MADE = Provenance(
    dataset="toy", licence="CC0-1.0", made={"question_answer": (Made.WRITTEN,), "caption": (Made.WRITTEN,)}
)
LONG = "the quick brown fox jumps over the lazy dog near the old stone bridge"


def picture(seed: int, quality: int = 95, size: int = 96, form: str = "JPEG") -> bytes:
    """Large shapes of many colours, so that a smaller copy looks alike."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (6, 6, 3), np.uint8)).resize((96, 96), Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    small.resize((size, size)).save(stream, form, quality=quality)
    return stream.getvalue()


def example(name: str, data: bytes | None, text: str = "", **other: Any) -> Example:
    asked = (QuestionAnswer(question=text, answers=("a short one",)),) if text else (Caption(text=f"about {name}"),)
    image = ImageRef(data=data) if data is not None else ImageRef(**other.pop("image"))
    return Example(id=name, image=image, annotations=asked, provenance=MADE, **other)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("overlap")
    far = {"url": "https://images.example/a.jpg", "sha256": "ab" * 32}
    train = [example(f"train-{i}", picture(i), f"what is number {i}?") for i in range(12)]
    train += [
        example("train-text", picture(100), f"so, {LONG.upper()}!"),
        example("train-far", None, image=far),
        example("train-by-address", None, image={"url": "https://images.example/b.jpg"}),
        example("train-plain", plain_picture("navy")),
    ]
    test = [
        example("same", picture(3), "what is number 3?"),
        example("same again", picture(3), LONG),
        example("alike", picture(4, quality=40, size=64)),
        example("new", picture(200), "is there a completely new question in this test set, or is there not?"),
        example(
            "half", picture(201), "the quick brown fox jumps over the lazy dog and then it went on to somewhere else"
        ),
        example("far", None, image=far),
        example("by address", None, image={"url": "https://images.example/b.jpg"}),
        example("plain", plain_picture("darkblue")),
    ]
    write_dataset(folder / "train", train)
    write_dataset(folder / "test", test)
    return folder / "train", folder / "test"


def plain_picture(colour: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(stream, "PNG")
    return stream.getvalue()


def test_pictures_are_found_by_file_address_and_look(sets: tuple[Path, Path]) -> None:
    report = find_overlap(*sets)
    assert dict(report.found) == {"file": 2, "alike": 1, "address": 1}  # the picture asked about twice counts once
    assert report.pictures == 7 and report.share_of_pictures == pytest.approx(4 / 7)
    pairs = {(case.kind, case.test): case.train for case in report.cases if case.kind != "text"}
    assert pairs == {
        ("file", "same"): "train-3",
        ("file", "far"): "train-far",
        ("alike", "alike"): "train-4",
        ("address", "by address"): "train-by-address",
    }
    assert report.examples_with_picture == 5 and report.examples_with_both == 1
    notes = " ".join(report.notes)
    assert "2 pictures are all but plain" in notes and "known by their address only" in notes


def test_texts_are_found_by_runs_of_words(sets: tuple[Path, Path]) -> None:
    report = find_overlap(*sets, words=5)
    questions = report.texts["question"]
    assert (questions.texts, questions.any, questions.half, questions.whole) == (3, 2, 1, 1)
    assert (questions.short, questions.short_known) == (1, 1)  # "what is number 3?"
    shares = {case.test: (case.train, case.share) for case in report.cases if case.kind == "text"}
    assert shares["same again"] == ("train-text", 1.0) and 0.3 < shares["half"][1] < 0.5
    assert find_overlap(*sets, words=13).texts["question"].any == 1


def test_exact_comparison_decodes_nothing(sets: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openmolmo.records.overlap.pictures.signature", None)
    assert dict(find_overlap(*sets, near=None).found) == {"file": 2, "address": 1}


def test_folders_of_pictures_and_damaged_ones(tmp_path: Path, sets: tuple[Path, Path]) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/a.jpg").write_bytes(picture(5, quality=50))
    (tmp_path / "b.jpg").write_bytes(picture(300))
    (tmp_path / "c.jpg").write_bytes(picture(301)[:200])
    report = find_overlap(sets[0], tmp_path)
    assert dict(report.found) == {"alike": 1} and report.cases[0].test == "inner/a.jpg"
    assert any("1 pictures cannot be read" in note and "c.jpg" in note for note in report.notes)
    assert not report.texts
    with pytest.raises(DataError, match="neither a data set nor a picture"):
        (tmp_path / "empty").mkdir()
        find_overlap(sets[0], tmp_path / "empty")


def test_two_splits_of_one_set_can_be_compared_and_the_same_cannot(tmp_path: Path) -> None:
    both = [example("a", picture(1), "x"), example("b", picture(1), "x", split="test"), example("c", picture(2), "y")]
    write_dataset(tmp_path / "both", both)
    report = find_overlap(tmp_path / "both", tmp_path / "both", train_split="train", test_split="test")
    assert (report.train_examples, report.test_examples, report.found["file"]) == (2, 1, 1)
    with pytest.raises(ConfigError, match="compared with itself"):
        find_overlap(tmp_path / "both", tmp_path / "both")


def test_the_command_prints_writes_a_page_and_can_fail(tmp_path: Path, sets: tuple[Path, Path]) -> None:
    words = ["overlap", str(sets[0]), str(sets[1]), "--out", str(tmp_path / "page.html"), "--words", "5"]
    shown = CliRunner().invoke(data, words)
    assert shown.exit_code == 0 and "the same file" in shown.output and "By runs of 5 words" in shown.output
    page = (tmp_path / "page.html").read_text()
    assert page.count("data:image/jpeg") >= 4 and "train-4" in page and "<script" not in page
    failed = CliRunner().invoke(data, [*words[:3], "--fail", "--json", "--cases", "0"])
    assert failed.exit_code == 1 and json.loads(failed.stdout)["found"]["file"] == 2


@given(st.lists(st.text("ab ,.é", max_size=30), max_size=12), st.lists(st.text("ab ,.é", max_size=30), max_size=12))
def test_the_index_says_what_a_plain_search_says(train: list[str], test: list[str]) -> None:
    index = TextIndex(3)
    for number, text in enumerate(test):
        index.add(str(number), "question", text)
    for number, text in enumerate(train):
        index.look_up(str(number), text)
    known = {run for text in train for run in runs_of(text, 3)}
    found = {seen.example: seen for seen in index.result()}
    for number, text in enumerate(test):
        runs = runs_of(text, 3)
        if not runs:
            assert str(number) not in found and not words_of(text)
            continue
        seen = found[str(number)]
        assert seen.share == pytest.approx(sum(run in known for run in runs) / len(runs))
        assert (seen.found_in is None) == (seen.share == 0)
        if seen.found_in is not None:
            assert set(runs) & set(runs_of(train[int(seen.found_in)], 3))
