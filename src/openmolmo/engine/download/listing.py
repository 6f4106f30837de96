"""Which URL became which file, why others did not, and which files many URLs gave."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmolmo.engine.download.database import StatusDatabase
from openmolmo.engine.download.states import State
from openmolmo.engine.download.store import ImageStore

__all__ = ["Fate", "Shared", "fates", "shared_files"]

_MANY = 3
"""So many addresses of one and the same file are worth a word; two are a repeat in most sets."""


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What became of a URL. ``file``: its path in the download folder; ``why``: what was wrong, or whence it came."""

    url: str
    state: State
    file: str | None
    why: str

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, kw_only=True)
class Shared:
    """A file that ``urls`` different addresses of ``hosts`` hosts gave: a placeholder, or a much copied picture."""

    file: str
    sha256: str
    urls: int
    hosts: int


def fates(database: StatusDatabase, states: Collection[State] = ()) -> Iterator[Fate]:
    """Every URL, or those in one of ``states``, in the order in which they became known."""
    store = ImageStore(database.folder)
    rows = database.db.execute("SELECT url, state, sha256, bytes, detail FROM urls ORDER BY id")
    for url, state, digest, size, detail in rows:
        if states and State(state) not in states:
            continue
        file = store.find(digest, size) if state == State.OK else None
        why = detail if state != State.OK or file is not None else "its file is not there any more, or not whole"
        yield Fate(url=url, state=State(state), file=None if file is None else _inside(database, file), why=why)


def shared_files(database: StatusDatabase, name: str | None = None, *, most: int = 5) -> tuple[Shared, ...]:
    """Files that at least three addresses gave (of the set ``name``, or of all), those of most addresses first."""
    store = ImageStore(database.folder)
    where = ""
    values: list[object] = [_MANY, most]
    if name is not None:
        where = " AND id IN (SELECT url_id FROM uses JOIN sets ON sets.id = set_id WHERE name = ?)"
        values.insert(0, name)
    rows = database.db.execute(
        f"SELECT sha256, bytes, COUNT(*), COUNT(DISTINCT host) FROM urls WHERE state = 'ok'{where}"
        " GROUP BY sha256 HAVING COUNT(*) >= ? ORDER BY 3 DESC, 1 LIMIT ?",
        values,
    ).fetchall()
    found = ((digest, store.find(digest, size), urls, hosts) for digest, size, urls, hosts in rows)
    return tuple(
        Shared(file=digest if file is None else _inside(database, file), sha256=digest, urls=urls, hosts=hosts)
        for digest, file, urls, hosts in found
    )


def _inside(database: StatusDatabase, file: Path) -> str:
    return file.relative_to(database.folder).as_posix()
