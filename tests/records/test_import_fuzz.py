"""Anything in the place of anything: an importer and every command end well or with an error of ours."""

from __future__ import annotations

import copy
import json
import math
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from openmolmo.core.errors import DataError
from openmolmo.records import JsonlDataset
from openmolmo.records.audit import audit_dataset
from openmolmo.records.check import check_dataset
from openmolmo.records.imports import import_file, write_imported
from openmolmo.records.quality import filter_dataset
from openmolmo.records.show import write_page
from openmolmo.records.stats import dataset_stats

# "Cs" are halves of characters: JSON can hold them, no file can.
TEXT = st.text(max_size=6) | st.text(st.characters(categories=["Cs", "Lu", "Cc"]), max_size=3)
NUMBERS = (
    st.integers() | st.floats() | st.sampled_from([0, 1, "1", 1.0, -1, 10**400, math.nan, math.inf, True, "a.png"])
)
ODD = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=5,
)
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def spots(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every value in nested JSON."""
    yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from spots(inner, (*path, key))


def spoil(good: Any, draw: Callable[[st.SearchStrategy[Any]], Any]) -> Any:
    """A good value with one to three places filled with something else, or taken away."""
    made = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        every = list(spots(made))
        deep = [path for path in every if len(path) > 2]
        path = draw(st.sampled_from(deep if deep and draw(st.integers(0, 5)) else every))
        if not path:
            return draw(ODD)
        place = made
        for key in path[:-1]:
            place = place[key]
        if isinstance(place, dict) and draw(st.booleans()):
            del place[path[-1]]
        else:
            place[path[-1]] = draw(ODD)
    return made


def pictures(folder: Path) -> Path:
    made = folder / "pictures"
    made.mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (20, 10)).save(made / name)
    return made


def try_import(form: str, content: bytes) -> None:
    """Import, write and check: what is written has no fault."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "export"
        file.write_bytes(content)
        images = pictures(folder)
        try:
            imported = import_file(form, file, images=images, licence="x", absent=1)
        except DataError as error:
            assert str(error)
            return
        write_imported(imported, folder / "out/rows.jsonl")
        report = check_dataset(folder / "out/rows.jsonl")
        assert report.ok, report.faults
        write_imported(imported, folder / "shards")
        assert all(case.reason and case.where for case in (*imported.cases, *imported.notes))


def mark(kind: str, **value: Any) -> dict[str, Any]:
    size = {"original_width": 20, "original_height": 10}
    return {"id": kind, "type": kind, "from_name": kind, "to_name": "image", "origin": "manual", **size, "value": value}


LABEL_STUDIO = [
    {
        "id": 1,
        "data": {"image": "/data/upload/1/12ab34cd-a.png"},
        "annotations": [
            {
                "ground_truth": False,
                "result": [
                    mark("keypointlabels", x=1, y=2, keypointlabels=["x"]),
                    mark("rectanglelabels", x=1, y=2, width=3, height=4, rotation=30, rectanglelabels=["y"]),
                    mark("textarea", text=["It is so."]),
                    mark("choices", choices=["z"]) | {"from_name": "absent"},
                    mark("textarea", text=["Why?"]) | {"id": "q", "from_name": "question"},
                    mark("textarea", text=["So."]) | {"id": "r", "from_name": "answer"},
                ],
            }
        ],
    },
    {"id": 2, "data": {"a": "a.png", "b": "b.png"}, "annotations": [{"result": [mark("ellipselabels", x=1, y=2)]}]},
]
COCO = {
    "images": [{"id": n, "file_name": f"{'ab'[n]}.png", "width": 20, "height": 10} for n in (0, 1)],
    "categories": [{"id": 1, "name": "x"}, {"id": "2", "name": "y"}],
    "annotations": [{"id": n, "image_id": n % 2, "category_id": 1, "bbox": [n, n, 2, 2]} for n in range(3)],
}
ROW = {
    "id": "r", "image": "a.png", "label": "x", "points": [{"x": 1, "y": 2}], "width": 20, "height": 10,
    "masks": [{"height": 10, "width": 20, "counts": [100, 100]}], "facts": {"a": [1]}, "provenance": {"tool": "t"},
    "split": "train", "style": "pointing", "caption": "It.",
}  # fmt: skip
FULL = {
    "image": "b.png",
    "annotations": [
        {"kind": "counting", "label": "x", "count": 1, "points": [{"x": 1, "y": 2}]},
        {
            "kind": "point_explanation", "question": "q", "answer": "<|POINT|>", "labels": ["a"],
            "points": [[{"x": 1, "y": 1}]],
        },
        {"kind": "question_answer", "question": "q", "options": ["a", "b"], "answer_index": 0},
        {"kind": "dialogue", "turns": ["a", "b"]},
    ],
    "provenance": {"made": {"counting": ["person-clicked"]}, "receipts": {"a": "b"}},
}  # fmt: skip


@QUICK
@given(st.data())
def test_label_studio(data: st.DataObject) -> None:
    try_import("label-studio", json.dumps(spoil(LABEL_STUDIO, data.draw)).encode())


@QUICK
@given(st.data())
def test_coco(data: st.DataObject) -> None:
    try_import("coco", json.dumps(spoil(COCO, data.draw)).encode())


CELLS = st.sampled_from(["a.png", "b.png", "x", "1", "1,5", "nan", "", '"', "-3", "1e999", "½", "\0", "\r", "\n", ";"])


@QUICK
@given(st.lists(st.lists(CELLS | TEXT, max_size=7), max_size=6), st.sampled_from(",;\t"))
def test_csv(lines: list[list[str]], comma: str) -> None:
    header = comma.join(("image", "label", "x", "y", "width", "height"))
    text = "\n".join([header, comma.join(("a.png", "x", "1", "1")), *map(comma.join, lines)])
    try_import("csv", text.encode("utf-8", "surrogatepass"))


ATTRIBUTES = st.dictionaries(
    st.sampled_from(["name", "width", "height", "label", "points", "xtl", "ytl", "xbr", "ybr", "outside", "source"]),
    st.sampled_from(["a.png", "20", "10", "x", "1,2;3,4", "1,", "nan,1", "", "1", "auto", "99999", "-1"]),
)
ELEMENTS = st.sampled_from(["image", "points", "box", "skeleton", "polygon", "track", "tag", "a"])


TREES = st.recursive(
    st.tuples(ELEMENTS, ATTRIBUTES, st.just([])),
    lambda inner: st.tuples(ELEMENTS, ATTRIBUTES, st.lists(inner, max_size=3)),
    max_leaves=8,
)


def written(node: tuple[str, dict[str, str], list[Any]]) -> str:
    tag, values, inner = node
    attributes = "".join(f' {key}="{value}"' for key, value in values.items())
    return f"<{tag}{attributes}>{''.join(map(written, inner))}</{tag}>"


@QUICK
@given(TREES)
def test_cvat(tree: Any) -> None:
    good = '<box label="x" xtl="1" ytl="1" xbr="3" ybr="3"/>'
    image = f'<image name="a.png" width="20" height="10">{good}{written(tree)}</image>'
    try_import("cvat", f"<annotations>{image}{written(tree)}</annotations>".encode())


@QUICK
@given(st.sampled_from(["label-studio", "coco", "cvat", "csv"]), st.binary(max_size=60))
def test_files_of_any_bytes(form: str, content: bytes) -> None:
    try_import(form, content)


@QUICK
@given(st.data())
def test_rows(data: st.DataObject) -> None:
    """Whatever is in a row: each command says so or does its work, and what a filter keeps has no fault."""
    good = {"image": "b.png", "label": "fine", "points": [{"x": 1, "y": 2}]}
    lines = [spoil(ROW, data.draw), good, spoil(FULL, data.draw)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, lines)))
        images = pictures(folder)
        (folder / "dataset.json").write_text(json.dumps({"images": images.name}))
        assert len(JsonlDataset(folder)) == 3
        check_dataset(folder).to_dict()
        audit_dataset(folder).to_dict()
        dataset_stats(folder).to_dict()
        assert write_page(folder, folder / "page.html") == 3
        filter_dataset(folder, folder / "good")
        report = check_dataset(folder / "good")
        assert report.annotations["pointing"] >= 1
        assert report.ok, report.faults
