"""Databases for tests: SQLite in a folder, and a PostgreSQL server of their own where Debian's package is installed.

``OPENMOLMO_TEST_POSTGRESQL``: the address of a server to use instead, e.g. ``postgresql://postgres@127.0.0.1:5432``.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Server", "fresh_database", "installed", "server"]

_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if Path("/usr/lib/postgresql").is_dir() else []


def installed() -> bool:
    """Whether a PostgreSQL server can be had here."""
    return bool(os.environ.get("OPENMOLMO_TEST_POSTGRESQL")) or (bool(_PLACES) and shutil.which("runuser") is not None)


class Server:
    """A PostgreSQL server in a temporary folder, on a free port; it can be stopped and started again."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="openmolmo-postgresql-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.address = f"postgresql://postgres@127.0.0.1:{self.port}"
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8")
        self.start()

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
        self._run("pg_ctl", "-D", self._data, "-l", str(self.folder / "log"), "-w", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        # The server refuses to run as root.
        as_user = ["runuser", "-u", "postgres", "--"] if getpass.getuser() == "root" else []
        command = [*as_user, str(_PLACES[-1] / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, timeout=60)


@contextmanager
def server() -> Iterator[str]:
    """The address of a server without a database: the one that is named in the environment, or one of our own."""
    given = os.environ.get("OPENMOLMO_TEST_POSTGRESQL")
    if given:
        yield given.rstrip("/")
        return
    own = Server()
    try:
        yield own.address
    finally:
        own.close()


def fresh_database(address: str) -> str:
    """A new, empty database on the server at ``address``; its own address."""
    import psycopg

    name = f"studio_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return f"{address}/{name}"
