"""What a set's function from row to annotations may know besides the row: options and the picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmolmo.pictures import header_size
from openmolmo.records.example import ImageRef
from openmolmo.records.pictures import unreadable_as_fault

__all__ = ["Reading", "picture_of", "size_of"]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a set is being read: its options, and for the row at hand the part and the picture.

    ``part`` counts the examples that one row becomes; ``image`` is the row's picture (None while it
    is being made, and for text).
    """

    split: str
    form: str | None = None
    config: str | None = None
    folder: Path | None = None
    part: int = 0
    image: ImageRef | None = None

    def asks(self, form: str) -> bool:
        """Whether this form is wanted: no choice means all."""
        return self.form is None or self.form == form

    def size(self) -> tuple[int, int] | None:
        """Width and height of the row's picture in pixels, read from its header; None while it is only a URL."""
        return None if self.image is None else size_of(self.image)


def picture_of(value: Any, folder: Path | None) -> ImageRef | None:
    """A cell of a picture column: bytes, the hub's ``{bytes, path}``, or a path in the folder."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        data, path = value.get("bytes"), value.get("path")
        value = data if data is not None else path
    if isinstance(value, bytes):
        return ImageRef(data=value)
    return ImageRef(path=str(Path(value) if folder is None else folder / value))


def size_of(image: ImageRef) -> tuple[int, int] | None:
    """Width and height in pixels after EXIF rotation, from the header alone."""
    source = image.data if image.data is not None else image.path
    if source is None:
        return None
    with unreadable_as_fault():
        return header_size(source)
