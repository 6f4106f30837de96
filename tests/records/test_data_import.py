"""Files of other annotation programs as examples: the right places, and who made them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from openmolmo.core.errors import DataError, NotRegisteredError
from openmolmo.records import JsonlDataset, ParquetDataset
from openmolmo.records.audit import audit_dataset
from openmolmo.records.check import check_dataset
from openmolmo.records.commands import data
from openmolmo.records.example import Caption, Example, Made, NotPresent, Point, Pointing, QuestionAnswer, Transcript
from openmolmo.records.imports import import_file, write_imported


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "deep").mkdir(parents=True)
    for name, colour in (("a.png", "red"), ("b.png", "blue"), ("deep/c.png", "green")):
        Image.new("RGB", (200, 100), colour).save(folder / name)
    return folder


def keypoint(label: str, x: float, y: float, **changes: Any) -> dict[str, Any]:
    value = {"x": x, "y": y, "width": 0.5, "keypointlabels": [label]}
    return {
        "id": f"{label}{x}",
        "type": "keypointlabels",
        "from_name": "kp",
        "to_name": "image",
        "value": value,
    } | changes


def task(image: str, *results: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"id": 1, "data": {"image": image}, "annotations": [{"id": 1, "result": list(results), **changes}]}


def textarea(name: str, text: str, **changes: Any) -> dict[str, Any]:
    return {"id": name, "type": "textarea", "from_name": name, "to_name": "image", "value": {"text": [text]}} | changes


def load(tmp_path: Path, pictures: Path, content: Any, form: str = "label-studio", **options: Any) -> list[Example]:
    file = tmp_path / "export.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return list(import_file(form, file, images=pictures, **options).examples)


def test_label_studio_points_texts_and_absent_labels(tmp_path: Path, pictures: Path) -> None:
    box = {"x": 10, "y": 20, "width": 30, "height": 40, "rectanglelabels": ["box"]}
    tasks = [
        task(
            "/data/upload/3/12ab34cd-a.png",
            keypoint("star", 20.5, 31),
            keypoint("star", 70, 80),
            {"id": "r", "type": "rectanglelabels", "from_name": "r", "to_name": "image", "value": box},
            textarea("caption", "Two stars."),
            textarea("transcript", "um, two stars"),
            textarea("question", "How many?"),
            textarea("answer", "two"),
            {"id": "n", "type": "choices", "from_name": "absent", "value": {"choices": ["cup"]}},
        ),
        task("/data/local-files/?d=deep%2Fc.png", keypoint("leaf", 1, 2, origin="prediction")),
        task("b.png", keypoint("x", 1, 2), was_cancelled=True),
    ]
    first, second = load(tmp_path, pictures, tasks, licence="CC0-1.0")
    assert first.annotations == (
        Pointing(label="star", points=(Point(20.5, 31.0), Point(70.0, 80.0))),
        Pointing(label="box", points=(Point(25.0, 40.0),)),
        NotPresent(label="cup"),
        Caption(text="Two stars."),
        Transcript(text="um, two stars"),
        QuestionAnswer(question="How many?", answers=("two",)),
    )
    assert first.id == "a.png" and first.provenance.made["pointing"] == (Made.CLICKED,)
    assert second.id == "deep/c.png" and second.provenance.made["pointing"] == (Made.UNKNOWN,)


def test_label_studio_points_named_by_their_own_text(tmp_path: Path, pictures: Path) -> None:
    point = keypoint("", 50, 50, type="keypoint", id="p1")
    del point["value"]["keypointlabels"]
    (one,) = load(tmp_path, pictures, [task("a.png", point, textarea("name", "the big red area", id="p1"))])
    assert one.annotations == (Pointing(label="the big red area", points=(Point(50.0, 50.0),)),)


def test_coco_boxes_become_points(tmp_path: Path, pictures: Path) -> None:
    values = {
        "images": [
            {"id": 1, "file_name": "a.png", "width": 400, "height": 200, "neg_category_ids": [2]},
            {"id": 2, "file_name": "b.png", "width": 200, "height": 100},
        ],
        "categories": [{"id": 1, "name": "star"}, {"id": 2, "name": "cup"}],
        "annotations": [
            {"image_id": 1, "category_id": 1, "bbox": [100, 50, 40, 20]},
            {"image_id": 1, "category_id": 1, "bbox": [0, 0, 400, 200], "iscrowd": 1},
            {"image_id": 2, "category_id": 2, "bbox": [0, 0, 20, 10]},
        ],
    }
    first, second = load(tmp_path, pictures, values, form="coco", made=Made.CLICKED, absent=1)
    assert first.annotations == (Pointing(label="star", points=(Point(30.0, 30.0),)), NotPresent(label="cup"))
    assert second.annotations == (Pointing(label="cup", points=(Point(5.0, 5.0),)), NotPresent(label="star"))
    assert second.provenance.made == {"pointing": (Made.CLICKED,), "not_present": (Made.CLICKED,)}


CVAT = """<?xml version="1.0"?>
<annotations><version>1.1</version>
 <image id="0" name="deep/c.png" width="200" height="100">
  <points label="star" source="manual" points="20.0,10.0;100,50"></points>
  <box label="cup" source="auto" xtl="0" ytl="0" xbr="100" ybr="50"></box>
  <polygon label="sky" points="0,0;1,1"></polygon>
 </image>
