"""A folder that is whole or absent, and whose files survive an interruption: the same export goes on where it was.

It grows as ``.NAME.part`` beside its place. What lies there from before and is not wanted any more (work of a person
who was erased) is deleted before the folder takes its name.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.files import atomic_file, disk_full_as_error, sha256_bytes, sha256_file, write_json
from openmolmo.engine.download.lock import only_one

__all__ = ["MARK", "Stage", "staged"]

MARK = "studio-export.json"
"""Says that a folder was written by an export, which may replace it."""


@dataclass
class Stage:
    """The folder while it grows; every file in it is made through here."""

    folder: Path
    _wanted: set[str] = field(default_factory=set)

    def copy(self, source: Path, name: str, sha256: str) -> None:
        """Copy a file whose hash is known; one that is there already is not copied again. DataError if it differs."""
        self.check(source, sha256)
        target = self.place(name)
        if target.is_file() and sha256_file(target) == sha256:
            return
        with atomic_file(target) as temporary:
            shutil.copyfile(source, temporary)

    def check(self, source: Path, sha256: str) -> None:
        """DataError where a file is not the one on record."""
        try:
            real = sha256_file(source)
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror}", file=str(source)) from error
        if real != sha256:
            raise DataError(f"has sha256 {real}, on record {sha256}: it was changed", file=str(source), rule="hash")

    def write(self, name: str, data: bytes) -> None:
        """Write a small file."""
        target = self.place(name)
        if target.is_file() and sha256_file(target) == sha256_bytes(data):
            return
        with atomic_file(target) as temporary:
            temporary.write_bytes(data)

    def place(self, name: str) -> Path:
        """Where a file that the caller writes will be; from now on it is wanted."""
        self._wanted.add(name)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def prune(self) -> None:
        """Delete what nobody asked for."""
        for path in sorted(self.folder.rglob("*"), reverse=True):
            if path.is_dir():
                with contextlib.suppress(OSError):  # not empty
                    path.rmdir()
            elif path.relative_to(self.folder).as_posix() not in self._wanted:
                path.unlink()


@contextlib.contextmanager
def staged(out: Path, made_by: dict[str, object]) -> Iterator[Stage]:
    """Yield a stage for the folder ``out``; an export that is there is replaced when the block ends well.

    A folder with anything else in it is left alone: ConfigError.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is a file", fix="name a new folder")
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        raise ConfigError(f"{out} holds something else than an export of the studio", fix="name a new folder")
    part = out.absolute().with_name(f".{out.absolute().name}.part")
    with disk_full_as_error(out):
        part.mkdir(parents=True, exist_ok=True)
        with only_one(part, "export"):
            stage = Stage(part)
            yield stage
            write_json(stage.place(MARK), made_by)
            stage.prune()
            _take_place(part, out)


def _take_place(part: Path, out: Path) -> None:
    old = out.absolute().with_name(f".{out.absolute().name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.replace(old)
    part.replace(out)
    shutil.rmtree(old, ignore_errors=True)
