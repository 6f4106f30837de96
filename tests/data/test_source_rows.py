"""Files of rows and the types of their columns: every form gives the same rows, faults name file, row and field."""

from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmolmo.core.errors import DataError
from openmolmo.data.sources.answers import asked, chosen
from openmolmo.data.sources.columns import (
    ANY,
    FLAG,
    NUMBER,
    PICTURE,
    TEXT,
    WHOLE,
    Kind,
    check_row,
    fields,
    many,
    maybe,
)
from openmolmo.data.sources.images import open_images
from openmolmo.data.sources.percent import percent_points, pixels_to_percent
from openmolmo.data.sources.reading import Reading, picture_of
from openmolmo.data.sources.rows import CACHED_GROUPS, ParquetRows, find_files, open_rows

ROWS: list[dict[str, Any]] = [{"n": n, "text": f"row {n}", "list": [n, n + 1]} for n in range(7)]


def write_parquet(path: Path, rows: list[dict[str, Any]], group: int = 2) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=group)


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("\n\n".join(json.dumps(row) for row in rows), encoding="utf-8-sig")


def write_json(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps({"data": rows}), encoding="utf-8")


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


WRITERS: dict[str, Callable[[Path, list[dict[str, Any]]], None]] = {
    "parquet": write_parquet,
    "jsonl": write_jsonl,
    "json": write_json,
    "csv": write_csv,
}


@pytest.mark.parametrize("form", list(WRITERS))
def test_every_form_of_file_gives_the_same_rows(tmp_path: Path, form: str) -> None:
    WRITERS[form](tmp_path / f"train.{form}", ROWS)
    rows = open_rows(tmp_path, "train")
    assert [rows[n] for n in range(len(rows))] == ROWS
    assert rows.columns == ["n", "text", "list"] and rows.name == str(tmp_path / f"train.{form}")
    assert rows.column("list") == [row["list"] for row in ROWS]
    assert rows.present("text") == [True] * 7
    rows[0]["text"] = "changed by the caller"
    assert rows[0] == ROWS[0]


@pytest.mark.parametrize("form", list(WRITERS))
def test_the_fingerprint_follows_the_rows(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"train.{form}"
    WRITERS[form](path, ROWS)
    before = open_rows(path, "train").fingerprint
    assert open_rows(path, "train").fingerprint == before
    WRITERS[form](path, [*ROWS, ROWS[0]])
    assert open_rows(path, "train").fingerprint != before


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
        ('{"qa_pairs": [{"a": 1}]}', [{"a": 1}]),
        ('{"x1": {"a": 1}, "x2": {"a": 2, "id": "own"}}', [{"id": "x1", "a": 1}, {"id": "own", "a": 2}]),
        ("[]", []),
    ],
)
def test_json_files_are_lists_or_objects_by_id(tmp_path: Path, text: str, rows: list[dict[str, Any]]) -> None:
    (tmp_path / "train.json").write_text(text)
    found = open_rows(tmp_path, "train")
    assert [found[n] for n in range(len(found))] == rows


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.json", "3", "neither a list nor an object"),
        ("t.json", '{"a": 1}', "'1' is no object"),
        ("t.json", "[" * 100_000, "is no JSON"),
        ("t.json", '[{"a": 1}', "is no JSON"),
        ("t.jsonl", "null\n", "'None' is no object"),
        ("t.csv", 'a\n"' + "x" * 200_000 + '"\n', "is no CSV"),
        ("t.parquet", "PAR1", "is no Parquet file"),
        ("t.parquet", "", "is no Parquet file"),
    ],
)
def test_files_that_are_not_what_they_are_called_are_named(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=said) as caught:
        open_rows(tmp_path / name, "train")
    assert caught.value.file == str(tmp_path / name)


def test_a_line_that_is_no_json_is_named_by_its_number(tmp_path: Path) -> None:
    """Of a million lines the parser's own "line 1" would help nobody."""
    (tmp_path / "t.jsonl").write_text('{"a": 1}\n\n{"a": 2}\n{"a": \n{"a": 3}\n')
    with pytest.raises(DataError, match="is no JSONL") as caught:
        open_rows(tmp_path / "t.jsonl", "train")
    assert (caught.value.file, caught.value.row) == (str(tmp_path / "t.jsonl"), 4)


