"""Opens the studio's database: SQLite on one machine, PostgreSQL for a team. The same code runs on both.

    database = open_database("sqlite:///studio.sqlite")
    with database.begin() as session:  # one transaction: all of it or nothing
        session.add(Setting(name="shown", value={"project": 1}))

SQLite: write-ahead log, so that readers never wait; a writing transaction takes the lock when it begins (``BEGIN
IMMEDIATE``), so that it never fails half-way because another one wrote. PostgreSQL: READ COMMITTED, rows are locked
where it matters.
"""

from __future__ import annotations

import json
import math
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, exc, make_url, orm
from sqlalchemy.engine import URL
from sqlalchemy.pool import ConnectionPoolEntry

from openmolmo.core.errors import ConfigError, DiskFullError, RunError
from openmolmo.core.optional import require
from openmolmo.engine.studio.store.schema import migrate
from openmolmo.engine.studio.store.turns import Turns, insist

__all__ = ["Database", "DatabaseGoneError", "open_database", "upgrade"]

T = TypeVar("T")

BUSY_SECONDS = 15.0
"""How long SQLite waits for another writer."""
PATIENCE = 10.0
"""Seconds for which a database that went away is waited for, if nothing else is said."""
RESTED_SECONDS = 1.0
"""A connection of PostgreSQL that was not used for so long is tried before it is used."""
_ONE_STATE, _NO_TRANSACTION = {"isolation_level": "REPEATABLE READ"}, {"isolation_level": "AUTOCOMMIT"}
_READ_ONLY, _USED = "studio_read_only", "studio_used"
_DISK_FULL_OF_POSTGRESQL = "53100"
_GONE_IN_WORDS = (
    "unable to open database file",
    "database is locked",
    "disk i/o error",
    "server closed the connection",
    "connection is closed",
    "the connection is lost",
)


class DatabaseGoneError(RunError):
    """The database cannot be reached, or does not let anybody in; what was not confirmed was not saved."""


class Database:
    """One database with its pool of connections; safe to share between threads, not between processes."""

    def __init__(self, engine: Engine, *, patience: float = PATIENCE) -> None:
        self.engine = engine
        self.patience = patience
        self._turns = Turns()
        # PostgreSQL: one state of things for all questions of a reader; a single one needs no transaction at all.
        reading, asking = ({}, {}) if self.is_sqlite else (_ONE_STATE, _NO_TRANSACTION)
        self._reading = engine.execution_options(**{_READ_ONLY: True}, **reading)
        self._asking = engine.execution_options(**{_READ_ONLY: True}, **asking)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def begin(self) -> Iterator[orm.Session]:
        """One transaction, saved at the end of the block, or not at all where the block raises.

        A database that is away is waited for before the block begins (:attr:`patience`). One that goes away inside it
        raises :class:`DatabaseGoneError`, and nothing of the block is saved; a full disk :class:`DiskFullError`.
        """
        with self._turns.one(BUSY_SECONDS) if self.is_sqlite else nullcontext():
            yield from self._session(self.engine)

    @contextmanager
    def read(self) -> Iterator[orm.Session]:
        """A transaction that only reads: it never makes writers wait, and sees one state of things."""
        yield from self._session(self._reading)

    @contextmanager
    def ask(self) -> Iterator[orm.Session]:
        """As :meth:`read`, for one question or such as need not see the same state: on PostgreSQL half as long."""
        yield from self._session(self._asking)

    def run(self, work: Callable[[orm.Session], T], *, patience: float | None = None) -> T:
        """``work`` in one transaction; done again from the start where the database went away in the middle.

        For work that may be done twice: the answer to a commit can be lost where the commit itself was not.
        """
        end = time.monotonic() + (self.patience if patience is None else patience)
        pause = 0.1
        while True:
            try:
                with self.begin() as session:
                    return work(session)
            except DatabaseGoneError:
                if time.monotonic() + pause > end:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, 5.0)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def _session(self, engine: Engine) -> Iterator[orm.Session]:
        with self._errors(), orm.Session(engine, expire_on_commit=False) as session:
            self._enter(session)
            yield session
            session.commit()

    def _enter(self, session: orm.Session) -> None:
        """Open the connection and the transaction, waiting for a database that is away."""
        end = time.monotonic() + self.patience
        pause = 0.05
        while True:
            try:
                session.connection()
                return
            except exc.DBAPIError as error:
                session.rollback()
                if not is_gone(error) or time.monotonic() + pause > end:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            raised = self._in_words(error)
            if raised is None:
                raise
            raise raised from error

    def _in_words(self, error: exc.DBAPIError) -> RunError | None:
        said = " ".join(str(error.orig).split())
        where = self.engine.url.render_as_string(hide_password=True)
        if is_full(error):
            return DiskFullError(
                f"no space is left for the database {where}: {said}",
                fix="free some space; nothing that was saved before is lost, and what was refused can be sent again",
            )
        if is_gone(error):
            return DatabaseGoneError(
                f"the database {where} cannot be reached: {said}",
                fix="start it again, or look at --database; what was not confirmed was not saved and is sent again",
            )
        if "readonly database" in said:
            return RunError(f"the database {where} cannot be written to: {said}", fix="give this user the right to")
        return None


