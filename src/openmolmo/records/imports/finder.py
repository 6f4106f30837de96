"""Pictures of a folder by the names that other programs give them.

A name is tried as it stands first ("shelf #3.png" is a name, no address), in any Unicode form ("é" may be one
sign or two), then as an address ("/data/local-files/?d=deep%2Fc.png"), then by shorter and shorter ends of its path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from openmolmo.records.imports.marked import BadEntry
from openmolmo.records.names import same_form

__all__ = ["Finder", "Found"]

_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")  # what Label Studio puts before the name of an uploaded file
_KEPT = re.compile(r"[^-\w.]")  # and what it takes out of such a name, after spaces have become underscores
_UPLOADS = "/data/upload/"  # where Label Studio keeps them; the folders say nothing about the user's own
_ADDRESS = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*:/")
_LONGEST = 4096


@dataclass(frozen=True, kw_only=True)
class Found:
    """A picture, and whether the name said its place in the folder or only its last part fits."""

    path: Path
    by_name_alone: bool = False


class Finder:
    """The files under ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._parents = [same_form(part) for part in folder.resolve().parts]
        self._by_path: dict[str, Path] = {}
        self._by_name: dict[str, list[Path]] = {}
        self._by_upload: dict[str, list[Path]] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                name = same_form(path.name)
                self._by_path.setdefault(same_form(self.name(path)), path)
                self._by_name.setdefault(name, []).append(path)
                self._by_upload.setdefault(_uploaded(name), []).append(path)

    def name(self, path: Path) -> str:
        """The path inside the folder: what examples are called."""
        return path.relative_to(self.folder).as_posix()

    def find(self, name: str) -> Found:
        """The picture of a name; none, or several that fit equally, is a :class:`BadEntry`."""
        if len(name) > _LONGEST:
            raise BadEntry("is no name of a file")
        candidates = list(dict.fromkeys(_readings(name)))
        for candidate in candidates:
            if (path := self._inside(candidate)) is not None:
                return Found(path=path)
        for candidate in candidates:
            if (found := self._by_end(candidate)) is not None:
                return Found(path=found.path) if name.startswith(_UPLOADS) else found
        for candidate in candidates:
            if (path := self._upload(candidate)) is not None:
                return Found(path=path)
        raise BadEntry("is not there")

    def _inside(self, name: str) -> Path | None:
        return self._by_path.get(same_form(name))

    def _by_end(self, name: str) -> Found | None:
        """By the longest end of the path that there is; several files of one last name are a :class:`BadEntry`."""
        parts = [same_form(part) for part in PurePosixPath(name).parts]
        if ".." in parts:
            return None
        for first in range(1, len(parts)):
            if (path := self._by_path.get("/".join(parts[first:]))) is not None:
                same_folder = self._parents[-first:] == parts[:first] or parts[first - 1] == self._parents[-1]
                return Found(path=path, by_name_alone=not same_folder)
        named = self._by_name.get(parts[-1], []) if parts else []
        if len(named) > 1:
            raise BadEntry(f"fits {len(named)} files: {', '.join(self.name(path) for path in named[:3])}")
        return Found(path=named[0], by_name_alone=True) if named else None

    def _upload(self, name: str) -> Path | None:
        """As Label Studio renames what is uploaded: a prefix of its own, and without unusual signs."""
        last = same_form(PurePosixPath(name).name)
        if not _UPLOADED.match(last):
            return None
        named = self._by_upload.get(_uploaded(_UPLOADED.sub("", last)), [])
        if len(named) > 1:
            raise BadEntry(f"fits {len(named)} files: {', '.join(self.name(path) for path in named[:3])}")
        return named[0] if named else None


def _uploaded(name: str) -> str:
    return _KEPT.sub("", name.strip().replace(" ", "_"))


def _readings(name: str) -> Iterator[str]:
    """What a name may mean, the plainest first: paths with forward slashes, without a leading one."""
    yield _path(name)
    if _ADDRESS.match(name) or name.startswith("/data/") or "?" in name:
        try:
            parts = urlsplit(name)
        except ValueError:  # brackets that are no IPv6 address
            parts = urlsplit("")
        if parts.path.endswith("local-files/") and (inside := parse_qs(parts.query).get("d")):
            yield _path(inside[0])
        yield _path(unquote(parts.path))
    yield _path(unquote(name))


def _path(name: str) -> str:
    path = name.replace("\\", "/")
    return path.lstrip("/").removeprefix("./")
