"""Rows of a published set in a local folder: Parquet, JSONL, JSON and CSV files in the hub's layout.

    rows = open_rows(Path("copies/chart_qa"), "val")
    len(rows), rows[3], rows.column("query")

Files of a split are those with its name in their path (``data/train-00000-of-00003.parquet``,
``default/train/0000.parquet``, ``train.jsonl``). Nothing is held in memory but what was asked for.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from openmolmo.core.errors import DataError
from openmolmo.core.files import sha256_bytes
from openmolmo.data.sources.columns import missing_columns

__all__ = ["JoinedRows", "ListedRows", "MemoryRows", "Rows", "find_files", "open_rows"]

SUFFIXES = (".parquet", ".jsonl", ".json", ".csv")
CACHED_GROUPS = 4
"""Row groups of a Parquet file that are kept: pictures make them large (100 rows of 1 MB each)."""


class Rows(Protocol):
    """Rows by index, single columns, and something that changes when they change."""

    name: str

    @property
    def fingerprint(self) -> str: ...

    @property
    def columns(self) -> list[str]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> dict[str, Any]: ...

    def column(self, name: str) -> list[Any]: ...

    def present(self, name: str) -> list[bool]: ...


class ParquetRows:
    """One Parquet file, read by row groups."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, str(path)
        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"is no Parquet file: {error}", file=str(path), rule="readable") from error
        meta = self._file.metadata
        self._starts = [0, *accumulate(meta.row_group(g).num_rows for g in range(meta.num_row_groups))]
        self._groups: OrderedDict[int, pa.Table] = OrderedDict()
        self._pid = os.getpid()

    @property
    def fingerprint(self) -> str:
        status = self.path.stat()
        return f"{self.path.name}:{status.st_size}:{self._starts[-1]}:{self._file.metadata.serialized_size}"

    @property
    def columns(self) -> list[str]:
        return list(self._file.schema_arrow.names)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, index: int) -> dict[str, Any]:
        group = bisect_right(self._starts, index) - 1
        table = self._group(group)
        return dict(table.slice(index - self._starts[group], 1).to_pylist()[0])

    def column(self, name: str) -> list[Any]:
        return list(self._column(name, name).to_pylist())

    def present(self, name: str) -> list[bool]:
        kind = self._file.schema_arrow.field(name).type if name in self.columns else None
        nested = kind is not None and pa.types.is_struct(kind) and kind.get_field_index("path") >= 0
        read = self._column(name, f"{name}.path" if nested else name)  # not the pictures themselves
        return list(read.is_valid().to_pylist())

    def _column(self, name: str, leaf: str) -> pa.ChunkedArray:
        """The column, or of a struct one ``leaf``. Later files of a set may lack it: DataError."""
        if name not in self.columns:
            raise missing_columns([name], self.columns, file=self.name)
        try:
            return self._file.read(columns=[leaf]).column(0)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"is damaged in column {name}: {error}", file=self.name, rule="readable") from error

    def _group(self, group: int) -> pa.Table:
        if self._pid != os.getpid():  # a forked worker must not share the file's position
            self._file, self._pid = pq.ParquetFile(self.path), os.getpid()
            self._groups.clear()
        if group not in self._groups:
            try:
                self._groups[group] = self._file.read_row_group(group, use_threads=False)
            except (pa.ArrowException, OSError) as error:
                raise DataError(f"is damaged in row group {group}: {error}", file=self.name, rule="readable") from error
            if len(self._groups) > CACHED_GROUPS:
                self._groups.popitem(last=False)
        self._groups.move_to_end(group)
        return self._groups[group]

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["path"])  # type: ignore[misc]


