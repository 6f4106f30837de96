"""What is left to do and what was done, as a person sees it: their own numbers, never another's."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BindParameter, bindparam, case, exists, func, select
from sqlalchemy.orm import Session as Rows

from openmolmo.engine.studio.store.tables import Annotation, Lease, Picture, Project, Task

__all__ = ["ModeProgress", "mode_progress", "waiting_for_review"]


_ALL = 2**62
_WHO: BindParameter[int] = bindparam("who")
_HERE = (Task.project_id == bindparam("in_project"), Task.mode == bindparam("in_mode"))
_OPEN = (
    select(Task.id)
    .join(Task.picture)
    .where(*_HERE, Task.slots > 0, Task.gold.is_(None), Picture.hidden_reason.is_(None))
    .where(~exists().where(Lease.task_id == Task.id, Lease.person_id == _WHO))
    .limit(bindparam("most"))
)
_LEFT = select(func.count()).select_from(_OPEN.subquery())
_DONE = (
    select(
        Annotation.state,
        func.sum(case((Lease.ended_at.is_(None), 1), else_=0)),
        func.count(Annotation.id),
        func.sum(Annotation.worked_ms),
    )
    .select_from(Lease)
    .join(Lease.task)
    .outerjoin(Annotation, Annotation.lease_id == Lease.id)
    .where(*_HERE, Lease.person_id == _WHO)
    .group_by(Annotation.state)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeProgress:
    """One mode for one person."""

    mode: str
    left: int
    """Tasks that they may still do; the one that they are in the middle of is one of them."""
    more: bool
    """Whether there are more than ``left``."""
    going: bool
    """Whether they are in the middle of one."""
    done: int
    sent_back: int
    minutes: int


def mode_progress(rows: Rows, project: Project, person_id: int, mode: str, *, most: int | None = None) -> ModeProgress:
    """Counts of one mode for one person. ``most``: tasks that are left are counted so far and no further."""
    who = {"who": person_id, "in_project": project.id, "in_mode": mode}
    left = rows.scalar(_LEFT, {**who, "most": _ALL if most is None else most + 1}) or 0
    states = rows.execute(_DONE, who).all()
    counts = {state: int(count) for state, _, count, _ in states}
    going = sum(int(live or 0) for _, live, _, _ in states)
    return ModeProgress(
        mode=mode,
        left=(left if most is None else min(left, most)) + going,
        more=most is not None and left > most,
        going=going > 0,
        done=counts.get("submitted", 0) + counts.get("accepted", 0),
        sent_back=counts.get("sent_back", 0),
        minutes=round(sum(int(ms or 0) for _, _, _, ms in states) / 60_000),
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
