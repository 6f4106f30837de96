"""Which kind of data set a path is."""

from __future__ import annotations

from pathlib import Path

from openmolmo.core.errors import DataError
from openmolmo.records.dataset import ParquetDataset
from openmolmo.records.jsonl import JsonlDataset
from openmolmo.records.manifest import MANIFEST, Manifest

__all__ = ["open_dataset"]


def open_dataset(path: str | Path, *, check_shards: bool = True) -> ParquetDataset | JsonlDataset:
    """A folder with a manifest, a folder with one JSONL file, or a JSONL file.

    ``check_shards=False`` leaves missing and truncated shards to the first read of them.
    """
    path = Path(path)
    if path.name == MANIFEST:
        path = path.parent
    if not path.exists():
        raise DataError(f"{path} does not exist", fix="name a data set folder or a JSONL file")
    if path.is_file() and path.suffix == ".parquet":
        raise DataError(f"{path} is one shard of a data set", fix=f"name its folder: {path.parent}")
    if path.is_file():
        return JsonlDataset(path)
    if (path / MANIFEST).exists():
        return ParquetDataset(path, check_shards=check_shards)
    if any(path.glob("*.jsonl")):
        return JsonlDataset(path)
    if any(path.glob("*.parquet")):
        Manifest.load(path)  # says what is missing
    raise DataError(
        f"{path} holds no data set: neither manifest.json nor a JSONL file",
        fix="make one with `openmolmo synth`, or write a JSONL file (see docs/how-to/bring-your-own-data.md)",
    )
