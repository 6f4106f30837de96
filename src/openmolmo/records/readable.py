"""Every example of a data set that can be read; what cannot is named and passed over.

``data check`` says everything that is wrong; the other commands do their work on the rest and say how much it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from openmolmo.core.errors import DataError
from openmolmo.records.dataset import ParquetDataset
from openmolmo.records.example import Example
from openmolmo.records.jsonl import JsonlDataset

__all__ = ["Unread", "readable"]

_FEW = 3


@dataclass
class Unread:
    """Rows, and whole shards, that could not be read: one sentence each, with its place."""

    cases: list[str] = field(default_factory=list)

    def add(self, error: DataError) -> None:
        """One more."""
        self.cases.append(error.message)

    def told(self) -> str:
        """A line for the user; empty if everything was read."""
        if not self.cases:
            return ""
        more = f"; and {len(self.cases) - _FEW} more" if len(self.cases) > _FEW else ""
        return (
            f"{len(self.cases)} rows or shards cannot be read and are passed over ({'; '.join(self.cases[:_FEW])}"
            f"{more}); `openmolmo data check` lists them"
        )


def readable(dataset: ParquetDataset | JsonlDataset, unread: Unread, *, images: bool = True) -> Iterator[Example]:
    """The examples in order; ``images=False`` leaves the pictures of shards unread, which is quicker."""
    if not images and isinstance(dataset, ParquetDataset):
        yield from dataset.without_images(unread.add)
        return
    bad = set()
    for index in range(len(dataset)):
        file, _ = dataset.locate(index)
        if file in bad:
            continue
        try:
            example = dataset[index]
        except DataError as error:
            if error.row is None:  # the shard, not the row
                bad.add(file)
            unread.add(error)
            continue
        yield example
