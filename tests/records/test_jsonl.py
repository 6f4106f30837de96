"""A user's own rows: every documented form is read, every mistake is named with its line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from making import ALL_KINDS, picture

from openmolmo.core.errors import DataError
from openmolmo.records import jsonl
from openmolmo.records.codec import annotation_to_dict
from openmolmo.records.example import (
    Caption,
    Counting,
    Dialogue,
    ImageRef,
    Made,
    NotPresent,
    Point,
    Pointing,
    Provenance,
    QuestionAnswer,
    Transcript,
)
from openmolmo.records.folder import open_dataset
from openmolmo.records.jsonl import JsonlDataset
from openmolmo.records.shards import ParquetDataset, write_dataset


def rows(folder: Path, *values: Any, sidecar: Any = None) -> Path:
    text = "\n".join(value if isinstance(value, str) else json.dumps(value) for value in values)
    (folder / "rows.jsonl").write_text(text, encoding="utf-8")
    if sidecar is not None:
        (folder / "dataset.json").write_text(sidecar if isinstance(sidecar, str) else json.dumps(sidecar))
    return folder / "rows.jsonl"


FORMS = [
    ({"label": "red star", "points": [{"x": 20.5, "y": 31}]}, [Pointing(label="red star", points=(Point(20.5, 31),))]),
    ({"label": "cup", "points": []}, [NotPresent(label="cup")]),
    ({"label": "cup", "points": [], "question": "Where?"}, [NotPresent(label="cup", question="Where?")]),
    ({"label": "star", "count": 3}, [Counting(label="star", count=3)]),
    ({"label": "star", "count": 0, "points": []}, [Counting(label="star", count=0)]),
    ({"caption": "Stars."}, [Caption(text="Stars.")]),
    ({"transcript": "um"}, [Transcript(text="um")]),
    ({"question": "What?", "answer": "red"}, [QuestionAnswer(question="What?", answers=("red",))]),
    (
        {"question": "What?", "answers": ["a", "a", "b"], "style": "vqa2"},
        [QuestionAnswer(question="What?", answers=("a", "a", "b"), style="vqa2")],
    ),
    (
        {"question": "What?", "options": ["cup", "star"], "answer_index": 1},
        [QuestionAnswer(question="What?", options=("cup", "star"), answer_index=1)],
    ),
    ({"dialogue": ["Hi", "Hello"]}, [Dialogue(turns=("Hi", "Hello"))]),
    (
        {"caption": "A.", "question": "Q?", "answer": "B"},
        [Caption(text="A."), QuestionAnswer(question="Q?", answers=("B",))],
    ),
    ({"annotations": [annotation_to_dict(item) for item in ALL_KINDS]}, list(ALL_KINDS)),
]


@pytest.mark.parametrize(("row", "annotations"), FORMS)
def test_every_form_is_read(tmp_path: Path, row: dict[str, Any], annotations: list[Any]) -> None:
    dataset = JsonlDataset(rows(tmp_path, {"image": "a.jpg", **row}))
    assert list(dataset[0].annotations) == annotations
    assert dataset[0].image == ImageRef(path=str(tmp_path / "a.jpg"))
    assert dataset[0].id == "rows-000001"
    assert set(dataset[0].provenance.made.values()) == {(Made.UNKNOWN,)}


def test_the_forms_in_the_documentation_are_valid(tmp_path: Path) -> None:
    text = jsonl.__doc__ or ""
    lines = [line.strip().rpartition("}")[0] + "}" for line in text.splitlines() if line.startswith('    {"image')]
    lines = [line.partition("         ")[0] for line in lines]
    assert len(lines) == 9
    assert len(list(JsonlDataset(rows(tmp_path, *lines)))) == 9
    sidecar = text[text.index('    {"dataset"') :].partition("\n\n")[0]
    made = JsonlDataset(rows(tmp_path, lines[0], sidecar=sidecar))[0]
    assert made.image == ImageRef(path=str(tmp_path / "pictures" / "a.jpg"))
    assert made.provenance == Provenance(dataset="my-stars", licence="CC-BY-4.0", made={"pointing": (Made.CLICKED,)})


def test_a_row_may_have_several_pictures(tmp_path: Path) -> None:
    images = ["a.jpg", "https://example.org/b.jpg", {"image": "c.jpg", "width": 4, "height": 3}]
    point = {"x": 1, "y": 2, "image": 2}
    row = JsonlDataset(rows(tmp_path, {"images": images, "label": "cup", "points": [point]}))[0]
    assert row.images == (
        ImageRef(path=str(tmp_path / "a.jpg")),
        ImageRef(url="https://example.org/b.jpg"),
        ImageRef(path=str(tmp_path / "c.jpg"), width=4, height=3),
    )
    assert row.annotations == (Pointing(label="cup", points=(Point(1.0, 2.0, 2),)),)
    assert JsonlDataset(rows(tmp_path, {"images": [], "caption": "A."}))[0].images == ()


@pytest.mark.parametrize(
    ("row", "field", "said"),
    [
        ({"images": ["a.jpg"], "image": "b.jpg"}, "image", "cannot stand beside 'images'"),
        ({"images": ["a.jpg"], "width": 3}, "width", "cannot stand beside 'images'"),
        ({"images": "a.jpg"}, "images", "is not a list"),
        ({"images": ["a.jpg", 3]}, r"images\[1\]", "neither a path nor an object"),
        ({"images": [{"path": "a.jpg"}]}, r"images\[0\].path", "is not a field here"),
        ({"images": [{"image": None}]}, r"images\[0\]", "names no image"),
        ({"images": [{"width": 3}]}, r"images\[0\]", "names no image"),
        ({"images": ["a.jpg", {"image": "b.jpg", "width": "3"}]}, r"images\[1\]\.width", "not a whole number"),
    ],
)
def test_lists_of_pictures_that_mean_nothing_are_named(tmp_path: Path, row: Any, field: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        JsonlDataset(rows(tmp_path, {**row, "caption": "A."}))[0]
    assert re.fullmatch(field, caught.value.field or "")


def test_defaults_stand_in_the_sidecar_and_rows_win(tmp_path: Path) -> None:
    sidecar = {
        "dataset": "mine",
        "licence": "CC0-1.0",
        "split": "test",
        "images": "pictures",
        "tool": "pen",
        "made": {"caption": "person-written", "pointing": ["person-clicked"]},
    }
    own = {"licence": "MIT", "made": {"caption": ["person-spoken", "speech-recognition"]}, "receipts": {"a": "b"}}
    dataset = JsonlDataset(
        rows(
            tmp_path,
            {"image": "a.jpg", "caption": "A."},
            "",
            {"image": None, "caption": "A.", "question": "?", "answer": "!", "split": "train", "provenance": own},
            {"image": "https://example.org/a.jpg", "caption": "A.", "id": "z", "width": 3, "facts": {"a": 1}},
            sidecar=sidecar,
        )
    )
    first, second, third = dataset
    assert first.provenance == Provenance(
        dataset="mine", licence="CC0-1.0", tool="pen", made={"caption": (Made.WRITTEN,)}
    )
    assert (first.split, first.image) == ("test", ImageRef(path=str(tmp_path / "pictures" / "a.jpg")))
    assert (second.id, second.image, second.split) == ("rows-000003", None, "train")
    assert second.provenance.made == {"caption": (Made.SPOKEN, Made.SPEECH), "question_answer": (Made.UNKNOWN,)}
    assert (second.provenance.licence, second.provenance.receipts) == ("MIT", {"a": "b"})
    assert (third.id, third.facts) == ("z", {"a": 1})
    assert third.image == ImageRef(url="https://example.org/a.jpg", width=3)
    assert dataset.locate(1) == (tmp_path / "rows.jsonl", 3)


@pytest.mark.parametrize(
    ("row", "field", "said"),
    [
        ("nonsense", None, "not JSON"),
        ("[1]", None, "no JSON object"),
        ("[" * 100_000, None, "not JSON"),
        ('{"image": "\\ud800', None, "not JSON"),
        ({"caption": "A."}, "image", "names no image"),
        ({"img": "a.jpg", "caption": "A."}, "img", "did you mean 'image'"),
        ({"image": 3, "caption": "A."}, "image", "3 is not a text"),
        ({"image": "a", "caption": 3}, "caption", "3 is not a text"),
        ({"image": "a", "label": "x"}, "label", "needs points or a count"),
        ({"image": "a", "points": []}, "label", "'points' needs 'label'"),
        ({"image": "a", "label": "x", "points": [[1, 2]]}, "points[0]", "not an object of x, y"),
        ({"image": "a", "label": "x", "count": "3"}, "count", "'3' is not a whole number"),
        ({"image": "a", "label": "x", "count": 1, "answer": "1"}, "answer", "cannot stand beside 'label'"),
        ({"image": "a", "answer": "1"}, "question", "'answer' needs 'question'"),
        ({"image": "a", "question": "?", "answer": "1", "answers": []}, "answer", "cannot stand beside 'answers'"),
        ({"image": "a", "annotations": [], "label": "x"}, "label", "cannot stand beside annotations"),
        ({"image": "a", "annotations": {}}, "annotations", "not a list"),
        ({"image": "a", "caption": "A.", "split": "dev"}, "split", "'dev'"),
        ({"image": "a", "caption": "A.", "facts": []}, "facts", "not an object"),
        ({"image": "a", "caption": "A.", "width": True}, "width", "not a whole number"),
        ({"image": "a", "caption": "A.", "provenance": {"made": {"caption": "gpt"}}}, "made.caption[0]", "gpt"),
        ({"image": "a", "caption": "A.", "provenance": {"license": "x"}}, "provenance.license", "'licence'"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_line(tmp_path: Path, row: Any, field: str | None, said: str) -> None:
    dataset = JsonlDataset(rows(tmp_path, {"image": "a.jpg", "caption": "A."}, row))
    assert len(dataset) == 2
    assert dataset[0].id == "rows-000001"
    with pytest.raises(DataError) as caught:
        dataset[1]
    error = caught.value
    assert (error.file, error.row) == (str(tmp_path / "rows.jsonl"), 2)
    assert (error.field or "").endswith(field or "")
    assert said in str(error)


@pytest.mark.parametrize(
    ("sidecar", "said"),
    [
        ("{", "not JSON"),
        ("[]", "no JSON object"),
        ({"license": "x"}, "did you mean 'licence'"),
        ({"made": {"caption": "gpt"}}, "'gpt' is no way of making"),
        ({"made": "person-written"}, "not an object"),
        ({"split": "dev"}, "'dev'"),
        ({"dataset": 3}, "3 is not a text"),
    ],
)
def test_mistakes_in_the_sidecar_are_named(tmp_path: Path, sidecar: Any, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        JsonlDataset(rows(tmp_path, {"image": "a", "caption": "A."}, sidecar=sidecar))
    assert caught.value.file == str(tmp_path / "dataset.json")


def test_files_of_other_editors_are_read(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf{"image": "a.jpg", "caption": "\xc3\xa9"}\r\n\r\n{"image": "a.jpg", "caption": "b"}\r\n'
    (tmp_path / "rows.jsonl").write_bytes(content)
    assert [made.annotations for made in JsonlDataset(tmp_path)] == [(Caption(text="é"),), (Caption(text="b"),)]


def test_which_data_set_a_path_is(tmp_path: Path) -> None:
    path = rows(tmp_path, {"image": "a.jpg", "caption": "A."})
    assert isinstance(open_dataset(path), JsonlDataset)
    assert isinstance(open_dataset(tmp_path), JsonlDataset)
    (tmp_path / "a.jpg").write_bytes(picture())
    write_dataset(tmp_path / "p", JsonlDataset(path))
    for name in ("p", "p/manifest.json"):
        dataset = open_dataset(tmp_path / name)
        assert isinstance(dataset, ParquetDataset)
        assert dataset[0].annotations == (Caption(text="A."),)
    with pytest.raises(DataError, match=r"one shard .*\n.*name its folder"):
        open_dataset(tmp_path / "p" / "data-00000.parquet")
    (tmp_path / "more.jsonl").write_text("")
    with pytest.raises(DataError, match=r"2 JSONL files.*\n.*more\.jsonl, rows\.jsonl"):
        open_dataset(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        open_dataset(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no data set.*\n.*openmolmo synth"):
        open_dataset(tmp_path / "empty")
    (tmp_path / "p" / "manifest.json").unlink()
    with pytest.raises(DataError, match=r"no manifest.*\n.*run the same command again"):
        open_dataset(tmp_path / "p")


def test_fingerprints_follow_rows_and_defaults(tmp_path: Path) -> None:
    one = JsonlDataset(rows(tmp_path, {"image": "a", "caption": "A."})).fingerprint
    two = JsonlDataset(rows(tmp_path, {"image": "a", "caption": "B."})).fingerprint
    three = JsonlDataset(rows(tmp_path, {"image": "a", "caption": "B."}, sidecar={"split": "test"})).fingerprint
    assert len({one, two, three}) == 3
