"""Brings a database to the tables that this program knows, step by step and only forwards."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from openmolmo.core.errors import RunError

__all__ = ["NewerDatabaseError", "current_revision", "migrate", "newest_revision"]

_LOCK = 0x6D6F6C6D6F  # any number: processes that start together upgrade one after the other


class NewerDatabaseError(RunError):
    """The database was made or changed by a newer program, whose tables this one does not know."""


def migrate(connection: Connection) -> None:
    """Make or change the tables, in the transaction of ``connection``: a change that fails leaves them as they were.

    :class:`NewerDatabaseError` where the database has a revision that this program does not know.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    found, newest = current_revision(connection), newest_revision()
    if found not in (None, *_known()):
        where = connection.engine.url.render_as_string(hide_password=True)
        raise NewerDatabaseError(
            f"the database {where} has revision {found}; the newest that this program knows is {newest}",
            fix='pip install -U "openmolmo[studio]", or go back to a backup of that database',
        )
    if found != newest:
        command.upgrade(_config(connection), "head")


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
