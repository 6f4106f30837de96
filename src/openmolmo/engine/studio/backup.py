"""A backup of a whole studio in one tar file: all tables as they were at one moment, pictures and recordings.

    write_backup(database, directory, Path("monday.tar"))         # while people work
    read_backup(Path("monday.tar"), database, Path("studio"))     # into an empty folder and an empty database

The tables are lines of JSON, so a backup of SQLite can be restored on PostgreSQL and the other way round: this is how
a studio moves. Copies of pictures and certificates are left out; they are made again.
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from sqlalchemy import BigInteger, Integer, Table, insert, select, text
from sqlalchemy.orm import Session as Rows

from openmolmo.core.errors import RunError
from openmolmo.core.files import atomic_file, disk_full_as_error
from openmolmo.engine.studio.store.database import Database
from openmolmo.engine.studio.store.schema import current_revision
from openmolmo.engine.studio.store.tables import Base

__all__ = ["BackupError", "read_backup", "write_backup"]

_FACTS = "backup.json"
_AT_ONCE = 500  # rows
_LEFT_OUT = {"copies", "tls"}
_DATABASE_ENDINGS = (".sqlite", ".sqlite-wal", ".sqlite-shm", ".sqlite3", ".tmp")


class BackupError(RunError):
    """A backup cannot be made there, or does not fit the place where it shall be restored."""


def write_backup(database: Database, directory: Path, file: Path) -> dict[str, int]:
    """Write everything to ``file``, whole or not at all; rows by table. Only its owner may read the file."""
    counts: dict[str, int] = {}
    with atomic_file(file) as temporary, tarfile.open(temporary, "w") as tar:
        temporary.chmod(0o600)
        with database.read() as rows:
            if not database.is_sqlite:
                rows.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            for table in Base.metadata.sorted_tables:
                counts[table.name] = _add_table(tar, rows, table)
            facts = {"revision": current_revision(rows.connection()), "rows": counts}
        _add_bytes(tar, _FACTS, json.dumps(facts).encode())
        for path in _files(directory, file):
            tar.add(path, f"files/{path.relative_to(directory)}", recursive=False)
    file.chmod(0o600)
    return counts


def _add_table(tar: tarfile.TarFile, rows: Rows, table: Table) -> int:
    count = 0
    with tempfile.TemporaryFile() as lines:
        for row in rows.execute(select(table).execution_options(yield_per=_AT_ONCE)):
            lines.write(json.dumps(dict(row._mapping), ensure_ascii=False).encode() + b"\n")
            count += 1
        entry = tarfile.TarInfo(f"tables/{table.name}.jsonl")
        entry.size, entry.mode = lines.tell(), 0o600
        lines.seek(0)
        tar.addfile(entry, lines)
    return count


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o600
    tar.addfile(entry, io.BytesIO(content))


def _files(directory: Path, but: Path) -> Iterator[Path]:
    for path in sorted(directory.rglob("*")):
        if not path.is_file() or path.is_symlink() or path.resolve() == but.resolve():
            continue
        top = path.relative_to(directory).parts[0]
        if top not in _LEFT_OUT and not path.name.endswith(_DATABASE_ENDINGS):
            yield path


def read_backup(file: Path, database: Database, directory: Path) -> dict[str, int]:
    """Restore ``file`` into an empty ``database`` (with tables) and ``directory``; rows by table."""
    if not file.is_file():
        raise BackupError(f"there is no file {file}", fix="name a file that openmolmo studio backup wrote")
    with disk_full_as_error(directory), _opened(file) as tar:
        facts = _facts(tar, file)
        with database.begin() as rows:
            _require_empty(rows, database)
            if facts["revision"] != (revision := current_revision(rows.connection())):
                raise BackupError(
                    f"{file} was made with tables {facts['revision']}, this program has {revision}",
                    fix="restore it with the version of openmolmo that made it, then update",
                )
            counts = {table.name: _read_table(tar, rows, table) for table in Base.metadata.sorted_tables}
            if counts != facts["rows"]:
                raise BackupError(f"{file} is damaged: it has {counts}, and should have {facts['rows']}")
            _extract(tar, directory)
            if not database.is_sqlite:
                _count_on(rows)
    return counts


def _opened(file: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(file, "r:")
    except (tarfile.TarError, EOFError) as error:
        raise BackupError(f"{file} is no backup, or is damaged: {error}") from error


def _member(tar: tarfile.TarFile, name: str, file: str) -> IO[bytes]:
    try:
        found = tar.extractfile(name)
    except KeyError:
        found = None
    if found is None:
        raise BackupError(f"{file} is no backup of a studio: it has no {name}")
    return found


def _facts(tar: tarfile.TarFile, file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.load(_member(tar, _FACTS, str(file)))
    return found


def _require_empty(rows: Rows, database: Database) -> None:
    for table in Base.metadata.sorted_tables:
        if rows.execute(select(table).limit(1)).first() is not None:
            where = database.engine.url.render_as_string(hide_password=True)
            raise BackupError(
                f"the database {where} is not empty: the table {table.name} has rows",
                fix="restore into a new folder or a new database; nothing was changed",
            )


def _read_table(tar: tarfile.TarFile, rows: Rows, table: Table) -> int:
    count, waiting = 0, []
    for line in _member(tar, f"tables/{table.name}.jsonl", str(tar.name)):
        waiting.append(json.loads(line))
        if len(waiting) == _AT_ONCE:
            rows.execute(insert(table), waiting)
            count, waiting = count + len(waiting), []
    if waiting:
        rows.execute(insert(table), waiting)
    return count + len(waiting)


def _extract(tar: tarfile.TarFile, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for member in tar:
        if not member.name.startswith("files/") or not member.isfile():
            continue
        member.name = member.name.removeprefix("files/")
        tar.extract(member, directory, filter="data")  # refuses what would leave the folder


def _count_on(rows: Rows) -> None:
    """PostgreSQL's counters go on after the highest number that was restored."""
    for table in Base.metadata.sorted_tables:
        column = table.columns.get("id")
        if column is not None and isinstance(column.type, Integer | BigInteger):
            highest = f'(SELECT COALESCE(MAX(id), 0) + 1 FROM "{table.name}")'
            rows.execute(text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {highest}, false)"))
