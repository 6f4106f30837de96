"""Which kind of source a user's word names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from openmolmo.core.errors import DataError
from openmolmo.engine.studio.importing.found import Found, Refused
from openmolmo.engine.studio.importing.sources.addresses import Address, Fetching, fetched_pictures
from openmolmo.engine.studio.importing.sources.datasets import dataset_pictures
from openmolmo.engine.studio.importing.sources.folders import folder_pictures
from openmolmo.engine.studio.importing.sources.remote import remote_pictures
from openmolmo.engine.studio.importing.sources.tables import addresses_in, holds_pictures, parquet_pictures
from openmolmo.records.manifest import MANIFEST

__all__ = ["Columns", "pictures_of"]


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Columns of a table (of a data set: facts) that say the topic, and the words that came with a picture."""

    topic: str | None = None
    alt: str | None = None
    fetching: Fetching = field(default_factory=Fetching)


def pictures_of(source: str, directory: Path, columns: Columns) -> Iterator[Found | Refused]:
    """The pictures of a folder, a table of addresses, a Parquet file, a data set, a store or one address."""
    if source.startswith(("http://", "https://")):
        return fetched_pictures([Address(url=source)], directory, columns.fetching)
    if "://" in source and not source.startswith("file://"):
        return remote_pictures(source, max_bytes=columns.fetching.max_bytes)
    path = Path(source.removeprefix("file://"))
    if path.is_dir():
        return _folder(path, directory, columns)
    if not path.is_file():
        raise DataError(
            f"{source} does not exist",
            fix="name a folder, a table of addresses (.txt, .csv, .jsonl, .parquet), a data set or an address",
        )
    if path.suffix == ".parquet" and holds_pictures(path) is not None:
        return parquet_pictures(path, topic=columns.topic, alt=columns.alt)
    if path.suffix == ".jsonl" and not _lists_addresses(path):
        return dataset_pictures(path, directory, topic=columns.topic, fetching=columns.fetching)
    if path.suffix in (".txt", ".csv", ".jsonl", ".parquet"):
        return fetched_pictures(addresses_in(path, topic=columns.topic, alt=columns.alt), directory, columns.fetching)
    raise DataError(f"{source} is no source of pictures", fix="name its folder, or a table of addresses")


def _folder(path: Path, directory: Path, columns: Columns) -> Iterator[Found | Refused]:
    """A data set if it has a manifest or one JSONL file, several Parquet files, otherwise pictures."""
    if (path / MANIFEST).exists() or any(path.glob("*.jsonl")):
        return dataset_pictures(path, directory, topic=columns.topic, fetching=columns.fetching)
    tables = sorted(path.glob("*.parquet"))
    if tables and all(holds_pictures(table) for table in tables):
        return (one for table in tables for one in parquet_pictures(table, topic=columns.topic, alt=columns.alt))
    return folder_pictures(path)


def _lists_addresses(path: Path) -> bool:
    """Whether the rows of a JSONL file are addresses alone: a row of a data set has an ``image`` or annotations."""
    with path.open(encoding="utf-8-sig") as stream:
        line = next((line for line in stream if line.strip()), "{}")
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"the line is not JSON: {error}", file=str(path), row=1, rule="JSON") from error
    said = {"image", "images", "annotations", "label", "caption", "question", "dialogue", "transcript"}
    return isinstance(row, dict) and bool({"url", "image_url"} & set(row)) and not said & set(row)
