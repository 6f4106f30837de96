"""What a data set looks like to the loader: a length, examples by index, a fingerprint."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from openmolmo.core.registry import Registry
from openmolmo.records.example import Example

__all__ = ["SOURCES", "Located", "Source", "SourceFactory"]


class Source(Protocol):
    """Examples by index. The same index always gives the same example.

    ``fingerprint`` is a short text that changes when the examples change; it is kept in every
    checkpoint, so that a resumed run can tell that its data are no longer the same.
    """

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Example: ...


@runtime_checkable
class Located(Protocol):
    """A source whose examples stand in files that a user can open."""

    def locate(self, index: int) -> tuple[Path, int]:
        """The file of an example, and its line (from 1) in a JSONL file, its row (from 0) in a Parquet shard."""
        ...


class SourceFactory(Protocol):
    """What a plug-in registers: options in, an opened source out."""

    def __call__(self, **options: Any) -> Source: ...


SOURCES: Registry[SourceFactory] = Registry("dataset")
"""Data sets by name; entry points of the group ``openmolmo.datasets``."""
