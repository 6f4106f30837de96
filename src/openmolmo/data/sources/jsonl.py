"""A user's own data: a JSONL file and pictures beside it.

``SOURCE(path="mine/rows.jsonl")``, or the folder that holds one such file; the form of its rows
stands in :mod:`openmolmo.records.jsonl`. With ``split="train"`` only rows of that split are used.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from openmolmo.data.sources.base import Source
from openmolmo.records.example import Example
from openmolmo.records.jsonl import JsonlDataset

__all__ = ["SOURCE", "JsonlSource"]


class JsonlSource:
    """The rows of a JSONL file as examples (those of one ``split``, if given); named like the file's folder."""

    def __init__(self, path: Path, split: str | None = None) -> None:
        self._dataset = JsonlDataset(path)
        self._split = split
        every = range(len(self._dataset))
        self._rows = every if split is None else [i for i in every if self._dataset[i].split == split]
        self.name = self._dataset.folder.resolve().name

    @property
    def fingerprint(self) -> str:
        """Depends on every byte of the rows; not on the pictures."""
        return self._dataset.fingerprint[:16] + (f"-{self._split}" if self._split else "")

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Example:
        if not 0 <= index < len(self._rows):
            raise IndexError(f"index {index} is outside 0..{len(self._rows) - 1}")
        return self._dataset[self._rows[index]]

    def without_pictures(self) -> Iterator[Example]:
        """Every example; no picture is read."""
        return (self[index] for index in range(len(self)))

    def locate(self, index: int) -> tuple[Path, int]:
        """The file of an example, and its line (from 1).

        As ``openmolmo data check`` numbers them.
        """
        return self._dataset.locate(self._rows[index])


def SOURCE(*, path: str, split: str | None = None) -> Source:
    """Open a JSONL file, or its rows of one split. Raises DataError if it is missing."""
    return JsonlSource(Path(path), split)