def is_full(error: exc.DBAPIError) -> bool:
    """Whether there was no room on the database's disk."""
    code = getattr(error.orig, "sqlstate", None)
    return code == _DISK_FULL_OF_POSTGRESQL or "database or disk is full" in str(error.orig)


def is_gone(error: exc.DBAPIError) -> bool:
    """Whether the database could not be reached, or broke off, or let nobody in for too long."""
    code = getattr(error.orig, "sqlstate", None) or ""
    if error.connection_invalidated or code.startswith(("08", "57P", "53300", "40001", "40P01")):
        return True
    if isinstance(error, exc.OperationalError) and not isinstance(error.orig, sqlite3.Error) and not code:
        return True  # psycopg could not connect: there is no state of a server then
    return any(words in str(error.orig).lower() for words in _GONE_IN_WORDS)


def open_database(url: str, *, patience: float = PATIENCE, pool: int = 20) -> Database:
    """The database at ``url``: ``sqlite:///path`` or ``postgresql://user:password@host/name``. Makes no tables.

    ``pool``: connections that may be open at once, at most.
    """
    address = _checked(url)
    settings: dict[str, Any] = {
        "json_serializer": _to_json,
        "pool_size": pool,
        "max_overflow": 0,
        "pool_timeout": 60.0,
    }
    if address.get_backend_name() == "sqlite":
        _require_folder(address)
        engine = create_engine(address, connect_args={"timeout": BUSY_SECONDS, "isolation_level": None}, **settings)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        more: dict[str, Any] = {"isolation_level": "READ COMMITTED", "connect_args": {"connect_timeout": 5}}
        engine = create_engine(address, **more, **settings)
        _try_after_rest(engine)
    return Database(engine, patience=patience)


def upgrade(url: str, *, patience: float = PATIENCE, pool: int = 20) -> Database:
    """Open the database at ``url`` and make or change its tables as this program needs them.

    NewerDatabaseError where a newer program changed them already: nothing is touched then.
    """
    database = open_database(url, patience=patience, pool=pool)
    with database.begin() as session:
        migrate(session.connection())
    return database


def _checked(url: str) -> URL:
    try:
        address = make_url(url)
    except exc.ArgumentError as error:
        raise ConfigError(
            f"{url!r} is no address of a database", fix="write sqlite:///path or postgresql://user@host/name"
        ) from error
    backend = address.get_backend_name()
    if backend in ("postgres", "postgresql"):
        require("psycopg", extra="studio")
        return address.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise ConfigError(
            f"the studio knows no databases of the kind {backend!r}", fix="use sqlite:///path or postgresql://..."
        )
    if not address.database or address.database == ":memory:":
        raise ConfigError(
            "a database in memory is one for every connection", fix="name a file: sqlite:///studio.sqlite"
        )
    return address


def _require_folder(address: URL) -> None:
    folder = Path(str(address.database)).absolute().parent
    if not folder.is_dir():
        raise ConfigError(
            f"there is no folder {folder} for the database", fix="make it: openmolmo studio init --dir DIR"
        )


def _to_json(value: Any) -> str:
    # NaN and infinities are no JSON, and PostgreSQL refuses them.
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _prepare_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _try_after_rest(engine: Engine) -> None:
    """Try whether a connection that rested still leads to the server. Tried each time, it took a tenth of all time."""

    def note(_: Any, record: ConnectionPoolEntry) -> None:
        record.info[_USED] = time.monotonic()

    def try_it(connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
        if time.monotonic() - record.info.get(_USED, math.inf) < RESTED_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.OperationalError as error:
            raise exc.DisconnectionError from error  # the pool opens another

    event.listen(engine, "checkin", note)
    event.listen(engine, "checkout", try_it)


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get(_READ_ONLY, False):
        connection.exec_driver_sql("BEGIN")
        return
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        insist(lambda: driver.execute("BEGIN IMMEDIATE"), BUSY_SECONDS)
    except sqlite3.Error as error:
        raise exc.OperationalError("BEGIN IMMEDIATE", None, error) from error
    finally:
        driver.execute(f"PRAGMA busy_timeout = {round(1000 * BUSY_SECONDS)}")
