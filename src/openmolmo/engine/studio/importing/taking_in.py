"""The way of pictures into a project: open, store once, order, make tasks; the same import again adds nothing."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openmolmo.core.files import sha256_bytes
from openmolmo.core.progress import track
from openmolmo.engine.download.lock import only_one
from openmolmo.engine.studio.importing.found import Found, Refused
from openmolmo.engine.studio.importing.keeping import Keeper
from openmolmo.engine.studio.importing.report import ImportReport, ImportSettings
from openmolmo.engine.studio.importing.tasks import make_tasks
from openmolmo.engine.studio.store.tables import Picture

if TYPE_CHECKING:
    from openmolmo.engine.studio.store.database import Database

__all__ = ["take_in"]

_BATCH = 32  # pictures in one transaction: what an interruption may cost


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
