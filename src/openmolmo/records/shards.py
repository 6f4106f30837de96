"""A data set on disk: Parquet shards with embedded images, and a manifest that vouches for them.

    DIR/manifest.json            schema version, and rows, bytes and sha256 of every shard
    DIR/train-00000.parquet      rows in groups of 64, zstd, images in the Hugging Face struct

A shard is whole or absent (written beside its place, then renamed). Reading is random access by
row group; pages carry checksums, so damage inside a file is an error and never a wrong picture.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from openmolmo.core.errors import DataError
from openmolmo.core.files import atomic_dir, atomic_file, sha256_bytes, sha256_file
from openmolmo.records.codec import example_to_row
from openmolmo.records.dataset import ParquetDataset
from openmolmo.records.example import Example, ImageRef
from openmolmo.records.manifest import ROWS_PER_GROUP, SCHEMA, SCHEMA_VERSION, Manifest, ShardInfo

__all__ = [
    "Manifest",
    "ParquetDataset",
    "ShardInfo",
    "ShardWriter",
    "embed_images",
    "read_metadata",
    "shard_info",
    "write_dataset",
    "write_shard",
]


class ShardWriter:
    """Writes one shard; the file takes its name only when the ``with`` block ends without an error.

    ``metadata`` (JSON values) goes into the file's footer under the key ``openmolmo``; read it
    back with :func:`read_metadata`.
    """

    info: ShardInfo
    """Known after the block has ended."""

    def __init__(self, path: Path, *, metadata: Mapping[str, Any] | None = None) -> None:
        self.path, self.rows = path, 0
        self._metadata = {"schema_version": SCHEMA_VERSION, **(metadata or {})}
        self._pending: list[dict[str, Any]] = []
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> ShardWriter:
        with contextlib.ExitStack() as stack:
            self._temporary = stack.enter_context(atomic_file(self.path))
            # A Python stream keeps the operating system's own error (disk full) intact.
            self._stream: io.BufferedWriter = stack.enter_context(self._temporary.open("wb"))
            self._parquet = pq.ParquetWriter(
                self._stream,
                SCHEMA.with_metadata({**SCHEMA.metadata, "openmolmo": json.dumps(self._metadata)}),
                compression="zstd",
                use_dictionary=["split", "provenance"],
                write_statistics=False,
                write_page_checksum=True,
            )
            stack.callback(_put_down, self._parquet)
            self._stack = stack.pop_all()
        return self

    def add(self, example: Example) -> None:
        """Append one example; its pictures are embedded where they are local files."""
        self._pending.append(example_to_row(embed_images(example)))
        self.rows += 1
        if len(self._pending) == ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            self._parquet.write_table(pa.Table.from_pylist(self._pending, schema=self._parquet.schema))
            self._pending = []

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if value is not None:
                raise value
            self._flush()
            self._parquet.close()
            self._stream.close()
            self.info = dataclasses.replace(shard_info(self._temporary, rows=self.rows), name=self.path.name)


def _put_down(writer: pq.ParquetWriter) -> None:
    """Close a writer whose shard was not finished, while its stream is still open.

    Ctrl-C may come at any moment, in the middle of closing too; the writer's destructor would then
    complain about a closed stream, long after the error that matters.
    """
    if writer.is_open:
        with contextlib.suppress(OSError, ValueError, pa.ArrowException):
            writer.close()
        writer.is_open = False


def write_shard(path: Path, examples: Iterable[Example], *, metadata: Mapping[str, Any] | None = None) -> ShardInfo:
    """Write one Parquet shard atomically; nothing is left behind if an example cannot be made or written."""
    with ShardWriter(path, metadata=metadata) as writer:
        for example in examples:
            writer.add(example)
    return writer.info


def write_dataset(
    folder: Path,
    examples: Iterable[Example],
    *,
    rows_per_shard: int = 1024,
    prefix: str = "data",
    made_by: Mapping[str, Any] | None = None,
) -> Manifest:
    """Write a whole data set folder atomically (an existing one is replaced) and return its manifest."""
    with atomic_dir(folder) as temporary:
        shards: list[ShardInfo] = []
        stream = iter(examples)
        for first in stream:
            with ShardWriter(temporary / f"{prefix}-{len(shards):05d}.parquet") as writer:
                writer.add(first)
                while writer.rows < rows_per_shard and (example := next(stream, None)) is not None:
                    writer.add(example)
            shards.append(writer.info)
        manifest = Manifest(shards=tuple(shards), made_by=dict(made_by or {}))
        manifest.save(temporary)
    return manifest


def embed_images(example: Example) -> Example:
    """The example with its pictures' bytes, read from ``path`` where they are not there yet.

    A file that is missing, or whose SHA-256 differs from the one on record, is a :class:`DataError`.
    """
    if all(image.data is not None or image.path is None for image in example.images):
        return example
    return example.replace(images=[_embedded(image, example) for image in example.images])


def _embedded(image: ImageRef, example: Example) -> ImageRef:
    if image.data is not None or image.path is None:
        return image
    path = Path(image.path)
    if not path.is_file():
        raise DataError(f"the image of {example.id!r} does not exist", file=str(path), field="image", rule="exists")
    data = path.read_bytes()
    digest = sha256_bytes(data)
    if image.sha256 not in (None, digest):
        raise DataError(
            f"the image of {example.id!r} has sha256 {digest}, the record says {image.sha256}",
            file=str(path),
            field="image.sha256",
            rule="hash",
        )
    return dataclasses.replace(image, data=data, path=path.name, sha256=digest)


def shard_info(path: Path, *, rows: int | None = None) -> ShardInfo:
    """Name, rows (from the footer unless given), size and hash of a shard that lies on disk."""
    count = pq.read_metadata(path).num_rows if rows is None else rows
    return ShardInfo(name=path.name, rows=count, bytes=path.stat().st_size, sha256=sha256_file(path))


def read_metadata(path: Path) -> dict[str, Any] | None:
    """The ``metadata`` a shard was written with; {} if it is not one of ours, None if it cannot be read."""
    try:
        stored = pq.read_metadata(path).metadata or {}
        values = json.loads(stored.get(b"openmolmo", b"{}"))
    except (pa.ArrowException, OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None
