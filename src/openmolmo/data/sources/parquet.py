"""A data set folder made by ``openmolmo synth`` or by :func:`openmolmo.records.shards.write_dataset`.

``SOURCE(path="data/scenes", limit=50_000)``; ``limit`` uses the first so many examples only.
"""

from __future__ import annotations

from pathlib import Path

from openmolmo.core.errors import ConfigError
from openmolmo.data.sources.base import Source
from openmolmo.records.example import Example
from openmolmo.records.shards import ParquetDataset

__all__ = ["SOURCE", "ParquetSource"]


class ParquetSource:
    """The examples of a data set folder, or its first ``limit``; named like the folder."""

    def __init__(self, path: Path, limit: int | None = None) -> None:
        if limit is not None and limit < 1:
            raise ConfigError(f"limit={limit} must be at least 1")
        self._dataset = ParquetDataset(path)
        self._length = min(len(self._dataset), limit or len(self._dataset))
        self.name = path.resolve().name

    @property
    def fingerprint(self) -> str:
        """Depends on every byte of the shards and on how many examples are used."""
        return f"{self._dataset.fingerprint[:16]}-{self._length}"

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Example:
        if not 0 <= index < self._length:
            raise IndexError(f"index {index} is outside 0..{self._length - 1}")
        return self._dataset[index]


def SOURCE(*, path: str, limit: int | None = None) -> Source:
    """Open a data set folder. Raises DataError if it is missing, damaged or no data set."""
    return ParquetSource(Path(path), limit)
