"""`data check`: each kind of fault is found and named by file, row, field and rule."""

from __future__ import annotations

import dataclasses
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from making import BAR, example, image_ref, picture
from PIL import Image

from openmolmo.core.errors import DataError
from openmolmo.records.check import Fault, check_dataset
from openmolmo.records.example import (
    Annotation,
    Caption,
    Counting,
    Dialogue,
    Made,
    Mask,
    NotPresent,
    Point,
    PointExplanation,
    Pointing,
    Provenance,
    QuestionAnswer,
    Transcript,
)
from openmolmo.records.manifest import Manifest
from openmolmo.records.rules import RULES, violations
from openmolmo.records.shards import shard_info, write_dataset

MIDDLE = Point(50.0, 50.0)


def broken(annotation: Annotation) -> list[tuple[str, str]]:
    """Field (within the annotation) and rule of every violation of an example that has only this annotation."""
    made = example(annotations=(annotation,))
    return [(item.field.removeprefix("annotations[0]."), item.rule) for item in violations(made)]


@pytest.mark.parametrize(
    ("annotation", "field", "rule"),
    [
        (Caption(text=" \n"), "text", "text"),
        (Caption(text="x", style=""), "style", "text"),
        (Transcript(text=""), "text", "text"),
        (QuestionAnswer(question="", answers=("a",)), "question", "text"),
        (QuestionAnswer(question="q", answers=("a", " ")), "answers[1]", "text"),
        (QuestionAnswer(question="q"), "answers", "answers"),
        (QuestionAnswer(question="q", options=("a",), answer_index=0), "options", "answers"),
        (QuestionAnswer(question="q", options=("a", ""), answer_index=0), "options[1]", "text"),
        (QuestionAnswer(question="q", options=("a", "b")), "answer_index", "answers"),
        (QuestionAnswer(question="q", options=("a", "b"), answer_index=2), "answer_index", "answers"),
        (QuestionAnswer(question="q", options=("a", "b"), answer_index=-1), "answer_index", "answers"),
        (QuestionAnswer(question="q", answers=("a",), answer_index=0), "answer_index", "answers"),
        (Pointing(label="", points=(MIDDLE,)), "label", "text"),
        (Pointing(label="x", points=(MIDDLE,), question=""), "question", "text"),
        (Pointing(label="x", points=(MIDDLE, Point(100.01, 5))), "points[1].x", "percent"),
        (Pointing(label="x", points=(Point(5, -0.01),)), "points[0].y", "percent"),
        (Pointing(label="x", points=(Point(math.nan, 5),)), "points[0].x", "percent"),
        (Counting(label="x", count=1, points=(Point(5, math.inf),)), "points[0].y", "percent"),
        (Pointing(label="x", points=(MIDDLE,), masks=(BAR, BAR)), "masks", "mask"),
        (Pointing(label="x", points=(MIDDLE,), masks=(Mask(8, 12, (90, 5)),)), "masks[0]", "mask"),
        (Pointing(label="x", points=(MIDDLE,), masks=(Mask(8, 12, (100, -4)),)), "masks[0]", "mask"),
        (Pointing(label="x", points=(MIDDLE,), masks=(Mask(0, 12, ()),)), "masks[0]", "mask"),
        (Pointing(label="x", points=(MIDDLE,), masks=(Mask(12, 8, (96,)),)), "masks[0]", "mask"),
        (Counting(label="x", count=2, points=(MIDDLE,)), "count", "count"),
        (Counting(label="x", count=-1), "count", "count"),
        (NotPresent(label=" "), "label", "text"),
        (PointExplanation(question="q", answer="no", labels=("a",), points=((MIDDLE,),)), "answer", "placeholders"),
        (PointExplanation(question="q", answer="<|POINT|>", labels=("a",), points=()), "answer", "placeholders"),
        (
            PointExplanation(question="q", answer="<|POINT|>", labels=("a",), points=((MIDDLE,),), alts=("b", "c")),
            "alts",
            "placeholders",
        ),
        (PointExplanation(question="q", answer="<|POINT|>", labels=("a",), points=((),)), "points[0]", "placeholders"),
        (
            PointExplanation(question="q", answer="<|POINT|>", labels=("a",), points=((Point(101, 0),),)),
            "points[0][0].x",
            "percent",
        ),
        (Dialogue(turns=("a", "b", "c")), "turns", "dialogue"),
        (Dialogue(turns=()), "turns", "dialogue"),
        (Dialogue(turns=("a", "")), "turns[1]", "text"),
    ],
)
def test_each_breach_is_named_by_field_and_rule(annotation: Annotation, field: str, rule: str) -> None:
    assert broken(annotation) == [(field, rule)]
    assert rule in RULES


