"""The finished work on every task of a project, without names, and without the work of people who were erased."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from openmolmo.core.files import sha256_bytes
from openmolmo.engine.studio.options import finished_states, mode_options
from openmolmo.engine.studio.store.tables import (
    Annotation,
    Lease,
    Picture,
    Project,
    Recording,
    Setting,
    Task,
    Transcript,
    Turn,
)
from openmolmo.engine.studio.tasks.base import Spoken, TaskView, Work

__all__ = ["Finished", "erased_people", "finished_tasks", "pseudonym", "studio_id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A task with all its finished work, in the order in which it was handed in."""

    task: TaskView
    picture: Picture
    works: tuple[Work, ...]
    erased: tuple[str, ...] = ()
    """Pseudonyms of people who worked on it and were erased at their request."""


def studio_id(session: Session) -> str:
    """What this studio is called in provenance: random letters, made once."""
    found = session.get(Setting, "studio_id")
    if found is None:
        found = Setting(name="studio_id", value={"id": uuid.uuid4().hex[:12]})
        session.add(found)
        session.flush()
    return str(found.value["id"])


def pseudonym(studio: str, project_id: int, person_id: int) -> str:
    """What a person is called in exports of one project; in another project it is something else."""
    return f"p-{sha256_bytes(f'{studio} {project_id} {person_id}'.encode())[:10]}"


def erased_people(session: Session, project: Project, studio: str) -> list[str]:
    """Pseudonyms of all people who worked on the project and were erased."""
    theirs = select(Lease.person_id).join(Task, Task.id == Lease.task_id)
    rows = session.scalars(theirs.where(Task.project_id == project.id, Lease.outcome == "erased").distinct())
    return sorted(pseudonym(studio, project.id, person_id) for person_id in rows)


def finished_tasks(
    session: Session, project: Project, modes: Collection[str], *, studio: str, unreviewed: bool
) -> Iterator[Finished]:
    """Tasks in the order of their pictures and numbers; gold tasks are no data.

    Work counts when a reviewer accepted it, and where the mode needs no review (or ``unreviewed``) when it was
    handed in.
    """
    for mode in sorted(modes):
        options = mode_options(project, mode)
        states = ("submitted", "accepted") if unreviewed else finished_states(options)
        mine = (Task.project_id == project.id, Task.mode == mode, Task.gold.is_(None))
        works = _works(session, project, mode, states, studio)
        erased = _erased(session, project, mode, studio)
        rows = session.execute(
            select(Task, Picture)
            .join(Picture, Picture.id == Task.picture_id)
            .where(*mine)
            .order_by(Task.picture_id, Task.id)
        )
        for task, picture in rows:
            if task.id in works:
                view = TaskView(
                    id=task.id,
                    mode=mode,
                    picture_id=picture.id,
                    width=picture.width,
                    height=picture.height,
                    payload=dict(task.payload),
                    options=options,
                    facts=dict(picture.facts),
                )
                gone = tuple(sorted(erased.get(task.id, ())))
                yield Finished(task=view, picture=picture, works=tuple(works[task.id]), erased=gone)


def _works(
    session: Session, project: Project, mode: str, states: Sequence[str], studio: str
) -> Mapping[int, list[Work]]:
    """Finished work by task."""
    rows = session.scalars(
        select(Annotation)
        .join(Task, Task.id == Annotation.task_id)
        .where(Task.project_id == project.id, Task.mode == mode, Task.gold.is_(None), Annotation.state.in_(states))
        .order_by(Annotation.task_id, Annotation.submitted_at, Annotation.id)
    ).all()
    spoken = _spoken(session, project, mode)
    turns = _turns(session, project, mode)
    found: defaultdict[int, list[Work]] = defaultdict(list)
    for row in rows:
        found[row.task_id].append(
            Work(
                annotation_id=row.id,
                person=pseudonym(studio, project.id, row.person_id),
                payload=dict(row.payload),
                spoken=tuple(spoken.get(row.lease_id, ())),
                turns=tuple(turns.get(row.id, ())),
                submitted_at=row.submitted_at or row.changed_at,
                reviewed=row.state == "accepted",
            )
        )
    return found


def _spoken(session: Session, project: Project, mode: str) -> Mapping[int, list[Spoken]]:
    """Complete recordings that passed the gates, by lease, with their newest transcript, a person's first."""
    rows = session.execute(
        select(Recording, Transcript)
        .join(Lease, Lease.id == Recording.lease_id)
        .join(Task, Task.id == Lease.task_id)
        .outerjoin(Transcript, Transcript.recording_id == Recording.id)
        .where(
            Task.project_id == project.id,
            Task.mode == mode,
            Recording.state == "complete",
            Recording.refused.is_(None),
        )
        # a correction counts, whatever is heard later
        .order_by(Recording.id, Transcript.engine == "person", Transcript.id)
    )
    every: defaultdict[int, list[tuple[Recording, Transcript | None]]] = defaultdict(list)
    for one, said in rows:
        every[one.id].append((one, said))
    found: defaultdict[int, list[Spoken]] = defaultdict(list)
    for of_recording in every.values():
        recording, transcript = of_recording[-1]
        found[recording.lease_id].append(
            Spoken(
                recording_id=recording.id,
                sha256=recording.sha256 or "",
                media_type=recording.media_type,
                milliseconds=recording.milliseconds or 0,
                path=recording.path or "",
                transcript="" if transcript is None else transcript.text,
                engine="" if transcript is None else transcript.engine,
                how=_how(transcript, [other for _, other in of_recording if other is not None]),
            )
        )
    return found


def _how(newest: Transcript | None, every: Sequence[Transcript]) -> Literal["recognised", "corrected", "typed"]:
    """How the words came about: what a program heard after the speaker typed them has no part in them."""
    if newest is None or newest.engine != "person":
        return "recognised"
    heard = (one for one in every if one.engine not in ("person", "none") and one.text.strip())
    return "corrected" if any(one.id < newest.id for one in heard) else "typed"


def _turns(session: Session, project: Project, mode: str) -> Mapping[int, list[Mapping[str, object]]]:
    """Turns of asking by annotation."""
    rows = session.scalars(
        select(Turn)
        .join(Annotation, Annotation.id == Turn.annotation_id)
        .join(Task, Task.id == Annotation.task_id)
        .where(Task.project_id == project.id, Task.mode == mode)
        .order_by(Turn.annotation_id, Turn.number)
    )
    found: defaultdict[int, list[Mapping[str, object]]] = defaultdict(list)
    for row in rows:
        found[row.annotation_id].append({"kind": row.kind, "text": row.text, "made": row.made, "at": row.created_at})
    return found


def _erased(session: Session, project: Project, mode: str, studio: str) -> Mapping[int, set[str]]:
    """Who was erased, by task."""
    rows = session.execute(
        select(Lease.task_id, Lease.person_id)
        .join(Task, Task.id == Lease.task_id)
        .where(Task.project_id == project.id, Task.mode == mode, Lease.outcome == "erased")
    )
    found: defaultdict[int, set[str]] = defaultdict(set)
    for task_id, person_id in rows:
        found[task_id].add(pseudonym(studio, project.id, person_id))
    return found
