"""Files that are whole or absent: everything is written beside its place and then renamed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DiskFullError, RunError

__all__ = [
    "FULL",
    "atomic_dir",
    "atomic_file",
    "disk_full_as_error",
    "only_writer",
    "require_writable",
    "sha256_bytes",
    "sha256_file",
    "write_json",
    "write_text",
]

FULL = {
    errno.ENOSPC: "no space left",
    errno.EDQUOT: "no space left in your quota",
    errno.EFBIG: "the largest size of a file (ulimit -f, or the file system's) is reached",
}
"""Errors of the system for which there is not enough room, and what they say."""


def sha256_bytes(data: bytes) -> str:
    """SHA-256 as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def disk_full_as_error(path: Path) -> Iterator[None]:
    """Turn the errors of :data:`FULL` into :class:`DiskFullError`, naming the place and what is free."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        parent = next((p for p in (path, *path.parents) if p.exists()), Path("/"))
        free = shutil.disk_usage(parent).free
        raise DiskFullError(
            f"{FULL[error.errno]} while writing {path}: {free / 1e6:.1f} MB free on that disk",
            fix="free some space or choose another --out, then run the same command again; finished parts are kept",
        ) from error


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; it takes the name only if the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        with disk_full_as_error(path):
            yield temporary
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_dir(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``path``; it takes the name (replacing) only if the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        with disk_full_as_error(path):
            yield temporary
            temporary.chmod(0o755)
            if path.exists():
                old = path.with_name(f".{path.name}.old.tmp")
                shutil.rmtree(old, ignore_errors=True)
                path.replace(old)
                temporary.replace(path)
                shutil.rmtree(old, ignore_errors=True)
            else:
                temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold a folder that exists, so that two runs never write in it at once; a killed run lets go by itself.

    Raises RunError where another run holds it.
    """
    if sys.platform == "win32":  # folders cannot be locked there
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(
                f"another process is writing in {folder}", fix="wait for it to end, or choose another --out"
            ) from error
        yield
    finally:
        os.close(handle)


def require_writable(path: Path) -> None:
    """Raise RunError where a file or folder cannot be made at ``path``; to be called before long work, not after it.

    Nothing stays behind.
    """
    if path.is_file() and not os.access(path, os.W_OK):
        raise RunError(f"{path} may not be written to", fix="choose another --out")
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if not above.is_dir():
        raise RunError(f"{path} cannot be made: {above} is not a folder", fix="choose another --out")
    try:
        with tempfile.TemporaryFile(dir=path if path.is_dir() else above):
            pass  # permissions alone do not tell: the file system may be read-only
    except OSError as error:
        raise RunError(
            f"{path} cannot be made: nothing can be written in {above}: {error.strerror}", fix="choose another --out"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, indented, with a newline at the end."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