def test_good_examples_have_no_breach() -> None:
    assert list(violations(example())) == []
    assert broken(Pointing(label="x", points=())) == []
    assert broken(Counting(label="x", count=0, points=())) == []
    assert broken(Pointing(label="x", points=(Point(0, 0), Point(100, 100)))) == []
    coarse = Mask(height=4, width=6, counts=(0, 24))
    assert broken(Pointing(label="x", points=(MIDDLE,), masks=(coarse,))) == []


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"id": ""}, "id", "text"),
        ({"split": "dev"}, "split", "split"),
        ({"more_images": (dataclasses.replace(image_ref(), width=0),)}, "images[1].width", "image"),
        ({"more_images": (dataclasses.replace(image_ref(), data=None),)}, "images[1]", "image"),
        ({"image": None, "more_images": (image_ref(),)}, "image", "image"),
        (
            {"annotations": (Pointing(label="x", points=(Point(1, 1, 1),)),)},
            "annotations[0].points[0].image",
            "picture",
        ),
        (
            {
                "more_images": (image_ref(),),
                "annotations": (
                    Dialogue(turns=("<|image|> <|image|>?", "a")),
                    QuestionAnswer(question="<|image|>?", answers=("a",)),
                ),
            },
            "annotations[1]",
            "image_places",
        ),
        (
            {"annotations": (QuestionAnswer(question="<|image|> and <|image|>: alike?", answers=("yes",)),)},
            "annotations[0]",
            "image_places",
        ),
        ({"annotations": (Pointing(label="<|image|> <|image|>", points=()),)}, "annotations[0]", "image_places"),
        ({"annotations": ()}, "annotations", "annotations"),
        ({"image": dataclasses.replace(image_ref(), width=0)}, "width", "image"),
        ({"image": dataclasses.replace(image_ref(), data=None)}, "image", "image"),
        (
            {"annotations": (NotPresent(label="Star"), Counting(label="star", count=1, points=(MIDDLE,)))},
            "annotations[0].label",
            "not_present",
        ),
        ({"provenance": Provenance(dataset="", licence="x", made={})}, "provenance.dataset", "provenance"),
        ({"provenance": Provenance(dataset="x", licence="", made={})}, "provenance.licence", "provenance"),
        (
            {"provenance": dataclasses.replace(example().provenance, made={"caption": ()})},
            "provenance.made.caption",
            "provenance",
        ),
        (
            {"provenance": Provenance(dataset="x", licence="x", made={"captoin": (Made.PROGRAM,)})},
            "provenance.made.captoin",
            "provenance",
        ),
    ],
)
def test_breaches_of_the_example_itself(changes: dict[str, Any], field: str, rule: str) -> None:
    assert (field, rule) in [(item.field, item.rule) for item in violations(example(**changes))]


def test_points_and_masks_belong_to_their_own_picture() -> None:
    wide = image_ref(picture(24, 4), 24, 4)
    mask = Mask(height=4, width=24, counts=(0, 96))
    pointing = Pointing(label="x", points=(Point(1, 1, 1), Point(1, 1, 1)), masks=(mask, mask))
    both = example(annotations=(pointing,), more_images=(wide,))
    assert list(violations(both)) == []
    assert [item.rule for item in violations(both.replace(images=[wide, image_ref()]))] == ["mask", "mask"]


def test_faults_of_a_later_picture_say_which(tmp_path: Path) -> None:
    wrong = dataclasses.replace(image_ref(picture(seed=3)), width=5)
    write_dataset(tmp_path / "d", [example().replace(images=[image_ref(), wrong, image_ref(b"no picture")])])
    report = check_dataset(tmp_path / "d")
    assert [fault.field for fault in report.faults] == ["images[1].width", "images[2]"]


def test_faults_of_a_parquet_data_set(tmp_path: Path) -> None:
    image = image_ref()
    html = image_ref(b"<html>404</html>")
    made = [
        example(0),
        example(1, image=dataclasses.replace(image, width=13)),
        example(2, image=dataclasses.replace(image, sha256="00")),
        example(0),
        example(4, image=html),
        example(5, image=image_ref(picture()[:-30])),
        example(6, annotations=(Caption(text=""),)),
        example(7, image=image_ref(b"")),
    ]
    write_dataset(tmp_path / "d", made, rows_per_shard=3)
    report = check_dataset(tmp_path / "d")
    assert (report.ok, report.examples, report.annotations["counting"]) == (False, 8, 14)
    assert [(fault.file, fault.row, fault.field, fault.rule) for fault in report.faults] == [
        ("data-00000.parquet", 1, "width", "size"),
        ("data-00000.parquet", 2, "sha256", "hash"),
        ("data-00001.parquet", 0, "id", "unique"),
        ("data-00001.parquet", 1, "image", "readable"),
        ("data-00001.parquet", 2, "image", "readable"),
        ("data-00002.parquet", 0, "annotations[0].text", "text"),
        ("data-00002.parquet", 1, "image", "readable"),
    ]
    assert report.faults[0].message == "the picture is 12 x 8, the record says width 13"
    assert "data-00000.parquet row 0" in report.faults[2].message
    without = check_dataset(tmp_path / "d", pictures=False)
    assert [fault.rule for fault in without.faults] == ["unique", "text"]
    few = check_dataset(tmp_path / "d", limit=2)
    assert (len(few.faults), few.fault_count) == (2, 7)


