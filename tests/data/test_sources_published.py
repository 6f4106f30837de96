"""Published sets: each has a fixture, a golden rendering and a heading; rows become right examples."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from published_cases import CASES, FIXTURES, GOLDENS, PUBLISHED, declared, label, opened, options, render

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.data.presets import TABLE_ROWS
from openmolmo.data.sources import ai2d_release
from openmolmo.data.sources.base import SOURCES
from openmolmo.data.sources.columns import FLAG, TEXT, check_row, fields, many, maybe
from openmolmo.data.sources.percent import pixels_to_percent
from openmolmo.data.sources.published import PublishedSet
from openmolmo.data.sources.rows import open_rows
from openmolmo.engine.download.store import ImageStore
from openmolmo.records.audit import REFUSED
from openmolmo.records.example import Counting, Example, Pointing, QuestionAnswer
from openmolmo.records.pictures import picture_bytes, picture_size
from openmolmo.records.rules import violations

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "use-published-data.md"
EVALUATION = {"pixmo_points_eval", "real_world_qa", "mmmu", "math_vista", "count_bench_qa", "clock_bench"}
NAMES = sorted(name for name in SOURCES if isinstance(SOURCES.get(name), PublishedSet))


def test_every_set_of_the_paper_is_there() -> None:
    with (FIXTURES / "sft_mixture.csv").open(encoding="utf-8") as stream:
        rows = {row["dataset"] for row in csv.DictReader(stream)}
    assert set(TABLE_ROWS) == rows
    assert {name for name, _ in TABLE_ROWS.values()} | EVALUATION | {"tulu3"} == set(NAMES)
    assert len(NAMES) == 31
    assert {name for name in NAMES if declared(name).evaluation_only} == EVALUATION


@pytest.mark.parametrize("name", NAMES)
def test_every_set_has_fixture_golden_and_heading(name: str) -> None:
    found = declared(name)
    assert CASES[name] and (PUBLISHED / name).is_dir()
    assert set(json.loads(GOLDENS.read_text(encoding="utf-8"))[name]) == {label(case) for case in CASES[name]}
    page = HOW_TO.read_text(encoding="utf-8")
    section = re.search(rf"^### {re.escape(found.title)}\n(.*?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL)
    assert section and f"`{name}`" in section[1], f"docs/how-to/use-published-data.md: ### {found.title}"
    assert found.licence and found.home.startswith("https://") and found.splits
    assert all(form in section[1] for form in (*found.forms, *found.splits))


@pytest.mark.parametrize("name", NAMES)
def test_rendering_is_the_golden_one(name: str) -> None:
    golden = json.loads(GOLDENS.read_text(encoding="utf-8"))[name]
    for case in CASES[name]:
        assert render(name, case) == golden[label(case)], f"{name} {label(case)}: see tests/data/published_cases.py"


@pytest.mark.parametrize("name", NAMES)
def test_examples_keep_the_rules_and_pass_the_audit(name: str) -> None:
    for case in CASES[name]:
        for example in opened(name, case):
            assert not list(violations(example))
            made = {how for ways in example.provenance.made.values() for how in ways}
            assert made and REFUSED.isdisjoint(made)
            assert (example.image is None) == (name == "tulu3")
            if example.image is not None and (data := picture_bytes(example.image)) is not None:
                assert picture_size(data) >= (64, 48)


@pytest.mark.parametrize("name", NAMES)
def test_streaming_gives_the_same_examples(name: str) -> None:
    for case in CASES[name]:
        if case.keys() <= {"path", "images", "form", "config", "split"}:
            indexed, streamed = list(opened(name, case)), list(declared(name).stream(**options(name, case)))
            if "pixmo_points" in name or "ask" in name:  # rows of one picture stand apart in the fixture
                assert _texts(indexed) == _texts(streamed)
            else:
                assert indexed == streamed


def _texts(examples: list[Example]) -> set[str]:
    return {repr(annotation) for example in examples for annotation in example.annotations}


def test_a_stream_goes_on_where_it_stopped() -> None:
    whole = list(declared("tulu3").stream(path=str(PUBLISHED / "tulu3")))
    assert list(declared("tulu3").stream(path=str(PUBLISHED / "tulu3"), skip=1)) == whole[1:]


# --------------------------------------------------------------------------- drift and other mistakes


def rewritten(name: str, tmp_path: Path, change: Mapping[str, Any]) -> Path:
    """A copy of a fixture's Parquet file with the cells of some columns replaced (None: column left out)."""
    source = next((PUBLISHED / name).rglob("*.parquet"))
    rows = pq.read_table(source).to_pylist()
    for row in rows:
        row.update(change)
        for column in [key for key, value in change.items() if value is None]:
            del row[column]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train.parquet")
    return tmp_path


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = rewritten("chart_qa", tmp_path, {"label": None})
    with pytest.raises(DataError, match="column label is missing; the file has image, query, human_or_machine"):
        declared("chart_qa")(path=str(path))


