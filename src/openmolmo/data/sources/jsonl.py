"""A user's own data: a JSONL file and pictures beside it.

``SOURCE(path="mine/rows.jsonl")``, or the folder that holds one such file; the form of its rows
stands in :mod:`openmolmo.records.jsonl`.
"""

from __future__ import annotations

from pathlib import Path

from openmolmo.data.sources.base import Source
from openmolmo.records.example import Example
from openmolmo.records.jsonl import JsonlDataset

__all__ = ["SOURCE", "JsonlSource"]


class JsonlSource:
    """The rows of a JSONL file as examples; named like the file's folder."""

    def __init__(self, path: Path) -> None:
        self._dataset = JsonlDataset(path)
        self.name = self._dataset.folder.resolve().name

    @property
    def fingerprint(self) -> str:
        """Depends on every byte of the rows; not on the pictures."""
        return self._dataset.fingerprint[:16]

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Example:
        if not 0 <= index < len(self._dataset):
            raise IndexError(f"index {index} is outside 0..{len(self._dataset) - 1}")
        return self._dataset[index]


def SOURCE(*, path: str) -> Source:
    """Open a JSONL file. Raises DataError if it is missing."""
    return JsonlSource(Path(path))
