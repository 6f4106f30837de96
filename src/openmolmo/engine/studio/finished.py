"""Finished work as plain values: what agreement, gold tasks and statistics are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import orm, select

from openmolmo.engine.studio.options import finished_states, mode_options
from openmolmo.engine.studio.store.tables import Annotation, Project, Task

__all__ = ["Finished", "finished"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """One person's work on one task that counts."""

    annotation_id: int
    task_id: int
    person_id: int
    payload: Mapping[str, Any]
    gold: Mapping[str, Any] | None
    """The known answer, where it is a gold task."""
    submitted_at: float
    worked_ms: int
    mended: bool


def finished(session: orm.Session, project_id: int, mode: str) -> list[Finished]:
    """All work of a mode that counts (accepted, where it needs a review), in order of handing in."""
    states = finished_states(mode_options(session.get_one(Project, project_id), mode))
    rows = session.execute(
        select(
            Annotation.id,
            Annotation.task_id,
            Annotation.person_id,
            Annotation.payload,
            Task.gold,
            Annotation.submitted_at,
            Annotation.worked_ms,
            Annotation.mended_by,
        )
        .join(Task, Task.id == Annotation.task_id)
        .where(Task.project_id == project_id, Task.mode == mode, Annotation.state.in_(states))
        .order_by(Annotation.submitted_at, Annotation.id)
    )
    return [
        Finished(
            annotation_id=number,
            task_id=task,
            person_id=person,
            payload=payload,
            gold=gold,
            submitted_at=float(at or 0.0),
            worked_ms=worked,
            mended=mended is not None,
        )
        for number, task, person, payload, gold, at, worked, mended in rows
    ]