def test_texts_that_are_no_utf8_are_named(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_bytes(b'{"a": "\xff"}\n')
    with pytest.raises(DataError, match="utf-8") as caught:
        open_rows(tmp_path / "t.jsonl", "train")
    assert caught.value.file == str(tmp_path / "t.jsonl")


# ------------------------------------------------------------------------------------------ parquet files


@given(st.integers(0, 40), st.integers(1, 9), st.data())
@settings(max_examples=30)
def test_rows_are_the_same_in_whatever_order_they_are_asked_for(
    tmp_path_factory: Any, count: int, group: int, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("groups") / "t.parquet"
    table = pa.table({"n": pa.array(range(count), pa.int64())})
    pq.write_table(table, path, row_group_size=group)
    rows = ParquetRows(path)
    assert len(rows) == count
    for index in data.draw(st.permutations(range(count))):
        assert rows[index] == {"n": index}
    assert len(rows._groups) <= CACHED_GROUPS


def test_rows_travel_to_a_worker(tmp_path: Path) -> None:
    write_parquet(tmp_path / "t.parquet", ROWS)
    rows = ParquetRows(tmp_path / "t.parquet")
    assert rows[5] == ROWS[5]
    there = pickle.loads(pickle.dumps(rows))
    assert there[5] == ROWS[5] and there.fingerprint == rows.fingerprint


def test_pictures_that_are_null_are_absent_and_not_read(tmp_path: Path) -> None:
    pictures = [{"bytes": b"x" * 1000, "path": "a.png"}, None, {"bytes": None, "path": "b.png"}]
    write_parquet(tmp_path / "t.parquet", [{"image": one} for one in pictures])
    assert ParquetRows(tmp_path / "t.parquet").present("image") == [True, False, True]


def damaged(path: Path, rows: int = 3000) -> ParquetRows:
    """A file whose end is whole, so that it opens, and whose pages are not."""
    write_parquet(path, [{"n": n, "text": f"{n * 7919 % 10007} words"} for n in range(rows)], group=1000)
    content = bytearray(path.read_bytes())
    content[4:400] = b"\x07" * 396
    path.write_bytes(content)
    return ParquetRows(path)


def test_damage_inside_a_file_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    rows = damaged(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="is damaged in row group 0") as caught:
        rows[1]
    assert caught.value.file == str(tmp_path / "t.parquet")
    assert rows[2500]["n"] == 2500
    for read in (rows.column, rows.present):
        with pytest.raises(DataError, match="is damaged") as caught:
            read("n")
        assert caught.value.file == str(tmp_path / "t.parquet")


def test_a_later_file_without_the_column_is_named(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train-0.parquet", [{"a": 1, "b": 2}])
    write_parquet(tmp_path / "train-1.parquet", [{"a": 1}])
    rows = open_rows(tmp_path, "train")
    assert rows.column("a") == [1, 1]
    for read in (rows.column, rows.present):
        with pytest.raises(DataError, match="column b is missing; the file has a") as caught:
            read("b")
        assert caught.value.file == str(tmp_path / "train-1.parquet")


# --------------------------------------------------------------------------------------- files of a split


def test_files_of_a_split_go_by_whole_words_of_their_path(tmp_path: Path) -> None:
    names = (
        "data/train-00000-of-00002.parquet",
        "data/train-00001-of-00002.parquet",
        "data/retrain.parquet",
        "data/training.parquet",
        "default/val/0000.parquet",
        "train.jsonl",
        "train.txt",
    )
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in find_files(tmp_path, "train")] == [Path(name).name for name in names[:2]]
    assert [path.name for path in find_files(tmp_path, "val")] == ["0000.parquet"]
    with pytest.raises(DataError, match="no file of the split 'test' among its 6 data files"):
        find_files(tmp_path, "test")
    assert len(find_files(tmp_path, "test", only_split=True)) == 5
    with pytest.raises(DataError, match="does not exist"):
        find_files(tmp_path / "absent", "train")


def test_the_hubs_own_descriptions_are_no_rows(tmp_path: Path) -> None:
    for name in ("dataset_infos.json", "state.json", "rows.json"):
        (tmp_path / name).touch()
    assert find_files(tmp_path, "test", only_split=True) == [tmp_path / "rows.json"]


# --------------------------------------------------------------------------------------- types of columns


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (TEXT, ["", "a"], [None, 1, b"a", ["a"]]),
        (FLAG, [True, False], [0, 1, "true", None]),
        (WHOLE, [0, -3, 4.0], [True, 4.5, float("nan"), float("inf"), "4", None]),
        (NUMBER, [0, 1.5, float("nan")], [True, "1", None]),
        (PICTURE, [b"x", "a.png", {"bytes": b"x"}, {"path": "a", "bytes": None}], [{}, {"bytes": None}, None, 3]),
        (ANY, ["a", 1, 1.5], [None, [], b"x"]),
        (many(WHOLE), [[], [1], (1, 2)], [None, "12", {1: 2}, 5]),
        (maybe(TEXT), [None, "a"], [1]),
        (maybe(many(TEXT)), [None, [], ["a"]], ["a", [1]]),
        (fields(x=NUMBER), [{"x": 1}, {"x": 1, "y": "more"}], [{}, {"y": 1}, {"x": "1"}, None, [1]]),
    ],
)
def test_what_fits_a_type_and_what_does_not(kind: Kind, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        check_row({"c": value}, {"c": kind}, file="f", number=0)
    for value in bad:
        with pytest.raises(DataError, match=r"^(f.*)?.*column c") as caught:
            check_row({"c": value}, {"c": kind}, file="f.parquet", number=7)
        assert (caught.value.file, caught.value.row) == ("f.parquet", 7)
        assert (caught.value.field or "").startswith("c")


@given(st.lists(st.booleans(), min_size=1, max_size=9))
def test_the_first_item_that_does_not_fit_is_named(fits: list[bool]) -> None:
    row = {"qas": [{"question": "q" if fine else 4} for fine in fits]}
    columns = {"qas": many(fields(question=TEXT))}
    if all(fits):
        check_row(row, columns, file="f", number=0)
        return
    with pytest.raises(DataError) as caught:
        check_row(row, columns, file="f", number=0)
    assert caught.value.field == f"qas[{fits.index(False)}].question"


def test_columns_may_be_more_and_optional_ones_absent() -> None:
    check_row({"a": "x", "other": object()}, {"a": TEXT, "b": maybe(WHOLE)}, file="f", number=0)
    with pytest.raises(DataError, match="column b is missing; the file has a"):
        check_row({"a": "x"}, {"a": TEXT, "b": WHOLE}, file="f", number=0)
    with pytest.raises(DataError, match="the file has no columns"):
        check_row({}, {"a": TEXT}, file="f", number=0)


def test_long_values_are_shown_by_their_beginning_and_bytes_by_their_length() -> None:
    for value, said in (("x" * 5000, r"'xxx.{52,54}\.\.\. \(str\)"), (b"x" * 5000, r"5000 bytes \(bytes\)")):
        with pytest.raises(DataError, match=said) as caught:
            check_row({"a": value}, {"a": WHOLE}, file="f", number=0)
        assert len(str(caught.value)) < 400


# ------------------------------------------------------------------------------ questions, points, pictures


def test_questions_without_words_or_answers_are_not_asked() -> None:
    (made,) = asked("  How many? ", [3, " ", "three "], "s")
    assert (made.question, made.answers, made.style) == ("How many?", ("3", "three"), "s")
    assert not list(asked(" ", ["a"], "s")) and not list(asked("q", [], "s")) and not list(asked("q", [" "], "s"))


@pytest.mark.parametrize(
    ("options", "right"), [([], 0), (["a"], 0), (["a", " "], 0), (["a", "b"], 2), (["a", "b"], -1)]
)
def test_choices_that_are_none_are_not_asked(options: list[str], right: int) -> None:
    assert list(chosen("q", options, right, "s")) == []
    (made,) = chosen(" q ", [1, " b "], 1, "s")
    assert (made.question, made.options, made.answer_index) == ("q", ("1", "b"), 1)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_percent_is_kept_moved_to_the_edge_or_refused(value: float) -> None:
    if -1 <= value <= 101:
        (point,) = percent_points([{"x": value, "y": 50}], "points")
        assert point.x == min(max(value, 0), 100) and point.y == 50
    else:
        with pytest.raises(DataError, match="expected percent") as caught:
            percent_points([{"x": value, "y": 50}], "points")
        assert caught.value.field == "points"


@given(st.integers(1, 4000), st.integers(1, 4000), st.floats(0, 1), st.floats(0, 1))
def test_pixels_become_shares_of_their_own_side(width: int, height: int, x: float, y: float) -> None:
    (point,) = pixels_to_percent([x * width], [y * height], (width, height), "p")
    assert point.x == pytest.approx(100 * x) and point.y == pytest.approx(100 * y)
    with pytest.raises(DataError, match=f"which has {width} across"):
        pixels_to_percent([width * 1.5], [0], (width, height), "p")
    with pytest.raises(ValueError, match="zip"):
        pixels_to_percent([1.0, 2.0], [1.0], (width, height), "p")


def test_cells_of_pictures_become_references(tmp_path: Path) -> None:
    assert picture_of(None, tmp_path) is None
    for cell in (b"x", {"bytes": b"x", "path": "a.png"}):
        found = picture_of(cell, tmp_path)
        assert found is not None and found.data == b"x" and found.path is None
    for cell in ("a.png", {"bytes": None, "path": "a.png"}):
        found = picture_of(cell, tmp_path)
        assert found is not None and found.path == str(tmp_path / "a.png")
    bare = picture_of("a.png", None)
    assert bare is not None and bare.path == "a.png"


def test_no_choice_of_form_asks_for_all() -> None:
    assert Reading(split="train").asks("counting")
    assert Reading(split="train", form="counting").asks("counting")
    assert not Reading(split="train", form="pointing").asks("counting")
    assert Reading(split="train").size() is None


@pytest.mark.parametrize("text", ["", "[]", '{"http://h/a": 3}', "\x00"])
def test_an_index_of_pictures_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(DataError) as caught:
        open_images(tmp_path)
    assert caught.value.file == str(tmp_path / "index.json")


def test_an_index_gives_only_files_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "index.json").write_text(json.dumps({"http://h/a": "a.png", "http://h/b": "b.png"}))
    finder = open_images(tmp_path)
    assert finder.path("http://h/a") == tmp_path / "a.png"
    assert finder.path("http://h/b") is None and finder.path("http://h/c") is None
