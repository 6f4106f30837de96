"""A data set folder made by ``openmolmo synth`` or by :func:`openmolmo.records.shards.write_dataset`.

``SOURCE(path="data/scenes", split="train", limit=50_000)``; ``limit`` uses the first so many examples only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from openmolmo.core.errors import ConfigError
from openmolmo.data.sources.base import Source
from openmolmo.records.example import Example
from openmolmo.records.shards import ParquetDataset

__all__ = ["SOURCE", "ParquetSource"]


class ParquetSource:
    """The examples of a data set folder (those of one ``split``, if given), or their first ``limit``.

    Named like the folder.
    """

    def __init__(self, path: Path, limit: int | None = None, split: str | None = None) -> None:
        if limit is not None and limit < 1:
            raise ConfigError(f"limit={limit} must be at least 1")
        self._dataset = ParquetDataset(path)
        self._split = split
        rows: Sequence[int] = range(len(self._dataset))
        if split is not None:
            rows = [i for i, example in enumerate(self._dataset.without_images()) if example.split == split]
        self._rows = rows[:limit]
        self.name = path.resolve().name

    @property
    def fingerprint(self) -> str:
        """Depends on every byte of the shards and on how many examples are used."""
        return f"{self._dataset.fingerprint[:16]}-{len(self)}" + (f"-{self._split}" if self._split else "")

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Example:
        if not 0 <= index < len(self._rows):
            raise IndexError(f"index {index} is outside 0..{len(self._rows) - 1}")
        return self._dataset[self._rows[index]]

    def without_pictures(self) -> Iterator[Example]:
        """Every example, with ``image=None``."""
        used = set(self._rows)
        return (example for index, example in enumerate(self._dataset.without_images()) if index in used)

    def picture_hashes(self) -> Iterator[str]:
        """SHA-256 of each example's picture, as the shards have it; no picture is read."""
        every = [value for name in self._shards() for value in pq.read_table(name, columns=["sha256"])["sha256"]]
        return (str(every[row]) for row in self._rows if every[row].is_valid)

    def _shards(self) -> list[Path]:
        return [self._dataset.path / shard.name for shard in self._dataset.manifest.shards]

    def locate(self, index: int) -> tuple[Path, int]:
        """The file of an example, and its row (from 0).

        As ``openmolmo data check`` numbers them.
        """
        return self._dataset.locate(self._rows[index])


def SOURCE(*, path: str, limit: int | None = None, split: str | None = None) -> Source:
    """Open a data set folder, or its examples of one split. Raises DataError if it is missing, damaged or no data
    set."""
    return ParquetSource(Path(path), limit, split)
