"""The words of recordings: a person's own before a program's, the newest of each."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session as Rows

from openmolmo.engine.studio.store.tables import Annotation, Recording, Transcript

__all__ = ["newest", "parts_of", "spoken_work"]


def newest(rows: Rows, recording_id: int, *, machine: bool = False) -> Transcript | None:
    """What counts as said: the newest correction, else the newest that a program heard. ``machine``: only those."""
    found = rows.scalars(
        select(Transcript).where(Transcript.recording_id == recording_id).order_by(Transcript.id.desc())
    ).all()
    own = [one for one in found if one.engine == "person" and not machine]
    heard = [one for one in found if one.engine != "person"]
    return next(iter([*own, *heard]), None)


def parts_of(rows: Rows, lease_id: int) -> Sequence[Recording]:
    """Complete recordings of a lease that passed the gates, in the order in which they were spoken."""
    return rows.scalars(
        select(Recording)
        .where(Recording.lease_id == lease_id, Recording.state == "complete", Recording.refused.is_(None))
        .order_by(Recording.id)
    ).all()


def spoken_work(rows: Rows, work: Annotation) -> tuple[str, bool]:
    """What one person said in one work, all parts joined, and whether every part has its words already."""
    said = [newest(rows, part.id) for part in parts_of(rows, work.lease_id)]
    text = " ".join(one.text.strip() for one in said if one is not None and one.text.strip())
    return text, all(one is not None for one in said)