def test_a_column_of_another_type_is_named_with_what_was_found(tmp_path: Path) -> None:
    path = rewritten("chart_qa", tmp_path, {"label": "4"})
    with pytest.raises(DataError, match=r"column label holds .4. \(str\), expected a list, each item a text") as caught:
        declared("chart_qa")(path=str(path))
    assert caught.value.row == 0 and caught.value.field == "label"


def test_points_that_are_pixels_are_refused(tmp_path: Path) -> None:
    path = rewritten("pixmo_points", tmp_path, {"points": [{"x": 640.0, "y": 20.0}], "count": 1})
    source = declared("pixmo_points")(path=str(path))
    with pytest.raises(DataError, match="column points holds 640, expected percent"):
        source[0]


def test_options_that_a_set_does_not_have_are_refused() -> None:
    path = str(PUBLISHED / "chart_qa")
    with pytest.raises(ConfigError, match="chart_qa has no form 'robot'"):
        declared("chart_qa")(path=path, form="robot")
    with pytest.raises(ConfigError, match="st_vqa has no split 'test'"):
        declared("st_vqa")(path=path, split="test")
    with pytest.raises(ConfigError, match="pixmo_docs has several parts"):
        declared("pixmo_docs")(path=path)
    with pytest.raises(ConfigError, match="brings its pictures with it"):
        declared("chart_qa")(path=path, images=path)
    with pytest.raises(TypeError, match="limits"):
        declared("chart_qa")(path=path, limits=3)


def test_splits_that_are_not_on_the_hub_say_where_they_are() -> None:
    with pytest.raises(DataError, match="vqa2 has no train split on the hub") as caught:
        declared("vqa2")(split="train")
    assert "https://visualqa.org" in (caught.value.fix or "")


