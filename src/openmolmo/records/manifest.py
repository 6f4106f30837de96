"""The columns of a shard, and the manifest that vouches for every shard of a data set."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from openmolmo.core.config import from_dict, to_dict
from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.files import sha256_bytes, write_json

__all__ = ["MANIFEST", "ROWS_PER_GROUP", "SCHEMA", "SCHEMA_VERSION", "Manifest", "ShardInfo", "known_schema"]

MANIFEST = "manifest.json"
SCHEMA_VERSION = 2
READ_VERSIONS = (1, 2)
"""Version 1 has no ``more_images``."""
ROWS_PER_GROUP = 64

_TEXTS = ("annotations", "provenance", "facts")
_IMAGE_FEATURES = {
    "image": {"_type": "Image"},
    "image_url": {"dtype": "string", "_type": "Value"},
    "width": {"dtype": "int32", "_type": "Value"},
    "height": {"dtype": "int32", "_type": "Value"},
    "sha256": {"dtype": "string", "_type": "Value"},
}
_FEATURES = {
    "id": {"dtype": "string", "_type": "Value"},
    **_IMAGE_FEATURES,
    **{name: {"dtype": "string", "_type": "Value"} for name in _TEXTS},
    "split": {"dtype": "string", "_type": "Value"},
    "more_images": [_IMAGE_FEATURES],
}
_IMAGE_FIELDS = (
    pa.field("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
    pa.field("image_url", pa.string()),
    pa.field("width", pa.int32()),
    pa.field("height", pa.int32()),
    pa.field("sha256", pa.string()),
)

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        *_IMAGE_FIELDS,
        *(pa.field(name, pa.string(), nullable=False) for name in _TEXTS),
        pa.field("split", pa.string(), nullable=False),
        pa.field("more_images", pa.list_(pa.struct(_IMAGE_FIELDS))),
    ],
    # The key under which the Hugging Face datasets library keeps its column types.
    metadata={"huggingface": json.dumps({"info": {"features": _FEATURES}})},
)


_SCHEMA_1 = SCHEMA.remove(SCHEMA.get_field_index("more_images"))


def known_schema(schema: pa.Schema) -> bool:
    """Whether a shard has the columns of any version that is read here."""
    return bool(schema.equals(SCHEMA) or schema.equals(_SCHEMA_1))


@dataclass(frozen=True, kw_only=True)
class ShardInfo:
    """One shard as the manifest knows it: file name, rows, size in bytes, SHA-256 of the file."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a data set folder holds; ``made_by`` says how (generator, version, seed, ...)."""

    shards: tuple[ShardInfo, ...]
    schema_version: int = SCHEMA_VERSION
    rows: int = -1
    made_by: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        total = sum(shard.rows for shard in self.shards)
        if self.rows == -1:
            object.__setattr__(self, "rows", total)
        elif self.rows != total:
            raise ConfigError(f"rows is {self.rows}, the shards have {total} together")

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the shards' hashes in order: the same data, the same fingerprint."""
        return sha256_bytes("\n".join(shard.sha256 for shard in self.shards).encode())

    def save(self, folder: Path) -> None:
        """Write ``manifest.json`` atomically; it vouches for the shards, so it is written last."""
        write_json(folder / MANIFEST, to_dict(self))

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Read and check ``manifest.json``; a missing or foreign one is a :class:`DataError`."""
        path = folder / MANIFEST
        if not path.is_file():
            raise DataError(
                f"{folder} {'holds no manifest.json' if folder.is_dir() else 'is not a data set folder'}",
                file=str(path),
                rule="a data set has a manifest",
                fix="if it was being made, run the same command again to finish it",
            )
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"the manifest is not JSON: {error}", file=str(path), rule="JSON") from error
        version = values.get("schema_version") if isinstance(values, dict) else None
        if version not in READ_VERSIONS:
            raise DataError(
                f"schema version {version!r}, this program reads {' and '.join(map(str, READ_VERSIONS))}",
                file=str(path),
                field="schema_version",
                fix="make the data again, or use the version of openmolmo that made it",
            )
        try:
            manifest = from_dict(cls, values)
        except ConfigError as error:
            raise DataError(f"the manifest is damaged: {error.message}", file=str(path), rule="manifest") from error
        assert isinstance(manifest, Manifest)
        return manifest
