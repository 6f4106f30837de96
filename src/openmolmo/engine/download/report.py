"""What part of each set is there, why the rest is not, and how the loss moved the labels."""

from __future__ import annotations

import dataclasses
import heapq
import math
from dataclasses import dataclass, field
from typing import Any

from openmolmo.engine.download.database import StatusDatabase
from openmolmo.engine.download.listing import Shared, shared_files
from openmolmo.engine.download.states import State

__all__ = ["LabelShift", "SetReport", "report"]


@dataclass(frozen=True, kw_only=True)
class LabelShift:
    """How a column's values are distributed among all rows and among those whose picture is there.

    ``moved``: total variation distance, the share of rows that would have to change their value, 0 to 1.
    ``by_chance``: about what it would be had the same number of rows been lost blindly. ``most``: the values
    whose share changed most, each (value, share before, share after).
    """

    column: str
    values: int
    lost: int
    moved: float
    by_chance: float
    most: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, kw_only=True)
class SetReport:
    """One set. ``images`` are distinct URLs, ``files`` distinct pictures; ``reasons`` has, for each state,
    (URLs, rows); ``hosts`` are those with most URLs lost, each (host, lost, all);
    ``shared`` are files that many URLs gave."""

    name: str
    rows: int
    images: int
    files: int
    alive_rows: int
    alive_images: int
    bytes: int
    reasons: dict[State, tuple[int, int]]
    labels: tuple[LabelShift, ...] = ()
    hosts: tuple[tuple[str, int, int], ...] = field(default=())
    shared: tuple[Shared, ...] = ()

    @property
    def alive(self) -> float:
        """Share of the rows whose picture is there, 0 to 1."""
        return self.alive_rows / self.rows if self.rows else 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        reasons = {str(state): {"images": urls, "rows": rows} for state, (urls, rows) in self.reasons.items()}
        return {**dataclasses.asdict(self), "reasons": reasons, "alive": self.alive}


def report(database: StatusDatabase, *, most: int = 10) -> list[SetReport]:
    """Every set of the database, by name; ``most``: how many values and hosts to name."""
    return [
        _one(database, number, name, most)
        for number, name in database.db.execute("SELECT id, name FROM sets ORDER BY 2")
    ]


def _one(database: StatusDatabase, number: int, name: str, most: int) -> SetReport:
    db = database.db
    states = db.execute(
        "SELECT state, COUNT(*), SUM(rows) FROM uses JOIN urls ON urls.id = url_id WHERE set_id = ?"
        " GROUP BY state ORDER BY 2 DESC",
        (number,),
    ).fetchall()
    reasons = {State(state): (urls, rows) for state, urls, rows in states}
    files, size = db.execute(
        "SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM (SELECT bytes FROM uses JOIN urls ON urls.id = url_id"
        " WHERE set_id = ? AND state = 'ok' GROUP BY sha256)",
        (number,),
    ).fetchone()
    hosts = db.execute(
        "SELECT host, SUM(state <> 'ok') AS lost, COUNT(*) FROM uses JOIN urls ON urls.id = url_id WHERE set_id = ?"
        " GROUP BY host HAVING lost > 0 ORDER BY lost DESC, host LIMIT ?",
        (number, most),
    ).fetchall()
    urls, rows = reasons.get(State.OK, (0, 0))
    columns = db.execute(
        "SELECT DISTINCT name FROM label_uses JOIN labels ON labels.id = label_id WHERE set_id = ? ORDER BY 1",
        (number,),
    ).fetchall()
    return SetReport(
        name=name,
        rows=sum(rows for _, rows in reasons.values()),
        images=sum(urls for urls, _ in reasons.values()),
        files=files,
        alive_rows=rows,
        alive_images=urls,
        bytes=size,
        reasons=reasons,
        labels=tuple(_shift(database, number, column, most) for (column,) in columns),
        hosts=tuple((host, lost, count) for host, lost, count in hosts),
        shared=shared_files(database, name, most=most),
    )


_BY_VALUE = (
    "FROM label_uses JOIN labels ON labels.id = label_id JOIN urls ON urls.id = url_id WHERE set_id = ? AND name = ?"
)


def _shift(database: StatusDatabase, number: int, column: str, most: int) -> LabelShift:
    rows, alive = database.db.execute(
        f"SELECT SUM(rows), COALESCE(SUM(rows * (state = 'ok')), 0) {_BY_VALUE}", (number, column)
    ).fetchone()
    values = lost = 0
    moved = chance = 0.0
    heap: list[tuple[float, str, float, float]] = []
    cursor = database.db.execute(
        f"SELECT value, SUM(rows), SUM(rows * (state = 'ok')) {_BY_VALUE} GROUP BY label_id", (number, column)
    )
    for value, before, after in cursor:
        share, now = before / rows, after / alive if alive else 0.0
        values, lost = values + 1, lost + (after == 0)
        moved += abs(now - share) / 2
        chance += _expected(before, rows, alive) / 2
        (heapq.heappush if len(heap) < most else heapq.heappushpop)(heap, (abs(now - share), value, share, now))
    top = tuple((value, share, now) for _, value, share, now in sorted(heap, reverse=True))
    return LabelShift(
        column=column,
        values=values,
        lost=lost,
        moved=moved if alive else 1.0,
        by_chance=chance if alive else 1.0,
        most=top,
    )


def _expected(count: int, rows: int, alive: int) -> float:
    """Mean change of a value's share when ``alive`` of ``rows`` rows are left by chance (normal approximation)."""
    if not alive:
        return 0.0
    kept = alive / rows
    return math.sqrt(2 / math.pi * count * kept * (1 - kept) * (1 - count / rows)) / alive
