"""Everything that was made, in one SQLite file: each arrow of ``Spec -> Program -> Render -> Questions`` is a row.

A row's address is the SHA-256 of what went into it (the specification, who wrote, versions of tool, fonts and
questions, the step before), so a run finds again what it made, and a change of any of these makes it anew. A row is
committed before the next begins: a killed run loses what was under way and nothing else. Failed rows stay, with
their error.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError, DiskFullError, RunError
from openmolmo.core.files import sha256_bytes

__all__ = ["LEDGER", "Ledger", "Row", "address"]

LEDGER = "ledger.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS steps (
    address TEXT PRIMARY KEY, step TEXT NOT NULL, item INTEGER NOT NULL, attempt INTEGER NOT NULL,
    state TEXT NOT NULL, error TEXT NOT NULL, output TEXT NOT NULL, picture BLOB) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_item ON steps (item, attempt);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One step of one item: ``state`` is done or failed; ``output`` has JSON values."""

    address: str
    step: str
    item: int
    attempt: int
    state: str = "done"
    error: str = ""
    output: Mapping[str, Any]
    picture: bytes | None = None


def address(*parts: Any) -> str:
    """SHA-256 of JSON values: the same parts, the same address."""
    return sha256_bytes(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode())


class Ledger:
    """Reads and writes the file; many may read while one writes."""

    def __init__(self, path: Path, *, readonly: bool = False) -> None:
        self.path = path
        try:
            if readonly:
                self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=60)
            else:
                self._db = sqlite3.connect(path, isolation_level=None, timeout=60)
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = NORMAL")
                self._db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            raise _failure(path, error) from error

    def close(self) -> None:
        self._db.close()

    def get(self, where: str) -> Row | None:
        """The row at an address."""
        return next(self._rows("WHERE address = ?", (where,)), None)

    def done(self, step: str) -> set[str]:
        """Addresses of all rows of a step that ended well or failed: what need not be made again."""
        return {row[0] for row in self._run("SELECT address FROM steps WHERE step = ?", (step,))}

    def states(self, wanted: Iterable[str]) -> dict[str, str]:
        """done or failed, of those addresses that are there."""
        found = {}
        for where in wanted:
            for row in self._run("SELECT state FROM steps WHERE address = ?", (where,)):
                found[where] = str(row[0])
        return found

    def errors(self) -> Iterator[Row]:
        """The failed rows, in the order of their items."""
        yield from self._rows("WHERE state = 'failed' ORDER BY item, attempt", ())

    def put(self, rows: Iterable[Row]) -> None:
        """Write the rows of one item in one go."""
        self._run("BEGIN IMMEDIATE", ())
        try:
            for row in rows:
                values = (
                    *(row.address, row.step, row.item, row.attempt, row.state, row.error),
                    json.dumps(row.output, ensure_ascii=False),
                    row.picture,
                )
                self._run("INSERT OR REPLACE INTO steps VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
            self._run("COMMIT", ())
        except (RunError, DataError):
            if self._db.in_transaction:
                self._db.rollback()
            raise

    def _rows(self, where: str, values: tuple[Any, ...]) -> Iterator[Row]:
        columns = "address, step, item, attempt, state, error, output, picture"
        for found in self._run(f"SELECT {columns} FROM steps {where}", values):
            *plain, output, picture = found
            names = ("address", "step", "item", "attempt", "state", "error")
            yield Row(**dict(zip(names, plain, strict=True)), output=json.loads(output), picture=picture)

    def _run(self, statement: str, values: tuple[Any, ...]) -> sqlite3.Cursor:
        try:
            return self._db.execute(statement, values)
        except sqlite3.DatabaseError as error:
            raise _failure(self.path, error) from error


def _failure(path: Path, error: sqlite3.DatabaseError) -> RunError | DataError:
    if "full" in str(error) or "disk I/O" in str(error):
        return DiskFullError(
            f"the ledger {path} cannot be written any more: {error}",
            fix="free some space, then run the same command again; what is in the ledger is kept",
        )
    return DataError(
        f"the ledger {path} cannot be used: {error}", fix="restore it, or remove it: everything is then made again"
    )
