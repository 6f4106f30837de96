"""The pictures of a folder: known by their content, and what was passed over is counted."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from openmolmo.pictures.formats import FORMATS, HEAD, format_of

__all__ = ["FolderPictures", "pictures_in"]

_ENDINGS = {".jpeg", ".tiff", *(one.ending for one in FORMATS.values())}


@dataclass(kw_only=True)
class FolderPictures:
    """``paths`` in order of their names; ``passed_over``: other files, by their ending, and ``hidden`` ones.

    Hidden are files and folders whose names begin with a dot, as ``._a.jpg``, which a Mac leaves beside ``a.jpg``.
    """

    paths: list[Path] = field(default_factory=list)
    hidden: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)

    def said(self) -> str | None:
        """What was passed over: "2 hidden files, 3 that are no pictures (.txt 2, .csv 1)"; None if nothing."""
        parts = [f"{self.hidden} hidden file{'s' * (self.hidden != 1)}"] if self.hidden else []
        if count := self.passed_over.total():
            endings = ", ".join(f"{ending} {number}" for ending, number in self.passed_over.most_common(5))
            parts.append(f"{count} that {'is no picture' if count == 1 else 'are no pictures'} ({endings})")
        return ", ".join(parts) or None


def pictures_in(folder: Path) -> FolderPictures:
    """All pictures of a folder and its folders, whatever their names end with.

    A file that is none although its name ends like one is among them: opening it says what is wrong with it.
    """
    found = FolderPictures()
    for place, folders, names in os.walk(folder):
        found.hidden += sum(name.startswith(".") for name in folders)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(place, name)
            if name.startswith("."):
                found.hidden += 1
            elif _is_picture(path):
                found.paths.append(path)
            else:
                found.passed_over[path.suffix.lower() or "(no ending)"] += 1
    found.paths.sort(key=str)
    return found


def _is_picture(path: Path) -> bool:
    if path.suffix.lower() in _ENDINGS:
        return True
    try:
        if not path.is_file():  # a pipe would wait for ever
            return False
        with path.open("rb") as stream:
            return format_of(stream.read(HEAD)) is not None
    except OSError:
        return False
