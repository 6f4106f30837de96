"""The status of every URL, in one SQLite file: state, kind of failure, tries, hash, size, time.

Each result is committed when it is there, so a run that is killed loses the requests in flight and nothing
else. ``left`` and ``due`` are the plan of the present run: how many tries a URL still has, and from when on.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from openmolmo.core.errors import DataError, RunError
from openmolmo.core.files import disk_full_as_error
from openmolmo.engine.download.states import STATUS, FetchFailed, State
from openmolmo.engine.download.verify import Verdict

__all__ = ["Job", "StatusDatabase", "host_of"]

_CLAIMED = 9e15  # a time after every other: nobody else takes this URL

_SCHEMA = """
CREATE TABLE IF NOT EXISTS urls (
    id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, host TEXT NOT NULL, expected TEXT,
    state TEXT NOT NULL DEFAULT 'new', detail TEXT NOT NULL DEFAULT '', status INTEGER,
    tries INTEGER NOT NULL DEFAULT 0, sha256 TEXT, bytes INTEGER, width INTEGER, height INTEGER,
    finished REAL, seconds REAL, left INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS todo ON urls (host, due) WHERE left > 0;
CREATE TABLE IF NOT EXISTS sets (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, source TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS uses (
    set_id INTEGER NOT NULL, url_id INTEGER NOT NULL, rows INTEGER NOT NULL,
    PRIMARY KEY (set_id, url_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS labels (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, value TEXT NOT NULL, UNIQUE (name, value));
CREATE TABLE IF NOT EXISTS label_uses (
    set_id INTEGER NOT NULL, label_id INTEGER NOT NULL, url_id INTEGER NOT NULL, rows INTEGER NOT NULL,
    PRIMARY KEY (set_id, label_id, url_id)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A URL to try: the hash it must have (if one is on record) and the tries it has left in this run."""

    id: int
    url: str
    expected: str | None
    left: int = 1


class StatusDatabase:
    """Reads and writes the status file of a download folder; use it in one thread."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if self.folder.is_file():
            raise RunError(f"{folder} is a file, not a folder", fix="choose another --out")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.db = sqlite3.connect(self.folder / STATUS, isolation_level=None, timeout=60)
        try:
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = NORMAL")
            self.db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            self.db.close()
            raise DataError(
                f"{self.folder / STATUS} cannot be used: {error}", fix="choose another --out, or restore the file"
            ) from error

    def __enter__(self) -> StatusDatabase:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self.db.close()

    def job(self, url: str) -> Job:
        """The URL's entry, made if there is none."""
        self.db.execute("INSERT OR IGNORE INTO urls (url, host) VALUES (?, ?)", (url, host_of(url)))
        row = self.db.execute("SELECT id, expected FROM urls WHERE url = ?", (url,)).fetchone()
        return Job(id=row[0], url=url, expected=row[1])

    def plan(self, retry: Iterable[State], *, tries: int, name: str | None = None, limit: int | None = None) -> int:
        """Give URLs that are new or in a state of ``retry`` their tries; returns how many they are.

        ``name`` takes those of one set only, ``limit`` the first so many of them.
        """
        states = sorted({State.NEW, *retry})
        where = f"state IN ({', '.join('?' * len(states))})"
        values: list[object] = [*states]
        if name is not None:
            where += " AND id IN (SELECT url_id FROM uses JOIN sets ON sets.id = set_id WHERE name = ?)"
            values.append(name)
        self.db.execute("BEGIN IMMEDIATE")
        self.db.execute("UPDATE urls SET left = 0 WHERE left > 0")
        planned = self.db.execute(
            f"UPDATE urls SET left = ?, due = 0 WHERE id IN (SELECT id FROM urls WHERE {where} ORDER BY id LIMIT ?)",
            (tries, *values, -1 if limit is None else limit),
        ).rowcount
        self.db.execute("COMMIT")
        return planned

    def hosts(self) -> Iterator[tuple[str, int]]:
        """Hosts with something to do, and how much; the one with most comes first."""
        yield from self.db.execute("SELECT host, COUNT(*) FROM urls WHERE left > 0 GROUP BY host ORDER BY 2 DESC, 1")

    def claim(self, host: str, now: float, most: int) -> list[Job]:
        """Take URLs of a host that are due."""
        rows = self.db.execute(
            "UPDATE urls SET due = ? WHERE id IN (SELECT id FROM urls WHERE left > 0 AND host = ? AND due <= ? LIMIT ?)"
            " RETURNING id, url, expected, left",
            (_CLAIMED, host, now, most),
        ).fetchall()
        return [Job(id=row[0], url=row[1], expected=row[2], left=row[3]) for row in rows]

    def release(self, jobs: Iterable[Job]) -> None:
        """Give back URLs that were claimed and not tried."""
        self.db.executemany("UPDATE urls SET due = 0 WHERE id = ?", [(job.id,) for job in jobs])

    def next_due(self, host: str) -> float | None:
        """When something of this host is due; None when nothing is left to do."""
        found = self.db.execute("SELECT MIN(due) FROM urls WHERE left > 0 AND host = ?", (host,)).fetchone()[0]
        return None if found is None else float(found)

    def succeed(self, job: Job, verdict: Verdict, *, seconds: float = 0.0, origin: str = "") -> None:
        """The picture is in the store; ``origin`` says from where, if not from the URL."""
        self._write(
            "UPDATE urls SET state = 'ok', detail = ?, status = 200, tries = tries + 1, sha256 = ?, bytes = ?,"
            " width = ?, height = ?, finished = ?, seconds = ?, left = 0 WHERE id = ?",
            (
                origin,
                verdict.sha256,
                verdict.bytes,
                verdict.width,
                verdict.height,
                time.time(),
                round(seconds, 4),
                job.id,
            ),
        )

    def fail(self, job: Job, failure: FetchFailed, *, seconds: float = 0.0, due: float = 0.0) -> None:
        """The try failed; a transient failure is due again, while there are tries left."""
        left = job.left - 1 if failure.state is State.TRANSIENT else 0
        self._write(
            "UPDATE urls SET state = ?, detail = ?, status = ?, tries = tries + 1, finished = ?, seconds = ?,"
            " left = ?, due = ? WHERE id = ?",
            (
                failure.state,
                failure.detail[:300],
                failure.status,
                time.time(),
                round(seconds, 4),
                max(left, 0),
                due,
                job.id,
            ),
        )

    def give_up(self, host: str, why: str) -> int:
        """Leave the rest of a host to a later run, without trying it; returns how many URLs that are."""
        return self.db.execute(
            "UPDATE urls SET left = 0, state = CASE state WHEN 'new' THEN 'transient' ELSE state END,"
            " detail = CASE state WHEN 'new' THEN ? ELSE detail END WHERE left > 0 AND host = ?",
            (why, host),
        ).rowcount

    def counts(self) -> dict[State, int]:
        """How many URLs are in each state."""
        rows = self.db.execute("SELECT state, COUNT(*) FROM urls GROUP BY state").fetchall()
        return {State(state): count for state, count in rows}

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            with disk_full_as_error(self.folder):
                self.db.execute(statement, values)
        except sqlite3.OperationalError as error:
            raise RunError(
                f"{self.folder / STATUS} cannot be written: {error}",
                fix="see that the disk has space, then run the same command again; what is fetched is kept",
            ) from error


def host_of(url: str) -> str:
    """Host and port in lower case; "" for what is no http address."""
    try:
        parts = urlsplit(url)
        return parts.netloc.rpartition("@")[2].lower() if parts.scheme in ("http", "https") else ""
    except ValueError:
        return ""
