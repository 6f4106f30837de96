"""The book of changes: every change is one event that stays. Receipts, undo, agreement and the audit read it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import event as hooks
from sqlalchemy import insert, orm, select, update

from openmolmo.engine.studio.store.tables import Annotation, Event

__all__ = ["forget", "latest", "record"]

_WRITE = insert(Event.__table__)  # type: ignore[arg-type]


def record(  # noqa: PLR0913 - the columns of an event
    session: orm.Session,
    kind: str,
    subject: str,
    subject_id: int,
    person_id: int | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    worked_ms: int | None = None,
    *,
    now: float | None = None,
) -> int:
    """Write down that ``kind`` (``annotation.submitted`` ...) happened to row ``subject_id`` of table ``subject``.

    ``person_id`` none: a program did it. ``now``: when, in seconds since 1970; none is this moment. Returns the
    event's number. Written at once, past the session's list of changed rows: nobody changes it afterwards.
    """
    values = {
        "at": time.time() if now is None else now,
        "person_id": person_id,
        "kind": kind,
        "subject": subject,
        "subject_id": subject_id,
        "before": None if before is None else dict(before),
        "after": None if after is None else dict(after),
        "worked_ms": worked_ms,
    }
    return int(session.execute(_WRITE, values).inserted_primary_key[0])  # type: ignore[attr-defined]


def latest(session: orm.Session, kind: str, subject: str, subject_id: int) -> Event | None:
    """The newest event of ``kind`` of one row."""
    session.flush()
    return session.scalars(
        select(Event)
        .where(Event.subject == subject, Event.subject_id == subject_id, Event.kind == kind)
        .order_by(Event.id.desc())
        .limit(1)
    ).first()


def forget(session: orm.Session, person_id: int) -> int:
    """Take the contents out of all events about one person's work, at their request; that they happened stays."""
    session.flush()
    theirs = select(Annotation.id).where(Annotation.person_id == person_id)
    about = (Event.person_id == person_id) | ((Event.subject == "annotation") & Event.subject_id.in_(theirs))
    done = session.execute(update(Event).where(about).values(before=None, after=None))
    return int(done.rowcount)  # type: ignore[attr-defined]


@hooks.listens_for(Event, "before_update")
@hooks.listens_for(Event, "before_delete")
def _refuse(*_: object) -> None:
    raise AssertionError("an event is never changed or deleted; only forget() empties those of a person")
