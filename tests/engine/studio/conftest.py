"""Every studio test that asks for ``database`` runs on SQLite, and with ``-m postgresql`` on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import databases
import pytest
import toy_mode

from openmolmo.engine.studio.store.database import Database, upgrade


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL server; skips where there is none."""
    if not databases.installed():
        pytest.skip("PostgreSQL is not installed here (Debian: postgresql)")
    with databases.server() as address:
        yield address


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'studio.sqlite'}"
    return databases.fresh_database(request.getfixturevalue("postgresql"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with the studio's tables, and the toy mode registered."""
    toy_mode.register()
    opened = upgrade(database_url)
    yield opened
    opened.close()
