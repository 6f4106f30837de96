"""Tables of addresses: parquet, jsonl, csv and txt give the same rows, and odd ones are named by file, row, field."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmolmo.core.errors import DataError
from openmolmo.engine.download.database import StatusDatabase
from openmolmo.engine.download.tables import Columns, Row, add_set, find_tables, read_rows

DIGEST = "AB" * 32
Rows = list[dict[str, Any]]


def as_parquet(path: Path, rows: Rows) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path.with_suffix(".parquet"))
    return path.with_suffix(".parquet")


def as_jsonl(path: Path, rows: Rows) -> Path:
    path.with_suffix(".jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path.with_suffix(".jsonl")


def as_csv(path: Path, rows: Rows) -> Path:
    with path.with_suffix(".csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path.with_suffix(".csv")


WRITERS = {"parquet": as_parquet, "jsonl": as_jsonl, "csv": as_csv}
every_form = pytest.mark.parametrize("write", list(WRITERS.values()), ids=list(WRITERS))
Write = Callable[[Path, Rows], Path]


@every_form
def test_every_form_of_table_gives_the_same_rows(tmp_path: Path, write: Write) -> None:
    rows = [
        {"n": "1", "image_url": " http://h/a.jpg ", "sha256": DIGEST, "kind": "cat"},
        {"n": "2", "image_url": "", "sha256": None, "kind": "dog"},
        {"n": "3", "image_url": "http://h/b.jpg", "sha256": None, "kind": "dog"},
    ]
    assert list(read_rows(write(tmp_path / "t", rows), Columns(labels=("kind",)))) == [
        Row(url="http://h/a.jpg", sha256=DIGEST.lower(), labels=(("kind", "cat"),)),
        Row(url="http://h/b.jpg", sha256=None, labels=(("kind", "dog"),)),
    ]


@every_form
def test_a_hash_is_found_by_its_name_also_where_the_column_of_addresses_is_named(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path / "t", [{"link": "http://h/a", "image_sha256": DIGEST}])
    (row,) = read_rows(path, Columns(url="link"))
    assert row.sha256 == DIGEST.lower()


@every_form
def test_of_two_columns_of_addresses_that_of_pictures_is_taken(tmp_path: Path, write: Write) -> None:
    (row,) = read_rows(write(tmp_path / "t", [{"url": "http://h/page", "image_url": "http://h/a"}]), Columns())
    assert row.url == "http://h/a"


@every_form
@pytest.mark.parametrize("columns", [Columns(url="adress"), Columns(sha256="adress"), Columns(labels=("adress",))])
def test_a_column_that_is_not_there_is_named_with_those_that_are(
    tmp_path: Path, write: Write, columns: Columns
) -> None:
    path = write(tmp_path / "t", [{"url": "http://h/a", "kind": "cat"}])
    with pytest.raises(DataError, match="there is no column 'adress'") as caught:
        list(read_rows(path, columns))
    assert caught.value.file == str(path) and caught.value.field == "adress"
    assert caught.value.fix == "it has url, kind"


@every_form
def test_a_table_without_addresses_says_what_to_do(tmp_path: Path, write: Write) -> None:
    with pytest.raises(DataError, match="no column of URLs") as caught:
        list(read_rows(write(tmp_path / "t", [{"link": "http://h/a"}]), Columns()))
    assert "--url-column" in (caught.value.fix or "")


@every_form
@pytest.mark.parametrize("digest", ["ab" * 31, "xy" * 32, "sha256:" + "ab" * 32])
def test_what_is_no_hash_is_refused_with_its_row(tmp_path: Path, write: Write, digest: str) -> None:
    path = write(tmp_path / "t", [{"url": "http://h/a", "sha256": DIGEST}, {"url": "http://h/b", "sha256": digest}])
    with pytest.raises(DataError, match="is no SHA-256") as caught:
        list(read_rows(path, Columns()))
    assert caught.value.field == "sha256" and caught.value.row == (1 if path.suffix == ".parquet" else 2)


def test_numbers_for_addresses_are_refused_and_labels_of_any_type_taken(tmp_path: Path) -> None:
    path = as_jsonl(tmp_path / "t", [{"url": "http://h/a", "kind": 3}, {"url": 7, "kind": None}])
    rows = read_rows(path, Columns(labels=("kind",)))
    assert next(rows).labels == (("kind", "3"),)
    with pytest.raises(DataError, match="7 is no URL") as caught:
        next(rows)
    assert (caught.value.row, caught.value.field) == (2, "url")


def test_text_files_have_an_address_a_line(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("\ufeffhttp://h/a \r\n\n  http://h/b", encoding="utf-8")
    assert [row.url for row in read_rows(tmp_path / "t.txt", Columns())] == ["http://h/a", "http://h/b"]


@pytest.mark.parametrize("text", ["{", "\udcff", '{"url": "http://h/a"} more', "[1]", "3"])
def test_lines_that_are_no_objects_are_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"url": "http://h/0"}\n\n' + text.encode("utf-8", "surrogateescape") + b"\n")
    with pytest.raises(DataError) as caught:
        list(read_rows(path, Columns()))
    assert caught.value.file == str(path)
    assert caught.value.row == (None if "\udcff" in text else 3)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_files_that_are_damaged_are_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t.{suffix}"
    path.write_bytes(b"url\n" + b"\xff\xfe\xfa" * 20)
    with pytest.raises(DataError, match="cannot be read") as caught:
        list(read_rows(path, Columns()))
    assert caught.value.file == str(path)


def test_cells_with_commas_quotes_and_line_breaks_stay_whole(tmp_path: Path) -> None:
    rows = [{"url": 'http://h/a,"b"\n.jpg', "kind": "a, b\r\nc"}]
    (row,) = read_rows(as_csv(tmp_path / "t", rows), Columns(labels=("kind",)))
    assert (row.url, row.labels) == (rows[0]["url"], (("kind", rows[0]["kind"]),))


def test_tables_of_a_folder_are_found_in_order(tmp_path: Path) -> None:
    for name in ("b.csv", "a/c.jsonl", "a/z.parquet", "notes.txt", "readme.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find_tables(tmp_path)]
    assert found == ["a/c.jsonl", "a/z.parquet", "b.csv"]
    assert find_tables(tmp_path / "notes.txt") == [tmp_path / "notes.txt"]
    for path, said in (("readme.md", "is no table"), ("absent", "does not exist")):
        with pytest.raises(DataError, match=said):
            find_tables(tmp_path / path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no parquet, jsonl or csv"):
        find_tables(tmp_path / "empty")


# ----------------------------------------------------------------------------------- into the database


def urls(database: StatusDatabase) -> dict[str, str | None]:
    return dict(database.db.execute("SELECT url, expected FROM urls"))


def test_rows_are_counted_and_the_same_files_are_not_read_again(tmp_path: Path) -> None:
    table = as_csv(tmp_path / "t", [{"url": f"http://h/{n % 3}", "kind": "x"} for n in range(10)])
    with StatusDatabase(tmp_path / "out") as database:
        assert add_set(database, "s", [table], Columns(labels=("kind",))) == 10
        assert add_set(database, "s", [table], Columns(labels=("kind",))) == 10
        assert len(urls(database)) == 3
        assert database.db.execute("SELECT SUM(rows) FROM label_uses").fetchone() == (10,)


def test_a_set_that_has_changed_replaces_its_uses_and_keeps_what_is_known(tmp_path: Path) -> None:
    with StatusDatabase(tmp_path / "out") as database:
        add_set(database, "s", [as_csv(tmp_path / "t", [{"url": "http://h/a"}, {"url": "http://h/b"}])], Columns())
        add_set(database, "other", [as_csv(tmp_path / "o", [{"url": "http://h/a"}])], Columns())
        new = as_csv(tmp_path / "t", [{"url": "http://h/c", "sha256": DIGEST}])
        assert add_set(database, "s", [new], Columns()) == 1
        assert urls(database) == {"http://h/a": None, "http://h/b": None, "http://h/c": DIGEST.lower()}
        assert database.plan([], tries=1, name="s") == 1 and database.plan([], tries=1, name="other") == 1


def test_a_broken_row_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    with StatusDatabase(tmp_path / "out") as database:
        add_set(database, "s", [as_csv(tmp_path / "t", [{"url": "http://h/a"}])], Columns())
        broken = as_csv(tmp_path / "t", [{"url": "http://h/b", "sha256": ""}, {"url": "http://h/c", "sha256": "no"}])
        with pytest.raises(DataError, match="'no' is no SHA-256"):
            add_set(database, "s", [broken], Columns())
        assert list(urls(database)) == ["http://h/a"] and database.plan([], tries=1, name="s") == 1


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz")), min_size=1, max_size=30))
@settings(max_examples=25)
def test_what_the_database_counts_is_what_the_table_has(tmp_path_factory: Any, pairs: list[tuple[str, str]]) -> None:
    folder = tmp_path_factory.mktemp("counts")
    table = as_parquet(folder / "t", [{"url": f"http://h/{a}", "kind": b} for a, b in pairs])
    with StatusDatabase(folder / "out") as database:
        assert add_set(database, "s", [table], Columns(labels=("kind",))) == len(pairs)
        found = database.db.execute(
            "SELECT url, value, rows FROM label_uses JOIN labels ON labels.id = label_id JOIN urls ON urls.id = url_id"
        )
        assert {(u[-1], value): rows for u, value, rows in found} == {pair: pairs.count(pair) for pair in pairs}
