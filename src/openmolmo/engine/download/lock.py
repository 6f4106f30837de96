"""One download, or one import, at a time into one folder."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from openmolmo.core.errors import RunError

__all__ = ["only_one"]


@contextlib.contextmanager
def only_one(folder: Path, what: str = "download") -> Iterator[None]:
    """Hold the folder's lock; it ends with the process, however that ends. Raises RunError if another holds it."""
    with contextlib.closing(sqlite3.connect(folder / "lock.sqlite3", isolation_level=None, timeout=0)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise RunError(
                f"another {what} into {folder} is running", fix="wait for its end, or choose another folder"
            ) from error
        yield
