"""Where the pictures of sets that name them by URL lie on this machine.

Either the store that ``openmolmo download`` fills, or any folder with an ``index.json``:

    {"https://example.org/a.jpg": "a.jpg", ...}       URL -> file in the folder
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

from openmolmo.core.errors import DataError

__all__ = ["ImageFinder", "IndexedFolder", "open_images"]

INDEX = "index.json"


class ImageFinder(Protocol):
    """Finds the file of a URL; None when it was never fetched, or could not be."""

    def path(self, url: str) -> Path | None: ...


class IndexedFolder:
    """A folder of pictures with ``index.json``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        index = folder / INDEX
        try:
            values = json.loads(index.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"cannot be read: {error}", file=str(index), rule="JSON") from error
        if not isinstance(values, dict) or not all(isinstance(name, str) for name in values.values()):
            raise DataError("is no object of URL -> file name", file=str(index), rule="type")
        self._files: dict[str, str] = values

    def path(self, url: str) -> Path | None:
        """The picture of a URL, if it is there."""
        name = self._files.get(url)
        if name is None or not (self._folder / name).is_file():
            return None
        return self._folder / name


def open_images(folder: str | Path) -> ImageFinder:
    """The finder for a folder of pictures. Raises DataError when it is neither kind."""
    folder = Path(folder)
    if (folder / INDEX).is_file():
        return IndexedFolder(folder)
    if not folder.is_dir():
        raise DataError(
            f"{folder} does not exist", file=str(folder), fix="fetch the pictures first: openmolmo download"
        )
    from openmolmo.engine.download.store import ImageStore

    store: ImageFinder = ImageStore(folder)
    return store
