"""Tables: addresses in .txt, .csv, .jsonl and Parquet files, and Parquet files that hold pictures.

A Parquet column ``image`` is the Hugging Face struct of bytes and path, or bytes. The column of topics and the one
of words that came with a picture are named by the user.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from openmolmo.core.errors import DataError
from openmolmo.engine.download.tables import Columns, read_rows
from openmolmo.engine.studio.importing.found import Found, Refused
from openmolmo.engine.studio.importing.sources.addresses import Address

__all__ = ["PICTURE_COLUMNS", "addresses_in", "holds_pictures", "parquet_pictures"]

PICTURE_COLUMNS = ("image", "picture", "img")
_BATCH = 32


def addresses_in(table: Path, *, topic: str | None, alt: str | None) -> list[Address]:
    """The addresses of a table; a column that is not there is a :class:`DataError` with those that are."""
    labels = tuple(dict.fromkeys(name for name in (topic, alt) if name is not None))
    found = []
    for row in read_rows(table, Columns(labels=labels)):
        said = dict(row.labels)
        found.append(
            Address(
                url=row.url,
                sha256=row.sha256,
                topic=said.get(topic, "") if topic else "",
                alt=said.get(alt, "") if alt else "",
            )
        )
    if not found:
        raise DataError("has no address", file=str(table), fix="write one address a line")
    return found


def holds_pictures(table: Path) -> str | None:
    """The column of pictures of a Parquet file, if it has one."""
    try:
        schema = pq.read_schema(table)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"cannot be read: {error}", file=str(table), rule="Parquet") from error
    for name in PICTURE_COLUMNS:
        if name in schema.names and _is_picture(schema.field(name).type):
            return name
    return None


def parquet_pictures(table: Path, *, topic: str | None, alt: str | None) -> Iterator[Found | Refused]:
    """The pictures inside a Parquet file, by row."""
    column = holds_pictures(table)
    assert column is not None
    wanted = list(dict.fromkeys(name for name in (column, topic, alt) if name is not None))
    with pq.ParquetFile(table) as file:
        for name in wanted:
            if name not in file.schema_arrow.names:
                names = ", ".join(file.schema_arrow.names)
                raise DataError(f"there is no column {name!r}", file=str(table), field=name, fix=f"it has {names}")
        number = 0
        for batch in file.iter_batches(_BATCH, columns=wanted):
            for row in batch.to_pylist():
                yield _row(row, column, f"{table.name} row {number}", topic, alt)
                number += 1


def _row(row: dict[str, object], column: str, where: str, topic: str | None, alt: str | None) -> Found | Refused:
    value = row[column]
    data, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, None)
    if not isinstance(data, bytes):
        return Refused(name=where, reason="has no bytes", what=str(path or ""))
    said = {name: str(row[name]) if name and row[name] is not None else "" for name in (topic, alt)}
    return Found(name=str(path or where), data=data, topic=said[topic], alt=said[alt])


def _is_picture(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(field.name == "bytes" for field in kind)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
