"""A source of requests in parts, without reading the requests: what a worker needs to find its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.files import sha256_bytes
from openmolmo.core.progress import say
from openmolmo.pictures import pictures_in

__all__ = ["Part", "Source", "cut", "find_source"]

Kind = Literal["lines", "table", "pictures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some requests of a source: ``first`` is the place of its first one among all.

    Of a file of lines from ``start`` (in bytes), ``line`` being the number of the first line; of a table from row
    ``start``; of pictures ``paths``. ``count``: lines, blank ones included, rows or pictures.
    """

    kind: Kind
    number: int
    first: int
    count: int
    path: str = ""
    start: int = 0
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where requests come from: a file of lines, Parquet files, or a folder of pictures."""

    kind: Kind
    path: Path
    files: tuple[Path, ...] = ()

    @property
    def mark(self) -> str:
        """What tells it from what was there before under the same name: names, sizes and times of its files."""
        listed = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in self.files]
        return sha256_bytes(repr(listed).encode())[:16]


def find_source(path: Path) -> Source:
    """What a path is; DataError where it holds nothing that can be asked about."""
    if path.is_file():
        return Source(kind="table" if path.suffix == ".parquet" else "lines", path=path, files=(path,))
    tables = tuple(sorted(path.glob("**/*.parquet")))
    if tables:
        return Source(kind="table", path=path, files=tables)
    inside = pictures_in(path)
    if not inside.paths:
        more = f" ({inside.said()})" if inside.said() else ""
        raise DataError(f"there is no picture and no .parquet file{more}", file=str(path), fix="give another folder")
    if inside.said():
        say(f"note: {path}: passed over {inside.said()}")
    return Source(kind="pictures", path=path, files=tuple(inside.paths))


def cut(source: Source, rows: int) -> Iterator[Part]:
    """Parts of ``rows`` requests at most, in order; the same of the same source."""
    if rows < 1:
        raise ConfigError(f"rows_per_shard={rows} must be at least 1")
    cutting = {"lines": _cut_lines, "table": _cut_tables, "pictures": _cut_pictures}[source.kind]
    return cutting(source, rows)


def _cut_lines(source: Source, rows: int) -> Iterator[Part]:
    start, first, number = 0, 0, 0
    with source.path.open("rb") as stream:
        while lines := list(islice(stream, rows)):
            yield Part(kind="lines", number=number, first=first, count=len(lines), path=str(source.path), start=start)
            start, first, number = start + sum(map(len, lines)), first + len(lines), number + 1


def _cut_tables(source: Source, rows: int) -> Iterator[Part]:
    from pyarrow.parquet import ParquetFile

    first = number = 0
    for path in source.files:
        with ParquetFile(path) as table:
            total = table.metadata.num_rows
        for start in range(0, total, rows):
            count = min(rows, total - start)
            yield Part(kind="table", number=number, first=first, count=count, path=str(path), start=start)
            first, number = first + count, number + 1


def _cut_pictures(source: Source, rows: int) -> Iterator[Part]:
    for number, start in enumerate(range(0, len(source.files), rows)):
        paths = tuple(str(path) for path in source.files[start : start + rows])
        yield Part(kind="pictures", number=number, first=start, count=len(paths), path=str(source.path), paths=paths)
