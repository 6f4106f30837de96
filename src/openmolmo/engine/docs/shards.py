"""The data set's files, written from the ledger in the order of the pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from openmolmo.core.config import to_dict
from openmolmo.engine.docs.ledger import Ledger
from openmolmo.engine.docs.plan import DocsPlan
from openmolmo.records.codec import row_to_example
from openmolmo.records.example import Example
from openmolmo.records.manifest import MANIFEST, Manifest
from openmolmo.records.shards import ShardWriter

__all__ = ["write_shards"]


def write_shards(plan: DocsPlan, out: Path, ledger: Ledger, chosen: Mapping[int, str]) -> Manifest:
    """Parquet shards and their manifest; each file is whole or absent, and the manifest comes last.

    A shard holds the pictures of ``rows_per_shard`` indexes, so one that fails moves no other.
    """
    (out / MANIFEST).unlink(missing_ok=True)
    shards = []
    names = set()
    for first in range(0, plan.count, plan.rows_per_shard):
        indexes = [index for index in range(first, min(first + plan.rows_per_shard, plan.count)) if index in chosen]
        if not indexes:
            continue
        path = out / f"{plan.split}-{first // plan.rows_per_shard:05d}.parquet"
        with ShardWriter(path, metadata={"generator": "docs", "first": first}) as writer:
            for index in indexes:
                writer.add(_example(ledger, chosen[index]))
        shards.append(writer.info)
        names.add(path.name)
    for old in out.glob("*.parquet"):
        if old.name not in names:
            old.unlink()  # of a longer run before
    manifest = Manifest(shards=tuple(shards), made_by={"generator": "docs", **to_dict(plan)})
    manifest.save(out)
    return manifest


def _example(ledger: Ledger, where: str) -> Example:
    row = ledger.get(where)
    assert row is not None and row.picture is not None
    values = dict(row.output["example"])
    values["image"] = {**values["image"], "bytes": row.picture}
    return row_to_example(values)
