"""The way of pictures into a project: open, store once, order, make tasks; the same import again adds nothing."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openmolmo.core.errors import ConfigError
from openmolmo.core.files import sha256_bytes, write_text
from openmolmo.core.progress import track
from openmolmo.engine.download.lock import only_one
from openmolmo.engine.studio.importing.found import Found, Refused
from openmolmo.engine.studio.importing.keeping import Keeper
from openmolmo.engine.studio.importing.order import ORDERS, Order
from openmolmo.engine.studio.importing.tasks import make_tasks
from openmolmo.engine.studio.store.tables import Picture
from openmolmo.engine.studio.tasks.base import MODES

if TYPE_CHECKING:
    from openmolmo.engine.studio.store.database import Database

__all__ = ["ImportReport", "ImportSettings", "take_in"]

_BATCH = 32  # pictures in one transaction: what an interruption may cost


@dataclass(frozen=True, kw_only=True)
class ImportSettings:
    """How pictures come in.

    ``annotations``: people a task; None is what the project or the mode says. ``near``: pictures alike but for so
    many of 128 bits are one, None for exact copies only. ``licence`` and ``split`` where the source says none.
    """

    modes: tuple[str, ...]
    order: Order = "in-order"
    annotations: int | None = None
    near: int | None = 6
    seed: int = 0
    licence: str = "unknown"
    split: str = "train"
    descriptor: str = "plain"

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise ConfigError(f"order={self.order!r} is none of {', '.join(ORDERS)}")
        if self.annotations is not None and self.annotations < 1:
            raise ConfigError(f"annotations={self.annotations} must be at least 1")
        for mode in self.modes:
            MODES.get(mode)


@dataclass(kw_only=True)
class ImportReport:
    """What an import did. ``refused`` are pictures that were left out, and why."""

    kept: int = 0
    known: int = 0
    """In the project before."""
    twice: int = 0
    """The same file again in this source."""
    alike: list[Refused] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    tasks: Counter[str] = field(default_factory=Counter)
    gold: Counter[str] = field(default_factory=Counter)
    nothing_to_check: Counter[str] = field(default_factory=Counter)
    """Pictures for which a mode had nothing to check, by mode."""

    def __add__(self, other: ImportReport) -> ImportReport:
        """Both together."""
        return ImportReport(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)})

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        reasons = Counter(one.reason for one in self.refused)
        return {
            "kept": self.kept,
            "known": self.known,
            "twice": self.twice,
            "alike": len(self.alike),
            "refused": dict(reasons),
            "tasks": dict(self.tasks),
            "gold": dict(self.gold),
            "nothing_to_check": dict(self.nothing_to_check),
        }

    def write_why(self, file: Path) -> None:
        """One JSON object a line for every picture that was left out or looks like another."""
        rows = (json.dumps(asdict(one), ensure_ascii=False) for one in (*self.refused, *self.alike))
        write_text(file, "".join(f"{row}\n" for row in rows))


def take_in(
    database: Database,
    directory: Path,
    project_id: int,
    source: Iterable[Found | Refused],
    settings: ImportSettings,
) -> ImportReport:
    """Take the pictures of a source into a project, and make tasks of those that have none.

    Pictures are committed as they come, tasks at the end: what was cut off goes on with the same command.
    RunError when another import into the same studio is running.
    """
    report = ImportReport()
    with only_one(directory, "import"):
        checks = _keep_all(database, directory, project_id, source, settings, report)
        with database.begin() as session:
            made = make_tasks(session, directory, project_id, checks, settings)
    report.tasks, report.nothing_to_check = made
    return report


def _keep_all(
    database: Database,
    directory: Path,
    project_id: int,
    source: Iterable[Found | Refused],
    settings: ImportSettings,
    report: ImportReport,
) -> dict[str, Mapping[str, tuple[dict[str, Any], ...]]]:
    """What is to be checked on every picture of the source, by its hash, in the order of the source."""
    checks: dict[str, Mapping[str, tuple[dict[str, Any], ...]]] = {}
    with database.begin() as session:
        keeper = Keeper(session, directory, project_id, near=settings.near)
    found = track(source, "taking in pictures")
    while batch := list(itertools.islice(found, _BATCH)):
        rows = []
        for one in batch:
            row = _keep(keeper, one, settings, checks, report)
            if row is not None:
                rows.append(row)
        with database.begin() as session:
            session.add_all(rows)
    return checks


def _keep(
    keeper: Keeper,
    one: Found | Refused,
    settings: ImportSettings,
    checks: dict[str, Mapping[str, tuple[dict[str, Any], ...]]],
    report: ImportReport,
) -> Picture | None:
    if isinstance(one, Refused):
        report.refused.append(one)
        return None
    digest = sha256_bytes(one.data)
    if digest in checks:
        report.twice += 1
        checks[digest] = _both(checks[digest], one.checks)
        return None
    if keeper.knows(digest):
        report.known += 1
        checks[digest] = one.checks
        return None
    row = keeper.keep(one, licence=settings.licence, split=settings.split, now=time.time())
    if isinstance(row, Refused):
        report.refused.append(row)
        return None
    checks[digest] = one.checks
    if row.hidden_reason is None:
        report.kept += 1
    else:
        report.alike.append(Refused(name=one.name, reason="looks like another picture", what=row.hidden_reason))
    return row


def _both(
    one: Mapping[str, tuple[dict[str, Any], ...]], other: Mapping[str, tuple[dict[str, Any], ...]]
) -> dict[str, tuple[dict[str, Any], ...]]:
    """The checks of two rows for one picture: a data set has one row a question."""
    return {mode: (*one.get(mode, ()), *other.get(mode, ())) for mode in {**one, **other}}