def test_a_folder_without_the_split_says_how_files_are_found(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text("{}\n")
    with pytest.raises(DataError, match="has no file of the split 'val' among its 1 data files"):
        declared("chart_qa")(path=str(tmp_path), split="validation")


# ------------------------------------------------------------------------------------- what is dropped


def test_a_configuration_that_is_missing_beside_others_is_not_filled_with_their_rows() -> None:
    folder = PUBLISHED / "mmmu"  # of thirty subjects it has one
    with pytest.raises(DataError, match="has no folder Biology, only Art"):
        declared("mmmu")(path=str(folder), config="Biology", split="validation")
    assert len(list(declared("mmmu")(path=str(folder), config="Art", split="validation"))) > 0


def test_rows_without_their_picture_are_left_out_and_counted() -> None:
    source = opened("pixmo_points", {"images": "pictures"})
    assert source.dropped == {"not of this form, or not usable": 1, "picture not fetched": 1}
    assert len(source) == 2
    assert all(example.image is not None and example.image.path for example in source)
    everything = opened("pixmo_points", {})
    assert len(everything) == 3 and everything.fingerprint != source.fingerprint


def test_pictures_come_from_the_store_that_downloads_fill(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    store.put("https://pictures.example/red.png", (PUBLISHED / "pictures" / "red.png").read_bytes())
    (example,) = declared("pixmo_points")(path=str(PUBLISHED / "pixmo_points"), images=str(tmp_path))
    assert example.image is not None
    assert picture_bytes(example.image) == (PUBLISHED / "pictures" / "red.png").read_bytes()
    with pytest.raises(DataError, match="does not exist"):
        declared("pixmo_points")(path=str(PUBLISHED / "pixmo_points"), images=str(tmp_path / "absent"))


def test_limit_and_fraction_choose_the_same_examples_each_time() -> None:
    assert [e.id for e in opened("chart_qa", {"limit": 1})] == ["chart_qa-train-00000000"]
    chosen = [[e.id for e in opened("tulu3", {"fraction": 0.67})] for _ in range(2)]
    assert chosen[0] == chosen[1] and len(chosen[0]) == 2
    with pytest.raises(ConfigError, match="fraction=2 must be above 0"):
        opened("tulu3", {"fraction": 2})


def test_the_fingerprint_depends_on_form_and_split() -> None:
    prints = [opened("a_okvqa", case).fingerprint for case in CASES["a_okvqa"]]
    assert len(set(prints)) == 3
    assert prints[0] == opened("a_okvqa", {}).fingerprint


# --------------------------------------------------------------------------------------- single sets


def test_pixels_of_count_become_percent_of_the_picture() -> None:
    pointing, counting = opened("pixmo_count", {"images": "pictures"})[0].annotations
    assert isinstance(pointing, Pointing) and isinstance(counting, Counting)
    assert [(p.x, p.y) for p in pointing.points] == [(50.0, 50.0)]
    (unfetched,) = declared("pixmo_count")(path=str(PUBLISHED / "pixmo_count"))[0].annotations
    assert isinstance(unfetched, Counting) and unfetched.count == 1 and not unfetched.points


def test_a_pixel_outside_the_picture_is_called_that() -> None:
    with pytest.raises(DataError, match=r"holds the pixel y = 900, outside the picture, which has 600 down"):
        pixels_to_percent([400.0], [900.0], (800, 600), "points")


def test_masks_of_points_eval_cover_the_disc() -> None:
    (pointing,) = opened("pixmo_points_eval", {"images": "pictures"})[0].annotations
    assert isinstance(pointing, Pointing)
    (mask,) = pointing.masks
    assert (mask.height, mask.width) == (48, 64) and sum(mask.counts[1::2]) == 32 * 32
    assert mask.counts[0] == 8 * 64 + 16


def test_clocks_show_the_time_of_their_row_on_a_face_that_stays() -> None:
    source = opened("pixmo_clocks", {})
    assert source.dropped == {"not of this form, or not usable": 1}
    faces = [picture_bytes(example.image) for example in source if example.image]
    assert faces[0] != faces[1] and faces[0] == picture_bytes(opened("pixmo_clocks", {})[0].image)  # type: ignore[arg-type]


def test_ai2d_draws_boxes_and_holds_out_a_validation_split(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, opaque, transparent = list(opened("ai2d", {"split": "test"}))
    assert plain.image and plain.image.path and opaque.image and transparent.image
    assert opaque.image.data and opaque.image.data != transparent.image.data
    monkeypatch.setattr(ai2d_release, "VALIDATION_IMAGES", 0)
    train = opened("ai2d", {"split": "train"})
    assert len(train) == 3 and {example.split for example in train} == {"train"}


def test_chart_qa_says_who_wrote_each_question() -> None:
    human, synthetic = opened("chart_qa", {})
    assert human.facts["human_or_machine"] == 0
    assert "text-only-llm" not in human.provenance.made["question_answer"]
    assert "text-only-llm" in synthetic.provenance.made["question_answer"]


def test_direct_answers_of_a_okvqa_keep_their_votes() -> None:
    (question,) = opened("a_okvqa", {"form": "direct_answer"})[0].annotations
    assert isinstance(question, QuestionAnswer) and question.answers == ("stopping", "stopping", "traffic")


# ----------------------------------------------------------------------------------- rows and columns


def test_types_of_columns_say_what_they_expect() -> None:
    columns = {"a": many(fields(b=TEXT)), "c": maybe(FLAG)}
    check_row({"a": [{"b": "x"}], "c": None, "more": 1}, columns, file="f", number=0)
    with pytest.raises(DataError, match=r"column a\[1\].b holds 3 \(int\), expected a text"):
        check_row({"a": [{"b": "x"}, {"b": 3}], "c": True}, columns, file="f", number=0)
    with pytest.raises(DataError, match=r"column c holds 1 \(int\), expected true or false"):
        check_row({"a": [], "c": 1}, columns, file="f", number=0)


def test_rows_of_several_files_and_row_groups_keep_their_order(tmp_path: Path) -> None:
    for part in range(3):
        table = pa.table({"n": np.arange(10) + 10 * part, "t": [f"{part}"] * 10})
        pq.write_table(table, tmp_path / f"train-{part:05d}-of-00003.parquet", row_group_size=3)
    rows = open_rows(tmp_path, "train")
    assert [rows[i]["n"] for i in range(30)] == rows.column("n") == list(range(30))
    (tmp_path / "train-00002-of-00003.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(DataError, match="is no Parquet file"):
        open_rows(tmp_path, "train")


def test_text_files_that_do_not_parse_say_so(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"a": 1}\n{"a":')
    with pytest.raises(DataError, match="is no JSONL"):
        open_rows(tmp_path, "train")
    (tmp_path / "train.jsonl").write_text('{"a": 1}\n3\n')
    with pytest.raises(DataError, match="'3' is no object"):
        open_rows(tmp_path, "train")
