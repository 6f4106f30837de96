"""A folder of pictures on this machine: the first folder on the way to a picture is its topic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from openmolmo.core.errors import DataError
from openmolmo.core.progress import say
from openmolmo.engine.studio.importing.found import Found, Refused
from openmolmo.pictures import pictures_in

__all__ = ["folder_pictures"]


def folder_pictures(folder: Path) -> Iterator[Found | Refused]:
    """``animals/cat.jpg`` has the topic ``animals``; other files are counted and said."""
    inside = pictures_in(folder)
    if not inside.paths:
        raise DataError(f"{folder} holds no picture", fix="name a folder of JPEG, PNG, WebP, GIF, BMP or AVIF files")
    if (said := inside.said()) is not None:
        say(f"passed over: {said}")
    for path in inside.paths:
        name = path.relative_to(folder)
        topic = name.parts[0] if len(name.parts) > 1 else ""
        try:
            data = path.read_bytes()
        except OSError as error:
            yield Refused(name=name.as_posix(), reason="cannot be read (missing)", what=error.strerror or str(error))
            continue
        yield Found(name=name.as_posix(), data=data, topic=topic)
