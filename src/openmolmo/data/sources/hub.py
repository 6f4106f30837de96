"""Rows of a published set from the Hugging Face hub, through the ``datasets`` library.

Downloaded once into the library's cache and mapped into memory from there, or streamed. Pictures
stay the bytes they are: nothing is decoded here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openmolmo.core.errors import DataError
from openmolmo.core.optional import require

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["HubPlace", "HubRows", "stream_hub"]


@dataclass(frozen=True, kw_only=True)
class HubPlace:
    """Where a split stands on the hub: repository, its name for the split, configuration, revision."""

    repo: str
    split: str
    config: str | None = None
    revision: str | None = None

    @property
    def name(self) -> str:
        """For messages: ``repo [config] split``."""
        return " ".join(filter(None, (self.repo, self.config, self.split)))


class HubRows:
    """The rows of one split, mapped from the library's cache."""

    def __init__(self, place: HubPlace, cache: str | None = None) -> None:
        self.name = place.name
        self._place = place
        self._rows = _undecoded(_load(place, cache=cache, streaming=False))

    @property
    def fingerprint(self) -> str:
        parts = [self._place, len(self._rows), sorted(self._rows.features), self._rows.info.dataset_size]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    @property
    def columns(self) -> list[str]:
        return list(self._rows.column_names)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return dict(self._rows[index])

    def column(self, name: str) -> list[Any]:
        return list(self._rows.data.column(name).to_pylist())

    def present(self, name: str) -> list[bool]:
        return list(self._rows.data.column(name).is_valid().to_pylist())


def stream_hub(place: HubPlace, *, skip: int = 0) -> Iterator[dict[str, Any]]:
    """The rows of one split in order, fetched as they are used; ``skip`` leaves out the first ones."""
    rows = _undecoded(_load(place, cache=None, streaming=True))
    return iter(rows.skip(skip) if skip else rows)


def _load(place: HubPlace, *, cache: str | None, streaming: bool) -> Any:
    library = _library()
    try:
        return library.load_dataset(
            place.repo,
            place.config,
            split=place.split,
            revision=place.revision,
            cache_dir=cache,
            streaming=streaming,
        )
    except (OSError, ValueError, library.exceptions.DatasetsError) as error:
        raise DataError(
            f"{place.name} cannot be loaded from the hub: {str(error).splitlines()[0] if str(error) else error!r}",
            file=place.name,
            fix="check the connection (and, for sets with terms, that you have accepted them on the hub), "
            "or give the path of a local copy with path=FOLDER",
        ) from error


def _undecoded(rows: Any) -> Any:
    library = _library()
    for name, feature in (rows.features or {}).items():
        if isinstance(feature, library.Image):
            rows = rows.cast_column(name, library.Image(decode=False))
    return rows


def _library() -> ModuleType:
    return require("datasets", extra="hub")
