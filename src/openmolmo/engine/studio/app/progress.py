"""What is left to do and what was done, as a person sees it: their own numbers, never another's."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session as Rows

from openmolmo.engine.studio.store.tables import Annotation, Lease, Picture, Project, Task

__all__ = ["ModeProgress", "mode_progress", "waiting_for_review"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeProgress:
    """One mode for one person."""

    mode: str
    left: int
    """Tasks that they may still do; the one that they are in the middle of is one of them."""
    going: bool
    """Whether they are in the middle of one."""
    done: int
    sent_back: int
    minutes: int


def mode_progress(rows: Rows, project: Project, person_id: int, mode: str) -> ModeProgress:
    """Counts of one mode for one person."""
    here = (Task.project_id == project.id, Task.mode == mode)
    had = exists().where(Lease.task_id == Task.id, Lease.person_id == person_id)
    left = rows.scalar(
        select(func.count(Task.id))
        .join(Picture, Picture.id == Task.picture_id)
        .where(*here, Task.slots > 0, Task.gold.is_(None), Picture.hidden_reason.is_(None), ~had)
    )
    going = rows.scalar(
        select(func.count(Lease.id))
        .join(Task, Task.id == Lease.task_id)
        .where(*here, Lease.person_id == person_id, Lease.ended_at.is_(None))
    )
    states = rows.execute(
        select(Annotation.state, func.count(Annotation.id), func.sum(Annotation.worked_ms))
        .join(Task, Task.id == Annotation.task_id)
        .where(*here, Annotation.person_id == person_id)
        .group_by(Annotation.state)
    ).all()
    counts = {state: int(count) for state, count, _ in states}
    return ModeProgress(
        mode=mode,
        left=int(left or 0) + int(going or 0),
        going=bool(going),
        done=counts.get("submitted", 0) + counts.get("accepted", 0),
        sent_back=counts.get("sent_back", 0),
        minutes=round(sum(int(ms or 0) for _, _, ms in states) / 60_000),
    )


def waiting_for_review(rows: Rows, project: Project, mode: str) -> int:
    """How many finished works of a mode nobody has judged yet."""
    return int(
        rows.scalar(
            select(func.count(Annotation.id))
            .join(Task, Task.id == Annotation.task_id)
            .where(Task.project_id == project.id, Task.mode == mode, Annotation.state == "submitted")
        )
        or 0
    )
