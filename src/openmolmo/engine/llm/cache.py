"""All answers so far, in one SQLite file: the same request is never paid for twice, and a killed run loses none.

Each answer is committed before it is handed on. Several processes may use one file at once.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError, RunError
from openmolmo.engine.llm.failures import CallFailed

__all__ = ["Cache", "Kept", "Spent"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, provider TEXT NOT NULL, model TEXT NOT NULL, served TEXT NOT NULL, prompt TEXT NOT NULL,
    request TEXT NOT NULL, text TEXT NOT NULL, value TEXT, cut INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL, seconds REAL NOT NULL, made REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failures (
    key TEXT NOT NULL, model TEXT NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL, made REAL NOT NULL);
CREATE TABLE IF NOT EXISTS servers (url TEXT, model TEXT, schemas INTEGER NOT NULL, PRIMARY KEY (url, model));
"""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An answer as it is kept: ``value`` is the JSON value where one was asked for."""

    text: str
    value: Any = None
    served: str = ""
    cut: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What one model was asked, over all runs that used the file."""

    model: str
    answers: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    failures: int


class Cache:
    """Reads and writes the file of answers; use it in one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_dir():
            raise RunError(f"{path} is a folder, not a file of answers", fix="name a file, e.g. answers.sqlite")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=60, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            raise DataError(
                f"{path} cannot be used as a file of answers: {error}", fix="name another file, or restore this one"
            ) from error

    def close(self) -> None:
        self._db.close()

    def get(self, key: str) -> Kept | None:
        """The answer to the request with this key."""
        row = self._run(
            "SELECT text, value, served, cut, prompt_tokens, completion_tokens, seconds FROM answers WHERE key = ?",
            (key,),
        ).fetchone()
        if row is None:
            return None
        text, value, served, cut, prompt_tokens, completion_tokens, seconds = row
        return Kept(
            text=text,
            value=None if value is None else json.loads(value),
            served=served,
            cut=bool(cut),
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            seconds=seconds,
        )

    def put(self, key: str, kept: Kept, *, material: Mapping[str, Any], prompt: str) -> None:
        """Keep an answer, and the request that it is to; the first one to a request stays."""
        value = None if kept.value is None else json.dumps(kept.value, ensure_ascii=False)
        values = (
            *(key, material["provider"], material["model"], kept.served, prompt),
            json.dumps(material, ensure_ascii=False, default=list),
            *(kept.text, value, int(kept.cut), kept.prompt_tokens, kept.completion_tokens, kept.seconds, time.time()),
        )
        self._run(f"INSERT OR IGNORE INTO answers VALUES ({', '.join('?' * len(values))})", values)

    def note_failure(self, key: str, model: str, error: CallFailed) -> None:
        """Log a request that has no answer."""
        values = (key, model, error.kind, error.message[:500], time.time())
        self._run("INSERT INTO failures VALUES (?, ?, ?, ?, ?)", values)

    def schemas(self, url: str, model: str) -> bool | None:
        """Whether a server holds replies to a schema, as an earlier run found; None where none did."""
        row = self._run("SELECT schemas FROM servers WHERE url = ? AND model = ?", (url, model)).fetchone()
        return None if row is None else bool(row[0])

    def note_schemas(self, url: str, model: str, found: bool) -> None:
        """Keep what was found for later runs."""
        self._run("INSERT OR REPLACE INTO servers VALUES (?, ?, ?)", (url, model, int(found)))

    def spent(self) -> list[Spent]:
        """What each model was asked and what it took."""
        rows = self._run(
            "SELECT model, COUNT(*), SUM(prompt_tokens), SUM(completion_tokens), SUM(seconds), 0 FROM answers"
            " GROUP BY provider, model UNION ALL SELECT model, 0, 0, 0, 0, COUNT(*) FROM failures GROUP BY model"
        )
        totals: dict[str, list[float]] = {}
        for model, *counts in rows:
            so_far = totals.setdefault(model, [0, 0, 0, 0, 0])
            totals[model] = [old + new for old, new in zip(so_far, counts, strict=True)]
        return [
            Spent(
                model=model,
                answers=int(counts[0]),
                prompt_tokens=int(counts[1]),
                completion_tokens=int(counts[2]),
                seconds=counts[3],
                failures=int(counts[4]),
            )
            for model, counts in sorted(totals.items())
        ]

    def _run(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        try:
            return self._db.execute(statement, values)
        except sqlite3.DatabaseError as error:
            raise RunError(
                f"the file of answers {self.path} cannot be used any more: {error}",
                fix="see that the disk has space, then run the same command again; answers so far are kept",
            ) from error
