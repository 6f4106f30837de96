"""Rows that people have, through check, audit, stats, show and filter: one bad one never takes the others with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from making import BAR, image_ref, picture

from openmolmo.records import JsonlDataset, ParquetDataset, write_dataset
from openmolmo.records.audit import audit_dataset
from openmolmo.records.check import check_dataset
from openmolmo.records.commands import data
from openmolmo.records.example import (
    Annotation,
    Caption,
    Counting,
    Example,
    Made,
    Mask,
    Point,
    PointExplanation,
    Pointing,
    Provenance,
)
from openmolmo.records.manifest import SCHEMA, Manifest
from openmolmo.records.quality import QualitySettings, filter_dataset, keep_good
from openmolmo.records.quality_report import QualityReport
from openmolmo.records.shards import shard_info
from openmolmo.records.stats import dataset_stats

CASES = Path(__file__).parents[1] / "fixtures/records"
IN, OUT = Point(50.0, 40.0), Point(104.2, 50.0)


def run(*words: object) -> Result:
    return CliRunner().invoke(data, [str(word) for word in words])


def rows(folder: Path, *values: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "a.jpg").write_bytes(picture())
    lines = [one if isinstance(one, str) else json.dumps(one) for one in values]
    (folder / "rows.jsonl").write_text("\n".join(lines))
    made = dict.fromkeys(("pointing", "not_present", "counting", "caption"), "person-clicked")
    (folder / "dataset.json").write_text(json.dumps({"licence": "CC0-1.0", "made": made}))
    return folder


STAR = {"image": "a.jpg", "label": "star", "points": [{"x": 50, "y": 40}]}


def test_points_that_are_all_between_0_and_1_are_noted(tmp_path: Path) -> None:
    report = check_dataset(CASES / "fractions")
    assert report.ok
    assert report.notes == [
        "all 8 points lie between 0 and 1 percent, in the corner: if these are fractions, multiply them by 100"
    ]
    assert check_dataset(rows(tmp_path / "d", STAR)).notes == []


def test_one_question_with_several_answers_is_noted_and_joined(tmp_path: Path) -> None:
    report = check_dataset(CASES / "line-per-point")
    assert report.ok
    (note,) = report.notes
    assert "1 question about a label has several answers" in note
    assert "'berry' in rows.jsonl row 1, rows.jsonl row 2, rows.jsonl row 3" in note
    filtered = filter_dataset(CASES / "line-per-point", tmp_path / "good")
    (one,) = ParquetDataset(tmp_path / "good")
    assert one.annotations == (Pointing(label="berry", points=(Point(10, 20), Point(50, 50), Point(90, 80))),)
    assert (filtered.removed, filtered.kept_examples) == ({"repeat": 2}, 1)
    assert check_dataset(tmp_path / "good").notes == []


def test_a_label_that_is_there_after_all_keeps_its_points(tmp_path: Path) -> None:
    folder = rows(tmp_path / "d", {**STAR, "points": []}, STAR, {**STAR, "label": "moon"}, {**STAR, "style": "other"})
    filter_dataset(folder, tmp_path / "good")
    found = list(ParquetDataset(tmp_path / "good"))
    assert [one.id for one in found] == ["rows-000002", "rows-000003", "rows-000004"]
    assert found[0].annotations == (Pointing(label="star", points=(Point(50, 40),)),)
    assert check_dataset(tmp_path / "good").ok


def kept(*annotations: Annotation) -> tuple[tuple[Annotation, ...], QualityReport]:
    origin = Provenance(dataset="d", licence="x", made={item.kind: (Made.CLICKED,) for item in annotations})
    report = QualityReport()
    example = Example(id="e", image=image_ref(), annotations=annotations, provenance=origin)
    found = list(keep_good([example], QualitySettings(), report))
    return found[0].annotations if found else (), report


BROKEN = Mask(height=8, width=12, counts=(90,))


@pytest.mark.parametrize(
    ("item", "left"),
    [
        (Pointing(label="x", points=(*[IN] * 5, OUT)), Pointing(label="x", points=(IN,) * 5)),
        (
            Pointing(label="x", points=(OUT, IN), masks=(BAR, BROKEN)),
            Pointing(label="x", points=(IN,)),
        ),
        (Pointing(label="x", points=(OUT, IN), masks=(BAR, BAR)), Pointing(label="x", points=(IN,), masks=(BAR,))),
        (Pointing(label="x", points=(IN,), masks=(BAR, BAR)), Pointing(label="x", points=(IN,))),
        (Pointing(label="x", points=(OUT,)), None),
        (Counting(label="x", count=2, points=(IN, OUT)), Counting(label="x", count=2)),
        (Counting(label="x", count=3, points=(IN,)), None),
        (
            PointExplanation(question="q", answer="<|POINT|>", labels=("x",), points=((IN, OUT),)),
            PointExplanation(question="q", answer="<|POINT|>", labels=("x",), points=((IN,),)),
        ),
        (PointExplanation(question="q", answer="<|POINT|>", labels=("x",), points=((OUT,),)), None),
    ],
)
def test_a_bad_point_or_mask_goes_alone(item: Annotation, left: Annotation | None) -> None:
    found, report = kept(item, Caption(text="Stays."))
    assert found == (*([left] if left is not None else []), Caption(text="Stays."))
    assert bool(report.removed) == (left is None) and bool(report.removed_parts) == (left is not None)
    assert report.cases[0].example == "e" and report.cases[0].what.startswith("annotations[0].")


def test_a_filter_keeps_the_pictures_own_size_and_drops_another_file(tmp_path: Path) -> None:
    folder = rows(
        tmp_path / "d",
        {**STAR, "width": 24, "height": 10},
        {**STAR, "label": "moon", "sha256": "00"},
        {**STAR, "label": "sun", "image": "x" * 400},
    )
    report = filter_dataset(folder, tmp_path / "good", QualitySettings(rules=("size", "unreadable")))
    (one,) = ParquetDataset(tmp_path / "good")
    assert one.image is not None and (one.image.width, one.image.height) == (12, 8)
    assert (report.removed_parts, report.removed_examples) == ({"size": 1}, {"unreadable": 2})
    assert [fault.rule for fault in check_dataset(folder).faults] == ["size", "size", "hash", "readable"]
    assert check_dataset(tmp_path / "good").ok
    assert filter_dataset(folder, tmp_path / "text", QualitySettings(rules=("text",))).kept_examples == 1


def test_what_a_filter_left_out_is_written_in_full(tmp_path: Path) -> None:
    folder = rows(tmp_path / "d", *({**STAR, "label": f"x{n}", "points": [{"x": 300, "y": 1}]} for n in range(6)), STAR)
    done = run("filter", folder, "--why", tmp_path / "why.jsonl")
    assert done.exit_code == 0, done.output
    cases = [json.loads(line) for line in (tmp_path / "why.jsonl").read_text().splitlines()]
    assert [case["example"] for case in cases] == [f"rows-{n:06d}" for n in range(1, 7)]
    assert all(case["rule"] == "percent" and "x is 300" in case["what"] for case in cases)


BAD = ("{", {"image": "a.jpg", "captoin": "x"}, {"image": "\ud83d.png", "caption": "x"})


def test_the_commands_go_on_past_bad_rows(tmp_path: Path) -> None:
    folder = rows(tmp_path / "d", STAR, *BAD, {**STAR, "label": "moon"})
    stats = run("stats", folder)
    assert stats.exit_code == 0 and "2 examples" in stats.output
    assert "3 rows or shards cannot be read and are passed over" in stats.output and "'captoin'" in stats.output
    assert dataset_stats(folder).labels == {"moon": (1, 1, 0), "star": (1, 1, 0)}
    audit = run("audit", folder)
    assert audit.exit_code == 1 and "3 rows or shards cannot be read" in audit.output
    assert "no annotation comes from a vision-language model" in audit.output
    report = json.loads(run("audit", folder, "--json").stdout)
    assert (report["ok"], report["examples"], report["refused"], len(report["unread"])) == (False, 2, 0, 3)
    shown = run("show", folder, "--out", tmp_path / "page.html")
    assert shown.exit_code == 0, shown.output
    page = (tmp_path / "page.html").read_text()
    assert page.count('<section class="card example">') == 5 and page.count("the row cannot be read") == 3
    assert "rows.jsonl row 2" in page
    filtered = filter_dataset(folder, tmp_path / "good")
    assert (filtered.kept_examples, filtered.removed_examples) == (2, {"form": 3})
    assert run("check", folder).exit_code == 1
    (folder / "rows.jsonl").write_text(json.dumps(STAR))
    assert audit_dataset(folder).ok


def test_the_commands_go_on_past_a_bad_shard(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    origin = Provenance(dataset="d", licence="x", made={"caption": (Made.WRITTEN,)})
    made = [
        Example(id=str(n), image=image_ref(), annotations=(Caption(text="A."),), provenance=origin) for n in range(6)
    ]
    write_dataset(folder, made, rows_per_shard=2)
    (folder / "data-00001.parquet").write_bytes(b"PAR1")
    assert dataset_stats(folder).examples == 4
    assert (audit_dataset(folder).ok, audit_dataset(folder).examples) == (False, 4)
    assert filter_dataset(folder, tmp_path / "good").kept_annotations == 1  # the same caption of the same picture
    assert run("show", folder, "--out", tmp_path / "page.html").exit_code == 0
    assert (tmp_path / "page.html").read_text().count("the row cannot be read") == 2


def test_a_bad_row_of_a_shard_is_named_by_its_number(tmp_path: Path) -> None:
    origin = Provenance(dataset="d", licence="x", made={"caption": (Made.WRITTEN,)})
    caption = (Caption(text="A."),)
    made = [Example(id=str(n), image=None, annotations=caption, provenance=origin) for n in range(200)]
    write_dataset(tmp_path, made)
    path = tmp_path / "data-00000.parquet"
    table = pq.read_table(path).to_pylist()
    table[130]["annotations"] = "["
    with pq.ParquetWriter(path, SCHEMA, write_page_checksum=True) as writer:
        for start in range(0, 200, 64):
            writer.write_table(pa.Table.from_pylist(table[start : start + 64], schema=SCHEMA))
    Manifest(shards=(shard_info(path),)).save(tmp_path)
    report = audit_dataset(tmp_path)
    assert (report.examples, len(report.unread)) == (199, 1)
    assert "row 130, field annotations" in report.unread[0]
    assert dataset_stats(tmp_path).examples == 199
    assert [(fault.row, fault.field) for fault in check_dataset(tmp_path).faults] == [(130, "annotations")]


def test_ids_and_sizes_as_other_programs_write_them(tmp_path: Path) -> None:
    folder = rows(tmp_path / "d", {**STAR, "id": 7, "width": 12.0, "height": 8.0}, {**STAR, "label": "b", "id": "7"})
    first = JsonlDataset(folder)[0]
    assert first.id == "7" and first.image is not None and (first.image.width, first.image.height) == (12, 8)
    report = check_dataset(folder)
    assert [(fault.row, fault.field, fault.rule) for fault in report.faults] == [(2, "id", "unique")]


def test_a_path_with_the_other_slash_is_found(tmp_path: Path) -> None:
    folder = rows(tmp_path / "d", {**STAR, "image": "deep\\a.jpg"}, {**STAR, "image": "deep\\b.jpg"})
    (folder / "deep").mkdir()
    (folder / "a.jpg").rename(folder / "deep/a.jpg")
    assert [(fault.row, fault.rule) for fault in check_dataset(folder).faults] == [(2, "exists")]


@pytest.mark.parametrize("width", [12.5, float("nan"), float("inf"), True, "12", 10**12])
def test_a_size_that_is_none_is_a_fault(tmp_path: Path, width: object) -> None:
    folder = rows(tmp_path / "d", {**STAR, "width": width}, STAR)
    assert [(fault.row, fault.field) for fault in check_dataset(folder).faults] == [(1, "width")]


def test_half_a_character_is_a_fault_and_stops_nothing(tmp_path: Path) -> None:
    half = [
        {**STAR, "label": "cut \ud83d"},
        {"image": "a.jpg", "caption": "cut \udce9", "facts": {"\ud83d": 1}},
        {**STAR, "label": "ok", "facts": {"x": float("nan")}},
        {**STAR, "label": "fine", "provenance": {"tool": "\ud83d"}},
        {**STAR, "id": "\ud83d"},
        STAR,
    ]
    folder = rows(tmp_path / "d", *half)
    faults = [(fault.row, fault.field, fault.rule) for fault in check_dataset(folder).faults]
    assert faults == [
        (1, "label", "text"),
        (2, "caption", "text"),
        (2, "facts", "text"),
        (3, "facts", "facts"),
        (4, "provenance", "text"),
        (5, "id", "text"),
    ]
    assert filter_dataset(folder, tmp_path / "good").kept_examples == 1
    for command in ("check", "audit", "stats", "filter"):
        for words in ((command, folder), (command, folder, "--json")):
            assert run(*words).exception is None or run(*words).exit_code == 1
    assert run("show", folder, "--out", tmp_path / "page.html").exit_code == 0
    assert "cut \ufffd" in (tmp_path / "page.html").read_text()


RUNNER = """
import json, sys
from openmolmo.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv[1:] = words
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code
    print(f"\\0{code}\\0", flush=True)
