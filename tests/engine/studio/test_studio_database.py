"""The database: its tables are those of the program, and its faults are sentences that lose nothing."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select, text

from openmolmo.core.errors import ConfigError, DiskFullError
from openmolmo.engine.studio.store.database import Database, DatabaseGoneError, open_database, upgrade
from openmolmo.engine.studio.store.schema import NewerDatabaseError, current_revision, newest_revision
from openmolmo.engine.studio.store.tables import Base, Setting
from openmolmo.engine.studio.store.turns import Turns
from postgresql_server import PostgresqlServer, fresh_database, programs


def put(database: Database, name: str, size: int = 1) -> None:
    with database.begin() as session:
        session.add(Setting(name=name, value={"text": "x" * size}))


def count(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count(Setting.name))) or 0


def test_migrations_make_the_tables(database: Database, database_url: str) -> None:
    upgrade(database_url).close()  # a second start finds nothing to do
    with database.begin() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert current_revision(session.connection()) == newest_revision()
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerDatabaseError, match=f"has revision 9999; the newest .* is {newest_revision()}"):
        upgrade(database_url)


def test_processes_that_start_together_make_the_tables_once(database_url: str) -> None:
    faults: list[BaseException] = []

    def open_it() -> None:
        try:
            upgrade(database_url).close()
        except BaseException as error:  # noqa: BLE001 - looked at below
            faults.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


def test_one_transaction_is_all_or_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.begin() as session:
        session.add(Setting(name="lost", value={}))
        session.flush()
        _ = 1 / 0
    put(database, "kept")
    assert count(database) == 1


def test_wrong_addresses(tmp_path: Path) -> None:
    for url, said in [
        ("studio.sqlite", "is no address of a database"),
        ("mysql://host/name", "no databases of the kind 'mysql'"),
        ("sqlite://", "in memory"),
        (f"sqlite:///{tmp_path}/none/studio.sqlite", "there is no folder"),
    ]:
        with pytest.raises(ConfigError, match=said):
            open_database(url)
    nobody = open_database("postgresql://me:secret@127.0.0.1:1/studio", patience=0.2)
    with (
        pytest.raises(DatabaseGoneError, match=r"me:\*\*\*@127.0.0.1:1/studio cannot be reached") as gone,
        nobody.read(),
    ):
        pass
    assert "secret" not in str(gone.value)


def test_a_full_disk_keeps_what_is_there(tmp_path: Path) -> None:
    database = upgrade(f"sqlite:///{tmp_path / 's.sqlite'}", pool=1)
    put(database, "first")
    with database.read() as session:
        pages = session.scalar(text("PRAGMA page_count"))
        session.execute(text(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(DiskFullError, match="no space is left for the database"):
        put(database, "second", 100_000)
    with database.read() as session:
        session.execute(text("PRAGMA max_page_count = 1000000"))
    put(database, "second", 100_000)
    assert count(database) == 2


def test_sqlite_in_the_hands_of_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openmolmo.engine.studio.store.database.BUSY_SECONDS", 0.05)
    database = upgrade(f"sqlite:///{tmp_path / 's.sqlite'}", patience=0.1)
    other = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseGoneError, match="locked"):
        put(database, "refused")
    threading.Timer(0.3, lambda: other.execute("COMMIT")).start()
    database.patience = 10.0
    put(database, "waited")
    assert count(database) == 1


@pytest.mark.slow
@pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed here")
def test_postgresql_goes_away_and_comes_back() -> None:
    server = PostgresqlServer()
    try:
        database = upgrade(fresh_database(server.address), patience=0.5)
        put(database, "before")
        with pytest.raises(DatabaseGoneError, match="cannot be reached"), database.begin() as session:
            session.add(Setting(name="in the middle", value={}))
            session.flush()
            server.stop()
        with pytest.raises(DatabaseGoneError, match="cannot be reached"):
            put(database, "while away")
        threading.Timer(1.0, server.start).start()
        began = time.monotonic()
        database.run(lambda session: session.add(Setting(name="after", value={})), patience=30.0)
        assert time.monotonic() - began > 0.5
        assert count(database) == 2
    finally:
        server.close()


def test_writers_of_one_process_have_their_turn_in_order() -> None:
    turns, order = Turns(), []

    def work(number: int) -> None:
        with turns.one(5.0):
            order.append(number)

    with turns.one(5.0):
        threads = []
        for number in range(4):
            threads.append(threading.Thread(target=work, args=(number,)))
            threads[-1].start()
            while len(turns._waiting) <= number:
                time.sleep(0.001)
        with turns.one(0.01):
            order.append(99)  # in vain, and not for ever
    for thread in threads:
        thread.join()
    assert order == [99, 0, 1, 2, 3]
    with turns.one(5.0):
        assert not turns._waiting
