"""Where tests get a PostgreSQL server: the one named in the environment, or one of their own.

``OPENMOLMO_TEST_POSTGRESQL``: the address of a server to use, e.g. ``postgresql://postgres@127.0.0.1:5432``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from postgresql_server import PostgresqlServer, fresh_database, programs

__all__ = ["fresh_database", "installed", "server"]


def installed() -> bool:
    """Whether a PostgreSQL server can be had here."""
    return bool(os.environ.get("OPENMOLMO_TEST_POSTGRESQL")) or programs() is not None


@contextmanager
def server() -> Iterator[str]:
    """The address of a server without a database."""
    given = os.environ.get("OPENMOLMO_TEST_POSTGRESQL")
    if given:
        yield given.rstrip("/")
        return
    own = PostgresqlServer()
    try:
        yield own.address
    finally:
        own.close()
