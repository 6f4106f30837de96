"""The audit log of access to recordings: voices are personal, so everybody who hears one is written down."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session as Rows

from openmolmo.engine.studio.store.tables import Access, Person, Recording

__all__ = ["latest_access", "may_hear", "write_down"]


def may_hear(person_id: int, reviews: bool, recording: Recording) -> bool:
    """Speakers hear their own recordings; who reviews hears all that were completed. Nobody hears erased ones."""
    if recording.state == "erased":
        return False
    return recording.person_id == person_id or (reviews and recording.state == "complete")


def write_down(rows: Rows, recording_id: int, person_id: int, how: str, now: float) -> None:
    """Write down that ``person_id`` heard (``listen``) or took out (``export``) a recording."""
    rows.add(Access(recording_id=recording_id, person_id=person_id, at=now, how=how))


def latest_access(rows: Rows, most: int) -> list[tuple[float, str, int, int, str]]:
    """The newest entries: when, who, which recording, whose number, how."""
    query = (
        select(Access.at, Person.name, Access.recording_id, Recording.person_id, Access.how)
        .join(Person, Person.id == Access.person_id)
        .join(Recording, Recording.id == Access.recording_id)
        .order_by(Access.id.desc())
        .limit(most)
    )
    return [(at, name, recording, speaker, how) for at, name, recording, speaker, how in rows.execute(query)]
