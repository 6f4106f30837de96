"""Our records: Parquet shards with the pictures inside, and the recordings with their cards beside them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from openmolmo.engine.studio.exporting.examples import StudioExample
from openmolmo.engine.studio.exporting.staging import Stage
from openmolmo.records.example import Example
from openmolmo.records.manifest import MANIFEST, Manifest
from openmolmo.records.shards import ShardWriter

__all__ = ["write_records"]

_ROWS = 512


def write_records(stage: Stage, examples: Iterable[StudioExample], made_by: dict[str, object]) -> None:
    """Shards by split, ``train-00000.parquet``, and the manifest; the same work gives the same bytes."""
    by_split: dict[str, list[Example]] = {}
    for one in examples:
        by_split.setdefault(one.example.split, []).append(one.example)
    shards = []
    for split in sorted(by_split):
        for number, rows in enumerate(_batches(by_split[split])):
            with ShardWriter(stage.place(f"{split}-{number:05d}.parquet")) as writer:
                for row in rows:
                    writer.add(row)
            shards.append(writer.info)
    Manifest(shards=tuple(shards), made_by=made_by).save(stage.place(MANIFEST).parent)


def _batches(rows: list[Example]) -> Iterator[list[Example]]:
    stream = iter(rows)
    while batch := list(itertools.islice(stream, _ROWS)):
        yield batch
