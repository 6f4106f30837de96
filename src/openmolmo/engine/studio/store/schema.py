"""Brings a database to the tables that this program knows, step by step and only forwards."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from openmolmo.core.errors import RunError
from openmolmo.engine.studio.store.database import Database, open_database

__all__ = ["NewerDatabaseError", "current_revision", "newest_revision", "upgrade"]

_LOCK = 0x6D6F6C6D6F  # any number: processes that start together upgrade one after the other


class NewerDatabaseError(RunError):
    """The database was made or changed by a newer program, whose tables this one does not know."""


def upgrade(url: str) -> Database:
    """Open the database at ``url`` and make or change its tables as this program needs them.

    One transaction: a change that fails leaves the database as it was. :class:`NewerDatabaseError` where the database
    has a revision that this program does not know.
    """
    database = open_database(url)
    with database.begin() as session:
        connection = session.connection()
        if not database.is_sqlite:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        found, newest = current_revision(connection), newest_revision()
        if found not in (None, *_known()):
            where = database.engine.url.render_as_string(hide_password=True)
            raise NewerDatabaseError(
                f"the database {where} has revision {found}; the newest that this program knows is {newest}",
                fix='pip install -U "openmolmo[studio]", or go back to a backup of that database',
            )
        if found != newest:
            command.upgrade(_config(connection), "head")
    return database


def current_revision(connection: Connection) -> str | None:
    """The revision that a database has; none where it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str:
    """The revision of this program's tables."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    assert newest is not None
    return newest


def _known() -> set[str]:
    return {step.revision for step in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", "openmolmo.engine.studio.store:migrations")
    config.attributes["connection"] = connection
    return config
