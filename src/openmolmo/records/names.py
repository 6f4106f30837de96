"""Names of files and labels: one name has several Unicode forms, and systems differ in which they keep."""

from __future__ import annotations

import unicodedata
from pathlib import Path, PurePosixPath

__all__ = ["existing_path", "is_whole", "same_form", "same_label", "whole_text"]


def same_form(name: str) -> str:
    """The composed form (NFC): names that look alike are then alike."""
    return unicodedata.normalize("NFC", name)


def same_label(label: str) -> str:
    """One key for all spellings of a label: case, spaces and Unicode form make no other label."""
    return same_form(" ".join(label.split()).casefold())


def existing_path(folder: Path, name: str) -> Path:
    """The file of that name under ``folder``, in any Unicode form, with either slash; else the name as it stands."""
    path = folder / name
    if _is_plain(name) or _is_there(path):
        return path
    here = folder
    for part in PurePosixPath(name.replace("\\", "/")).parts:
        step = here / part
        if not _is_there(step):
            step = next((one for one in _entries(here) if same_form(one.name) == same_form(part)), step)
        here = step
    return here if _is_there(here) else path


def is_whole(text: str) -> bool:
    """Whether a text has no half of a character: what UTF-8, and so every file of ours, can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def whole_text(text: str) -> str:
    """A text that every file and screen takes: halves of characters that do not belong together become one sign."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _is_plain(name: str) -> bool:
    """Whether the name can be written in one way only: no need to look for it on the disk."""
    return name.isascii() and "\\" not in name


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # longer than a name may be, or with signs that no name has
        return False


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
