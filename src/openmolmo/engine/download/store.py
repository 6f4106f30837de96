"""The pictures of a download folder, by the hash of their content.

DIR/status.sqlite3         what became of every URL (database.py)
DIR/images/ab/abcd....jpg  the file whose SHA-256 begins with abcd; equal files exist once, and end as their format does

store = ImageStore("pixmo")
path = store.path("https://example.org/a.jpg")     # None unless it is there and whole
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
import threading
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError, ImageError
from openmolmo.core.files import disk_full_as_error
from openmolmo.engine.download.database import StatusDatabase
from openmolmo.engine.download.states import STATUS, FetchFailed, State
from openmolmo.engine.download.verify import Limits, Verdict, verify_download
from openmolmo.pictures import FORMATS

__all__ = ["ImageStore"]

_ENDINGS = (*(one.ending for one in FORMATS.values()), "")
"""Most files are JPEGs, which are looked for first; stores of earlier versions had no endings."""
_IMAGE_KINDS = {State.NOT_AN_IMAGE: "not_an_image", State.CORRUPT: "corrupt", State.TOO_LARGE: "too_large"}


class ImageStore:
    """Pictures by URL; only reading until :meth:`put` or :meth:`keep`. Safe in threads, forks and spawned workers."""

    def __init__(self, folder: str | Path, *, limits: Limits | None = None) -> None:
        self.folder = Path(folder)
        self.limits = limits or Limits()
        self._local = threading.local()

    def path(self, url: str) -> Path | None:
        """The file of a URL; None when it was never fetched, failed, or its file is no longer whole."""
        found = self._look_up(url)
        if found is None:
            return None
        digest, size = found
        return self.find(digest, size)

    def sha256(self, url: str) -> str | None:
        """The hash of a URL's file; None as in :meth:`path`."""
        path = self.path(url)
        return None if path is None else path.stem

    def path_of(self, digest: str, ending: str) -> Path:
        """Where the file of a hash is, or would be, if it is of the format with that ending."""
        return self.folder / "images" / digest[:2] / f"{digest}{ending}"

    def holds(self, path: Path) -> bool:
        """Whether a file is one of this store, so that its name is its hash."""
        return path == self.path_of(path.stem, path.suffix) and path.suffix in _ENDINGS

    def put(self, url: str, data: bytes) -> str:
        """Add a picture that came from elsewhere, and return its SHA-256.

        Raises:
            ImageError: the bytes are no whole picture.
            DataError: the hash on record for this URL is another one.
        """
        with StatusDatabase(self.folder) as database:
            job = database.job(url)
            try:
                verdict = self.keep(data, expected=job.expected)
            except FetchFailed as failure:
                if failure.state is State.HASH_DIFFERS:
                    raise DataError(f"{url}: {failure.detail}", field="sha256", rule="hash") from failure
                raise ImageError(
                    f"{url}: {failure.detail}", kind=_IMAGE_KINDS[failure.state], fix="get the file again"
                ) from failure
            database.succeed(job, verdict)
        return verdict.sha256

    def keep(self, data: bytes, *, expected: str | None = None) -> Verdict:
        """Judge bytes and write them to their place; raises :class:`FetchFailed`, and then nothing is kept."""
        verdict = verify_download(data, expected=expected, limits=self.limits)
        if self.find(verdict.sha256, verdict.bytes) is not None:
            return verdict
        path = self.path_of(verdict.sha256, verdict.ending)
        path.parent.mkdir(parents=True, exist_ok=True)
        # No fsync: thousands of them would take most of the time. A file that a power cut has shortened
        # has another size than the one on record, and path() does not give it.
        with disk_full_as_error(path):
            handle, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(data)
                Path(temporary).replace(path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        return verdict

    def find(self, digest: str, size: int) -> Path | None:
        """The file of a hash; None unless it is there and has ``size`` bytes, those on record."""
        for ending in _ENDINGS:
            path = self.path_of(digest, ending)
            try:
                if path.stat().st_size == size:
                    return path
            except FileNotFoundError:
                continue
        return None

    def _look_up(self, url: str) -> tuple[str, int] | None:
        row = self._reader().execute("SELECT sha256, bytes FROM urls WHERE url = ? AND state = 'ok'", (url,)).fetchone()
        return None if row is None else (row[0], row[1])

    def _reader(self) -> sqlite3.Connection:
        """A connection of this thread of this process."""
        if getattr(self._local, "pid", None) != os.getpid():
            self._local.reader, self._local.pid = _open_reading(self.folder / STATUS), os.getpid()
        reader: sqlite3.Connection = self._local.reader
        return reader

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "limits": self.limits}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["folder"], limits=state["limits"])  # type: ignore[misc]


def _open_reading(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise DataError(
            f"{path.parent} holds no {path.name}: nothing was downloaded there",
            fix=f"openmolmo download SET_OR_FILE --out {path.parent}",
        )
    for mode in ("mode=ro", "immutable=1"):  # the second one for folders that cannot be written to
        reader = sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True, check_same_thread=False)
        with contextlib.suppress(sqlite3.OperationalError):
            reader.execute("SELECT 1 FROM urls LIMIT 1")
            return reader
        reader.close()
    raise DataError(f"{path} cannot be read as the status of a download", fix="name the folder given as --out")