"""


def openmolmo(encoding: str, *commands: tuple[object, ...]) -> list[tuple[int, str]]:
    """What each command line ends with and prints, on a console of that encoding."""
    words = json.dumps([[str(word) for word in ("data", *command)] for command in commands])
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, words],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    pieces = done.stdout.decode(encoding).split("\0")
    return [(int(code), text) for text, code in zip(pieces[::2], pieces[1::2], strict=False)]


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_a_console_without_arrows_gets_plain_ones(tmp_path: Path, encoding: str) -> None:
    folder = rows(tmp_path / "d", {**STAR, "label": "红 → 😀"})
    audit, found, table = openmolmo(
        encoding, ("audit", CASES / "arrow-ascii"), ("stats", folder, "--json"), ("stats", folder)
    )
    assert (audit[0], found[0], table[0]) == (0, 0, 0)
    arrow = "→" if encoding == "utf-8" else "->"
    assert f"person-spoken {arrow} speech-recognition {arrow} text-only-llm" in audit[1]
    assert list(json.loads(found[1])["labels"]) == ["红 → 😀"]
    assert ("红" if encoding == "utf-8" else "\\u7ea2 -> \\ud83d") in table[1]


def test_a_folder_whose_name_is_no_text(tmp_path: Path) -> None:
    folder = rows(tmp_path / "caf\udce9", STAR)
    (folder / "rows.jsonl").rename(folder / "th\udce9.jsonl")
    commands = ("check", "audit", "stats", "filter")
    done = openmolmo(
        "utf-8",
        *((command, folder, *more) for command in commands for more in ((), ("--json",))),
        ("show", folder, "--out", tmp_path / "page.html"),
        ("check", folder / "none"),
    )
    assert [code for code, _ in done] == [0] * 9 + [1]
    assert (tmp_path / "page.html").exists()
