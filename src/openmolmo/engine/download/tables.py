"""Rows with URLs, read piece by piece from parquet, jsonl, csv or txt files, and taken into the database."""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from openmolmo.core.errors import DataError
from openmolmo.core.files import sha256_bytes
from openmolmo.engine.download.database import StatusDatabase, host_of

__all__ = ["Columns", "Row", "add_set", "find_tables", "read_rows"]

ENDINGS = (".parquet", ".jsonl", ".csv", ".txt")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_BATCH = 5000
_URL_NAMES = ("image_url", "url")
_HASH_NAMES = ("image_sha256", "sha256")


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Names of columns; None for URL and hash: ``image_url`` or ``url``, ``image_sha256`` or ``sha256`` if there.

    ``labels`` are those whose distribution the report compares before and after the loss.
    """

    url: str | None = None
    sha256: str | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: its URL, the hash its file must have, and its labels by column."""

    url: str
    sha256: str | None
    labels: tuple[tuple[str, str], ...] = ()


def find_tables(path: Path) -> list[Path]:
    """The file itself, or every table below a folder, in order; none is a :class:`DataError`."""
    if path.is_file():
        if path.suffix not in ENDINGS:
            raise DataError(f"{path} is no table", fix=f"its name must end in one of {', '.join(ENDINGS)}")
        return [path]
    found = sorted(file for file in path.rglob("*") if file.suffix in ENDINGS[:3]) if path.is_dir() else []
    if not found:
        what = "holds no parquet, jsonl or csv file" if path.is_dir() else "does not exist"
        raise DataError(f"{path} {what}", fix="name a table with URLs, or a folder of them")
    return found


def read_rows(path: Path, columns: Columns) -> Iterator[Row]:
    """Rows of one table; rows without a URL are left out.

    A column that is missing, or a hash that is none, is a :class:`DataError` with file, row and field.
    """
    with _read_errors(path):
        yield from _READERS[path.suffix](path, columns)


def add_set(database: StatusDatabase, name: str, tables: list[Path], columns: Columns) -> int:
    """Take the rows of a set into the database, unless the same files are there already; returns its rows.

    All or nothing: a run that is killed meanwhile leaves the database as it was.
    """
    stamp = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in tables]
    source = sha256_bytes(repr((stamp, columns)).encode())
    known = database.db.execute("SELECT id, source FROM sets WHERE name = ?", (name,)).fetchone()
    if known is None or known[1] != source:
        database.db.execute("BEGIN IMMEDIATE")
        try:
            _replace_set(database, name, source, (row for file in tables for row in read_rows(file, columns)))
        except BaseException:
            database.db.execute("ROLLBACK")
            raise
        database.db.execute("COMMIT")
    rows = database.db.execute(
        "SELECT SUM(rows) FROM uses JOIN sets ON id = set_id WHERE name = ?", (name,)
    ).fetchone()[0]
    return int(rows or 0)


def _replace_set(database: StatusDatabase, name: str, source: str, rows: Iterable[Row]) -> None:
    db = database.db
    db.execute(
        "INSERT INTO sets (name, source) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET source = excluded.source",
        (name, source),
    )
    number = db.execute("SELECT id FROM sets WHERE name = ?", (name,)).fetchone()[0]
    db.execute("DELETE FROM uses WHERE set_id = ?", (number,))
    db.execute("DELETE FROM label_uses WHERE set_id = ?", (number,))
    rows = iter(rows)
    while batch := list(itertools.islice(rows, _BATCH)):
        db.executemany(
            "INSERT INTO urls (url, host, expected) VALUES (?, ?, ?)"
            " ON CONFLICT (url) DO UPDATE SET expected = COALESCE(expected, excluded.expected)",
            [(row.url, host_of(row.url), row.sha256) for row in batch],
        )
        db.executemany(
            "INSERT INTO uses SELECT ?, id, 1 FROM urls WHERE url = ?"
            " ON CONFLICT (set_id, url_id) DO UPDATE SET rows = rows + 1",
            [(number, row.url) for row in batch],
        )
        labels = [(label, row.url) for row in batch for label in row.labels]
        db.executemany("INSERT OR IGNORE INTO labels (name, value) VALUES (?, ?)", [label for label, _ in labels])
        db.executemany(
            "INSERT INTO label_uses SELECT ?, labels.id, urls.id, 1 FROM labels, urls"
            " WHERE name = ? AND value = ? AND url = ?"
            " ON CONFLICT (set_id, label_id, url_id) DO UPDATE SET rows = rows + 1",
            [(number, *label, url) for label, url in labels],
        )
    # A hash that has become known may show that what was fetched before is another picture.
    db.execute(
        "UPDATE urls SET state = 'hash-differs', detail = 'sha256 ' || sha256 || ', on record ' || expected"
        " WHERE state = 'ok' AND expected IS NOT NULL AND sha256 <> expected"
    )


