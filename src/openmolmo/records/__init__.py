"""What an example is, its files, its validation and the provenance audit.

    example.py    Example: a picture, its annotations, where they came from     (start here)
    codec.py      an example as a flat row or as JSON, and back
    masks.py      run-length masks
    manifest.py   the columns, and the manifest that vouches for the shards
    shards.py     writing:   write_dataset(folder, examples)
    dataset.py    reading:   ParquetDataset(folder)[12]
    jsonl.py      a user's own rows and pictures:   JsonlDataset("my/rows.jsonl")[0]
    folder.py     open_dataset(path): whichever of the two it is
    rules.py      what must hold inside one example; check.py looks through a whole data set
    stats.py      how much there is of what; quality.py leaves out what spoils it, by named rules
    imports/      Label Studio, COCO, CVAT and CSV files of points as examples
    audit.py      how every annotation was made; refuses vision-language models
    show.py       an HTML page to look at

Percent, 0-100, is the unit of every point. Nothing here imports torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openmolmo.records.dataset import ParquetDataset
    from openmolmo.records.example import Example, ImageRef, Made, Mask, Point, Provenance
    from openmolmo.records.folder import open_dataset
    from openmolmo.records.jsonl import JsonlDataset
    from openmolmo.records.manifest import Manifest
    from openmolmo.records.shards import write_dataset, write_shard

# Loaded on first use: whoever needs a Point should not pay for Parquet.
_HOMES = {
    "Example": "example",
    "ImageRef": "example",
    "JsonlDataset": "jsonl",
    "Made": "example",
    "Manifest": "manifest",
    "Mask": "example",
    "ParquetDataset": "dataset",
    "Point": "example",
    "Provenance": "example",
    "open_dataset": "folder",
    "write_dataset": "shards",
    "write_shard": "shards",
}

__all__ = [
    "Example",
    "ImageRef",
    "JsonlDataset",
    "Made",
    "Manifest",
    "Mask",
    "ParquetDataset",
    "Point",
    "Provenance",
    "open_dataset",
    "write_dataset",
    "write_shard",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