class ListedRows:
    """Rows of a text file (JSONL, JSON or CSV), all in memory: such sets hold no pictures."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, str(path)
        content = path.read_bytes()
        self.fingerprint = f"{path.name}:{sha256_bytes(content)[:16]}"
        try:
            self._rows = _parse(content.decode("utf-8-sig"), path.suffix)
        except _BadLine as error:
            raise DataError(
                f"line {error.number} is no JSON, so the file is no JSONL: {error}",
                file=self.name,
                row=error.number,
                rule="readable",
            ) from error
        except (ValueError, RecursionError, csv.Error) as error:
            raise DataError(f"is no {path.suffix[1:].upper()}: {error}", file=self.name, rule="readable") from error
        for number, row in enumerate(self._rows):
            if not isinstance(row, dict):
                raise DataError(f"{str(row)[:60]!r} is no object", file=self.name, row=number, rule="one object a row")

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys(key for row in self._rows[:100] for key in row))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return dict(self._rows[index])

    def column(self, name: str) -> list[Any]:
        return [row.get(name) for row in self._rows]

    def present(self, name: str) -> list[bool]:
        return [row.get(name) is not None for row in self._rows]


class MemoryRows:
    """Rows that were put together in memory."""

    def __init__(self, rows: list[dict[str, Any]], name: str, fingerprint: str) -> None:
        self._rows, self.name, self._fingerprint = rows, name, fingerprint

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def columns(self) -> list[str]:
        return list(self._rows[0]) if self._rows else []

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return dict(self._rows[index])

    def column(self, name: str) -> list[Any]:
        return [row[name] for row in self._rows]

    def present(self, name: str) -> list[bool]:
        return [row[name] is not None for row in self._rows]


class JoinedRows:
    """Several files one after the other."""

    def __init__(self, parts: Sequence[Rows], name: str) -> None:
        self.name = name
        self._parts = list(parts)
        self._starts = [0, *accumulate(len(part) for part in parts)]

    @property
    def fingerprint(self) -> str:
        return sha256_bytes("|".join(part.fingerprint for part in self._parts).encode())[:16]

    @property
    def columns(self) -> list[str]:
        return self._parts[0].columns

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: int) -> dict[str, Any]:
        part = bisect_right(self._starts, index) - 1
        return self._parts[part][index - self._starts[part]]

    def column(self, name: str) -> list[Any]:
        return [value for part in self._parts for value in part.column(name)]

    def present(self, name: str) -> list[bool]:
        return [value for part in self._parts for value in part.present(name)]


def open_rows(folder: Path, split: str, *, only_split: bool = False) -> Rows:
    """The rows of a split under ``folder`` (or of ``folder`` itself when it is a file).

    ``only_split`` says that the set has this split alone: then files need not name it. Raises
    DataError when there are none.
    """
    files = find_files(folder, split, only_split=only_split)
    parts: list[Rows] = [ParquetRows(file) if file.suffix == ".parquet" else ListedRows(file) for file in files]
    return parts[0] if len(parts) == 1 else JoinedRows(parts, str(folder))


def find_files(folder: Path, split: str, *, only_split: bool = False) -> list[Path]:
    """The files of a split, sorted; of several formats the first in the order of ``SUFFIXES``."""
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise DataError(f"{folder} does not exist", file=str(folder), fix="name the folder of the local copy")
    every = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    named = re.compile(rf"(^|[/_.-]){re.escape(split)}([/_.-]|$)")
    wanted = [path for path in every if named.search(path.relative_to(folder).as_posix())]
    if not wanted and only_split:
        wanted = [path for path in every if path.name not in ("dataset_infos.json", "dataset_info.json", "state.json")]
    for suffix in SUFFIXES:
        chosen = [path for path in wanted if path.suffix == suffix]
        if chosen:
            return chosen
    raise DataError(
        f"{folder} has no file of the split {split!r} among its {len(every)} data files",
        file=str(folder),
        rule="files of the split",
        fix=f"files are found by the split's name, e.g. {split}-00000-of-00001.parquet or {split}.jsonl",
    )


def _parse(text: str, suffix: str) -> list[Any]:
    if suffix == ".jsonl":
        return [_parse_line(line, number) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if suffix == ".csv":
        return [{key: _cell(value) for key, value in row.items()} for row in csv.DictReader(io.StringIO(text))]
    return list(_json_rows(json.loads(text)))


class _BadLine(Exception):
    """A line of a JSONL file that is no JSON, and its number (from 1)."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(why)
        self.number = number


def _parse_line(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _BadLine(number, str(error)) from error


def _cell(text: Any) -> Any:
    """A cell of a CSV file: a number or a list where it reads as one, otherwise its text."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def _json_rows(values: Any) -> Iterator[Any]:
    """A list of rows, rows under ``data`` or ``qa_pairs``, or rows by their id (which becomes a column)."""
    if isinstance(values, dict):
        for key in ("data", "qa_pairs"):
            if isinstance(values.get(key), list):
                yield from values[key]
                return
        for name, row in values.items():
            yield {"id": name, **row} if isinstance(row, dict) else row
        return
    if not isinstance(values, list):
        raise ValueError("it holds neither a list nor an object")
    yield from values