def _parquet(path: Path, columns: Columns) -> Iterator[Row]:
    with pq.ParquetFile(path) as file:
        found = _resolve(columns, file.schema_arrow.names, path)
        wanted = [name for name in (found.url, found.sha256, *found.labels) if name is not None]
        start = 0
        for batch in file.iter_batches(_BATCH, columns=wanted):
            yield from _rows(batch.to_pylist(), found, path, start)
            start += batch.num_rows


def _jsonl(path: Path, columns: Columns) -> Iterator[Row]:
    found: Columns | None = None
    with path.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                values = json.loads(line)
            except ValueError as error:
                raise DataError(f"the line is not JSON: {error}", file=str(path), row=number, rule="JSON") from error
            if not isinstance(values, dict):
                raise DataError("the line is no object", file=str(path), row=number, rule="type")
            if found is None:
                found = _resolve(columns, list(values), path)
            yield from _rows([values], found, path, number)


def _csv(path: Path, columns: Columns) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        found = _resolve(columns, list(reader.fieldnames or ()), path)
        for number, values in enumerate(reader, start=1):
            yield from _rows([values], found, path, number)


def _txt(path: Path, columns: Columns) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as stream:
        yield from (Row(url=line.strip(), sha256=None) for line in stream if line.strip())


_READERS = {".parquet": _parquet, ".jsonl": _jsonl, ".csv": _csv, ".txt": _txt}


def _resolve(columns: Columns, names: list[str], path: Path) -> Columns:
    """The columns by the names they have in this file."""
    for name in (columns.url, columns.sha256, *columns.labels):
        if name is not None and name not in names:
            raise DataError(
                f"there is no column {name!r}", file=str(path), field=name, fix=f"it has {', '.join(names)}"
            )
    url = columns.url or next((name for name in _URL_NAMES if name in names), None)
    if url is None:
        raise DataError(
            "there is no column of URLs", file=str(path), fix=f"say --url-column; it has {', '.join(names)}"
        )
    sha256 = columns.sha256 or next((name for name in _HASH_NAMES if name in names), None)
    return replace(columns, url=url, sha256=sha256)


def _rows(values: list[dict[str, Any]], found: Columns, path: Path, start: int) -> Iterator[Row]:
    assert found.url is not None
    for number, row in enumerate(values, start=start):
        url, digest = row.get(found.url), row.get(found.sha256) if found.sha256 else None
        if not url:
            continue
        if not isinstance(url, str):
            raise DataError(f"{url!r} is no URL", file=str(path), row=number, field=found.url, rule="type")
        if digest and not _SHA256.fullmatch(str(digest)):
            raise DataError(
                f"{str(digest)[:80]!r} is no SHA-256",
                file=str(path),
                row=number,
                field=found.sha256,
                rule="64 hex digits",
            )
        labels = tuple((name, str(row[name])) for name in found.labels if row.get(name) is not None)
        yield Row(url=url.strip(), sha256=str(digest).lower() if digest else None, labels=labels)


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot be read: {error}", file=str(path), rule="form") from error
