"""Reading a data set folder: ``len``, ``[i]`` and iteration over its examples."""

from __future__ import annotations

import bisect
import itertools
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from openmolmo.core.errors import DataError
from openmolmo.core.files import sha256_file
from openmolmo.records.codec import row_to_example
from openmolmo.records.example import Example
from openmolmo.records.manifest import SCHEMA, Manifest, ShardInfo, known_schema

__all__ = ["ParquetDataset"]

K = TypeVar("K")
V = TypeVar("V")

_OPEN_FILES = 16


class ParquetDataset:
    """Random access to the examples of a data set folder (``manifest.json`` and its shards).

    Opening checks that every shard exists with its size on record; reading checks rows and page
    checksums; :meth:`verify` checks the SHA-256 of every shard as well. Faults are
    :class:`DataError`. Safe in forked and spawned worker processes and in threads.

    ``cached_groups``: how many row groups (64 rows each) stay in memory. ``check_shards=False``
    leaves missing and truncated shards to the first read of them.
    """

    def __init__(self, path: str | Path, *, cached_groups: int = 8, check_shards: bool = True) -> None:
        self.path = Path(path)
        self.manifest = Manifest.load(self.path)
        self.cached_groups, self.check_shards = cached_groups, check_shards
        self._ends = list(itertools.accumulate(shard.rows for shard in self.manifest.shards))
        for shard in self.manifest.shards if check_shards else ():
            self._check_size(shard)
        self._forget()

    @property
    def fingerprint(self) -> str:
        """SHA-256 that depends on every byte of the shards."""
        return self.manifest.fingerprint

    def __len__(self) -> int:
        return self.manifest.rows

    def __getitem__(self, index: int) -> Example:
        length = len(self)
        if not -length <= index < length:
            raise IndexError(f"index {index} of a data set of {length} examples")
        index %= length
        number = bisect.bisect_right(self._ends, index)
        row = index - (self._ends[number - 1] if number else 0)
        shard = self.manifest.shards[number]
        try:
            return row_to_example(self._row(number, row))
        except DataError as error:
            raise _located(error, self.path / shard.name, row) from error

    def __iter__(self) -> Iterator[Example]:
        return (self[index] for index in range(len(self)))

    def without_images(self, unread: Callable[[DataError], None] | None = None) -> Iterator[Example]:
        """Every example without its pictures: quick, because they are not read.

        What cannot be read is raised, or given to ``unread`` and passed over.
        """
        columns = [name for name in SCHEMA.names if not name.startswith("image") and name != "more_images"]
        for number in range(len(self.manifest.shards)):
            try:
                file = self._open(number)
                groups = range(file.metadata.num_row_groups)
            except DataError as error:
                _refused(error, unread)
                continue
            first = 0
            for group in groups:
                try:
                    values = self._read(number, file, group, columns).to_pylist()
                except DataError as error:
                    _refused(error, unread)
                    first += file.metadata.row_group(group).num_rows
                    continue
                for row, one in enumerate(values, start=first):
                    try:
                        yield row_to_example(one)
                    except DataError as error:
                        _refused(_located(error, self.path / self.manifest.shards[number].name, row), unread)
                first += len(values)

    def locate(self, index: int) -> tuple[Path, int]:
        """The shard file and the row in it of an index."""
        number = bisect.bisect_right(self._ends, index)
        return self.path / self.manifest.shards[number].name, index - (self._ends[number - 1] if number else 0)

    def verify(self) -> None:
        """Check the SHA-256 of every shard; the first that differs from the manifest is an error."""
        for shard in self.manifest.shards:
            self.verify_shard(shard)

    def verify_shard(self, shard: ShardInfo) -> None:
        """Check one shard's existence, size, hash and number of rows."""
        self._check_size(shard)
        digest = sha256_file(self.path / shard.name)
        if digest != shard.sha256:
            raise self._fault(shard, f"has sha256 {digest}, the manifest says {shard.sha256}", "hash")
        self._open(self.manifest.shards.index(shard))

    def _check_size(self, shard: ShardInfo) -> None:
        path = self.path / shard.name
        if not path.is_file():
            raise self._fault(shard, "is missing", "every shard of the manifest exists")
        size = path.stat().st_size
        if size != shard.bytes:
            what = "is truncated: it" if size < shard.bytes else ""
            raise self._fault(shard, f"{what} has {size} bytes, the manifest says {shard.bytes}".strip(), "size")

    def _fault(self, shard: ShardInfo, message: str, rule: str) -> DataError:
        return DataError(
            f"shard {shard.name} {message}",
            file=str(self.path / shard.name),
            rule=rule,
            fix="copy the shard again, or delete it and run the command that made the data set: whole shards are kept",
        )

    def _open(self, number: int) -> pq.ParquetFile:
        shard = self.manifest.shards[number]
        try:
            file = pq.ParquetFile(self.path / shard.name, page_checksum_verification=True, pre_buffer=False)
        except (pa.ArrowException, OSError) as error:
            raise self._fault(shard, f"cannot be read: {error}", "Parquet") from error
        if file.metadata.num_rows != shard.rows:
            raise self._fault(shard, f"has {file.metadata.num_rows} rows, the manifest says {shard.rows}", "rows")
        if not known_schema(file.schema_arrow):
            raise self._fault(shard, f"has other columns than {', '.join(SCHEMA.names)}", "schema")
        return file

    def _row(self, number: int, row: int) -> dict[str, Any]:
        with self._lock:
            if self._pid != os.getpid():  # a forked child must not share its parent's open files
                self._forget()
            file = _recent(self._files, number, _OPEN_FILES, lambda: self._open(number))
            group, first = 0, 0
            while row >= first + (rows := file.metadata.row_group(group).num_rows):
                group, first = group + 1, first + rows
            table = _recent(self._groups, (number, group), self.cached_groups, lambda: self._read(number, file, group))
        return dict(table.slice(row - first, 1).to_pylist()[0])

    def _read(self, number: int, file: pq.ParquetFile, group: int, columns: list[str] | None = None) -> pa.Table:
        try:
            return file.read_row_group(group, columns, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise self._fault(
                self.manifest.shards[number], f"is damaged in row group {group}: {error}", "checksum"
            ) from error

    def _forget(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._files: OrderedDict[int, pq.ParquetFile] = OrderedDict()
        self._groups: OrderedDict[tuple[int, int], pa.Table] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "cached_groups": self.cached_groups, "check_shards": self.check_shards}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


def _recent(cache: OrderedDict[K, V], key: K, limit: int, make: Callable[[], V]) -> V:
    """The cached value of ``key``, made when absent; the least recently used goes first."""
    if key not in cache:
        cache[key] = make()
        if len(cache) > limit:
            cache.popitem(last=False)
    cache.move_to_end(key)
    return cache[key]


def _refused(error: DataError, unread: Callable[[DataError], None] | None) -> None:
    if unread is None:
        raise error
    unread(error)


def _located(error: DataError, path: Path, row: int) -> DataError:
    if error.file is not None:
        return error
    return DataError(error.reason, file=str(path), row=row, field=error.field, rule=error.rule, fix=error.fix)
