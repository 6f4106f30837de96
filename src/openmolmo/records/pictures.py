"""The pictures of records: their bytes, and what the pictures room says of them, as faults of a record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from openmolmo.core.errors import DataError, ImageError
from openmolmo.pictures import Facts, verify
from openmolmo.records.example import ImageRef

__all__ = ["picture_bytes", "picture_facts", "picture_size", "unreadable_as_fault"]

_NAME = "the picture"


def picture_bytes(image: ImageRef) -> bytes | None:
    """The encoded file; None for a picture that is only a URL. A file that is not there is a :class:`DataError`."""
    if image.data is not None:
        return image.data
    if image.path is None:
        return None
    path = Path(image.path)
    try:
        if not path.is_file():
            raise DataError(f"{path} does not exist", field="image", rule="exists")
        return path.read_bytes()
    except OSError as error:  # a name that is too long, a file that may not be read
        raise DataError(f"{path} cannot be read: {error.strerror}", field="image", rule="readable") from error


def picture_facts(data: bytes) -> Facts:
    """What the encoded picture is; decodes everything, so that damage is a :class:`DataError`."""
    with unreadable_as_fault():
        return verify(data, name=_NAME)


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels after EXIF rotation; decodes everything, so that damage is a :class:`DataError`."""
    facts = picture_facts(data)
    return facts.width, facts.height


@contextmanager
def unreadable_as_fault() -> Iterator[None]:
    """What the pictures room refuses is a fault of the field ``image``."""
    try:
        yield
    except ImageError as error:
        raise DataError(error.message, field="image", rule="readable", fix=error.fix) from error
