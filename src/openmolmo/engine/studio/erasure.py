"""Deletes one person's data at their request: their right. What is left is a tombstone without name or work.

    with database.begin() as session:
        erase(session, directory, person, by=admin_id, now=now)
    remove_files(database, directory)

Their recordings' bytes, what they wrote, clicked and corrected, their name, password, links and sessions go. What
stays says only that there was somebody: rows with numbers, so that an export made before can be told what to drop
(``erased`` in its provenance), and one event.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session as Rows

from openmolmo.engine.studio import events, queue
from openmolmo.engine.studio.accounts import keep_an_admin, sign_out_everywhere, withdraw_links_by
from openmolmo.engine.studio.store.database import Database
from openmolmo.engine.studio.store.tables import (
    Annotation,
    Chunk,
    Job,
    Lease,
    Person,
    Recording,
    Review,
    Transcript,
    Turn,
)

__all__ = ["erase", "remove_files"]


def erase(rows: Rows, directory: Path, person: Person, *, by: int | None, now: float) -> None:
    """Blank everything of ``person`` in the database. Files go afterwards, by :func:`remove_files`.

    In this order a crash in between leaves files that the next call of :func:`remove_files` finds, and never rows
    that name files which are gone.
    """
    if person.role == "admin":
        keep_an_admin(rows, person)
    theirs = select(Annotation.id).where(Annotation.person_id == person.id)
    spoken = select(Recording.id).where(Recording.person_id == person.id)
    queue.forget(rows, person.id, now)
    events.forget(rows, person.id)
    _forget_jobs(rows, person, now)
    rows.execute(
        update(Turn).where(Turn.annotation_id.in_(theirs)).values(text="", made={}).execution_options(**_PLAIN)
    )
    _forget_captions(rows, set(rows.scalars(theirs)))
    rows.execute(update(Transcript).where(Transcript.recording_id.in_(spoken)).values(text="", words=[]))
    rows.execute(delete(Chunk).where(Chunk.recording_id.in_(spoken)).execution_options(**_PLAIN))
    rows.execute(
        update(Recording)
        .where(Recording.person_id == person.id)
        .values(state="erased", size=0, sha256=None, milliseconds=None, speech_share=None, refused=None)
    )
    rows.execute(
        update(Review)
        .where((Review.reviewer_id == person.id) | Review.annotation_id.in_(theirs))
        .values(comment="")
        .execution_options(**_PLAIN)
    )
    rows.execute(update(Lease).where(Lease.person_id == person.id).values(reason=None))
    rows.execute(
        update(Annotation)
        .where(Annotation.person_id == person.id)
        .values(payload={}, state="withdrawn", worked_ms=0, changed_at=now)
    )
    sign_out_everywhere(rows, person.id)
    withdraw_links_by(rows, person.id)
    person.name, person.password, person.keys = "", None, {}
    person.erased_at = now
    person.disabled_at = person.disabled_at or now
    events.record(rows, "person.erased", "person", person.id, person_id=by)


_PLAIN = {"synchronize_session": False}
"""The rows of a sub-select are not looked for among the objects in memory."""


def _forget_captions(rows: Rows, works: set[int]) -> None:
    """Captions that were merged out of the person's words and others' go; they are merged anew out of what is left."""
    for turn in rows.scalars(select(Turn).where(Turn.kind == "caption", Turn.text != "")):
        others = set(turn.made.get("annotations", ()))
        if not others & works:
            continue
        turn.text, turn.made = "", {}
        for work in rows.scalars(select(Annotation).where(Annotation.id.in_(others))):
            work.payload = {**work.payload, "caption": ""}  # a reviewer wrote it over the merged one


def _forget_jobs(rows: Rows, person: Person, now: float) -> None:
    """Jobs about the person's work: what they were given and what came out is theirs too."""
    works = set(rows.scalars(select(Annotation.id).where(Annotation.person_id == person.id)))
    recordings = set(rows.scalars(select(Recording.id).where(Recording.person_id == person.id)))
    for job in rows.scalars(select(Job)):
        about = job.payload
        named = {about.get(key) for key in ("annotation", "annotation_id")} & works
        spoken = {about.get(key) for key in ("recording", "recording_id")} & recordings
        if named or spoken:
            job.payload, job.result, job.error = {}, None, None
            if job.done_at is None:
                job.state, job.done_at = "failed", now


def remove_files(database: Database, directory: Path) -> int:
    """Delete the sound of erased recordings from the disk; how many files and folders went."""
    with database.read() as rows:
        erased = list(rows.scalars(select(Recording).where(Recording.state == "erased")))
    gone = 0
    root = directory.resolve()
    for recording in erased:
        names = [recording.path, recording.seekable_path, f"recordings/{recording.id}"]
        for name in names:
            path = (root / name).resolve() if name else root
            if path == root or not path.is_relative_to(root) or not path.exists():
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
            gone += 1
    with database.begin() as rows:
        rows.execute(update(Recording).where(Recording.state == "erased").values(path=None, seekable_path=None))
    return gone