</annotations>
"""


def test_cvat_points_and_boxes(tmp_path: Path, pictures: Path) -> None:
    (one,) = load(tmp_path, pictures, CVAT, form="cvat")
    assert one.annotations == (
        Pointing(label="star", points=(Point(10.0, 10.0), Point(50.0, 50.0))),
        Pointing(label="cup", points=(Point(25.0, 25.0),)),
    )
    assert one.provenance.made["pointing"] == (Made.CLICKED, Made.UNKNOWN)


def test_a_cvat_file_with_entities_is_refused(tmp_path: Path, pictures: Path) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]>' + CVAT.replace('<?xml version="1.0"?>\n', "")
    with pytest.raises(DataError, match="document type"):
        load(tmp_path, pictures, bomb, form="cvat")


@pytest.mark.parametrize(
    ("header", "x", "y"), [("x,y", 50, 20), ("x_percent,y_percent", 25, 20), ("x_fraction,y_fraction", 0.25, 0.2)]
)
def test_csv_in_pixels_percent_and_fractions(tmp_path: Path, pictures: Path, header: str, x: float, y: float) -> None:
    lines = f"image,label,{header}\na.png,star,{x},{y}\nb.png,cup,,\na.png,star,0,0\n"
    first, second = load(tmp_path, pictures, lines, form="csv")
    assert first.annotations == (Pointing(label="star", points=(Point(25.0, 20.0), Point(0.0, 0.0))),)
    assert second.annotations == (NotPresent(label="cup"),)
    assert second.provenance.made == {"not_present": (Made.UNKNOWN,)}


@pytest.mark.parametrize("out", ["stars.jsonl", "stars"])
def test_what_is_imported_passes_check_and_audit(tmp_path: Path, pictures: Path, out: str) -> None:
    file = tmp_path / "export.json"
    file.write_text(json.dumps([task("a.png", keypoint("star", 20, 30)), task("missing.png", keypoint("star", 1, 1))]))
    words = ["import", "label-studio", str(file), "--images", str(pictures), "--out", str(tmp_path / "o" / out)]
    result = CliRunner().invoke(data, [*words, "--licence", "CC0-1.0", "--name", "my-stars"])
    assert result.exit_code == 0, result.output
    assert (
        "left out: pictures that are not in the folder: 1 (task 1 (id 1): 'missing.png' is not there)" in result.output
    )
    assert "1 example in" in result.output
    report = check_dataset(tmp_path / "o" / out)
    assert report.ok, report.faults
    assert audit_dataset(tmp_path / "o" / out).ok
    opened = JsonlDataset(tmp_path / "o" / out) if out.endswith("jsonl") else ParquetDataset(tmp_path / "o" / out)
    assert opened[0].annotations == (Pointing(label="star", points=(Point(20.0, 30.0),)),)
    assert opened[0].provenance.dataset == "my-stars"


@pytest.mark.parametrize(
    ("form", "content", "words"),
    [
        ("label-studio", "{", "is not JSON"),
        ("label-studio", "{}", "no list of tasks"),
        ("label-studio", '[{"image": "a.png", "kp": []}]', "JSON-MIN"),
        ("label-studio", '[{"data": {"image": "a.png"}, "annotations": [{"result": [{"id": 1}]}]}]', "lacks 'type'"),
        ("coco", '{"images": []}', "no COCO file"),
        ("cvat", "<a/>", "has no <image>"),
        ("cvat", "<a>", "is not XML"),
        ("csv", "picture,x\n", "has the columns picture, x"),
        ("csv", "image,label,x,y\na.png,star,left,3\n", "'left'"),
        ("csv", "image,label,x,y\nz.png,star,1,3\n", "gives no example"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, pictures: Path, form: str, content: str, words: str) -> None:
    with pytest.raises(DataError) as error:
        load(tmp_path, pictures, content, form=form)
    assert words in str(error.value)


def test_an_unknown_format(tmp_path: Path, pictures: Path) -> None:
    with pytest.raises(NotRegisteredError, match="coco"):
        load(tmp_path, pictures, "", form="yolo")


def test_paths_outside_the_folder_are_not_followed(tmp_path: Path, pictures: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "secret.png")
    with pytest.raises(DataError, match="not in the folder"):
        load(tmp_path, pictures, "image,label,x,y\n../secret.png,star,1,3\n", form="csv")


def test_writing_keeps_the_imported_examples(tmp_path: Path, pictures: Path) -> None:
    file = tmp_path / "points.csv"
    file.write_text("image,label,x,y\ndeep/c.png,star,20,10\n")
    imported = import_file("csv", file, images=pictures, made=Made.CLICKED)
    write_imported(imported, tmp_path / "rows.jsonl")
    (back,) = JsonlDataset(tmp_path / "rows.jsonl")
    assert back.annotations == imported.examples[0].annotations
    assert back.image is not None and Path(back.image.path or "").read_bytes() == (pictures / "deep/c.png").read_bytes()