def test_faults_of_shards_do_not_hide_the_others(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    write_dataset(folder, [example(number) for number in range(8)], rows_per_shard=2)
    (folder / "data-00000.parquet").unlink()
    (folder / "data-00001.parquet").write_bytes((folder / "data-00001.parquet").read_bytes()[:-9])
    write_dataset(tmp_path / "e", [example(4), example(9, annotations=(Caption(text=""),))])
    (folder / "data-00002.parquet").write_bytes((tmp_path / "e" / "data-00000.parquet").read_bytes())
    report = check_dataset(folder)
    assert [(fault.file, fault.rule) for fault in report.faults[:3]] == [
        ("data-00000.parquet", "every shard of the manifest exists"),
        ("data-00001.parquet", "size"),
        ("data-00002.parquet", "size"),
    ]
    manifest = Manifest.load(folder)
    shards = list(manifest.shards)
    shards[2] = dataclasses.replace(shard_info(folder / "data-00002.parquet"), sha256="00")
    Manifest(shards=tuple(shards)).save(folder)
    rules = [(fault.file, fault.row, fault.rule) for fault in check_dataset(folder).faults[2:]]
    assert rules == [("data-00002.parquet", None, "hash"), ("data-00002.parquet", 1, "text")]


def test_faults_of_a_users_own_rows(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(picture())
    (tmp_path / "b.jpg").write_bytes(b"<html>")
    turned = Image.new("RGB", (20, 10))
    exif = turned.getexif()
    exif[0x0112] = 6  # shown upright it is 10 x 20
    stream = io.BytesIO()
    turned.save(stream, "JPEG", exif=exif)
    (tmp_path / "turned.jpg").write_bytes(stream.getvalue())
    lines = [
        '{"image": "a.jpg", "caption": "Fine."}',
        '{"image": "a.jpg", "label": "x", "points": [{"x": 320, "y": NaN}]}',
        "{",
        '{"image": "b.jpg", "caption": ""}',
        '{"image": "c.jpg", "question": "q", "answer": ""}',
        '{"image": "a.jpg", "captoin": "x"}',
        '{"image": "a.jpg", "id": "rows-000001", "annotations": [{"kind": "dialogue", "turns": ["hi"]}]}',
        '{"image": "turned.jpg", "caption": "ok", "width": 10, "height": 20}',
        '{"image": "http://x.org/a.jpg", "caption": "ok"}',
        '{"image": "a.jpg"}',
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    report = check_dataset(tmp_path)
    assert [(fault.row, fault.field, fault.rule) for fault in report.faults] == [
        (2, "points[0].x", "percent"),
        (2, "points[0].y", "percent"),
        (3, None, "JSON"),
        (4, "caption", "text"),
        (4, "image", "readable"),
        (5, "answers[0]", "text"),
        (5, "image", "exists"),
        (6, "captoin", "known field"),
        (7, "annotations[0].turns", "dialogue"),
        (7, "id", "unique"),
        (10, "annotations", "annotations"),
    ]
    assert {fault.file for fault in report.faults} == {"rows.jsonl"}
    assert "if these are pixels" in report.faults[0].message
    assert "3 caption" not in report.notes[0] and "4 caption" in report.notes[0]
    assert "dataset.json" in report.notes[0]
    assert report.notes[1].startswith("1 picture is only a URL")
    json.dumps(report.to_dict())


def test_known_provenance_leaves_no_note(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"image": null, "caption": "A."}')
    (tmp_path / "dataset.json").write_text('{"made": {"caption": "person-written"}}')
    report = check_dataset(tmp_path)
    assert (report.ok, report.notes, report.examples) == (True, [], 1)


def test_empty_data_sets_are_a_fault_and_no_data_set_an_error(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d", [])
    (tmp_path / "rows.jsonl").write_text("\n")
    for path, file in ((tmp_path / "d", "manifest.json"), (tmp_path, "rows.jsonl")):
        assert check_dataset(path).faults == [
            Fault(file=file, row=None, field=None, rule="empty", message="the data set has no rows")
        ]
    with pytest.raises(DataError, match="does not exist"):
        check_dataset(tmp_path / "nowhere")


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("1", (30_000, 13_000)).save(stream, "PNG")
    write_dataset(
        tmp_path / "d", [example(image=image_ref(stream.getvalue(), 30_000, 13_000), annotations=(Caption(text="x"),))]
    )
    fault = check_dataset(tmp_path / "d").faults[0]
    assert (fault.field, fault.rule) == ("image", "readable")
    assert "30000x13000 = 390000000 pixels, the limit is 178000000" in fault.message
