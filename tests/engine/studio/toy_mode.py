"""A mode in which people count: the smallest one that the queue, work, agreement and gold tasks can be tested with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import orm

from openmolmo.engine.studio.queue import add_task
from openmolmo.engine.studio.store.tables import Person, Picture, Project
from openmolmo.engine.studio.tasks.base import MODES, BadWorkError, Exported, JobRequest, TaskView, Work

__all__ = ["NAME", "ToyMode", "fill", "register"]

NAME = "toy"


@dataclass(frozen=True)
class ToyMode:
    """Work is ``{"count": n}``."""

    name: str = NAME
    template: str = "modes/toy.html.j2"
    script: str = "toy.js"
    needs_review: bool = False
    defaults: Mapping[str, Any] = field(default_factory=lambda: {"annotations": 2, "lease_seconds": 100.0})

    def check(self, task: TaskView, payload: Mapping[str, Any]) -> dict[str, Any]:
        count = payload.get("count")
        if not isinstance(count, int) or count < 0:
            raise BadWorkError("Please enter how many there are.")
        return {"count": count}

    def jobs(self, task: TaskView, annotation_id: int, payload: Mapping[str, Any]) -> Sequence[JobRequest]:
        return [JobRequest(kind="toy", key=f"toy-{annotation_id}", payload={"annotation": annotation_id})]

    def agreement(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
        return float(one["count"] == other["count"])

    def matches_gold(self, gold: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
        return bool(gold["count"] == payload["count"])

    def export(self, task: TaskView, works: Sequence[Work]) -> Exported | None:
        return None


def register() -> None:
    MODES.register(NAME, ToyMode())


def fill(
    session: orm.Session, *, tasks: int = 3, people: int = 3, options: Mapping[str, Any] | None = None
) -> tuple[int, list[int], list[int]]:
    """A project with one picture, ``tasks`` tasks and ``people``: its number, theirs, the tasks'."""
    project = Project(name="toys", licence="CC0-1.0", settings={NAME: dict(options or {})}, created_at=0.0)
    session.add(project)
    session.flush()
    picture = Picture(
        project_id=project.id,
        sha256="0" * 64,
        path="pictures/0.png",
        media_type="image/png",
        width=64,
        height=48,
        source="drawn",
        created_at=0.0,
    )
    them = [Person(name=f"person {n}", role="annotator", created_at=0.0) for n in range(people)]
    session.add_all([picture, *them])
    session.flush()
    made = [
        add_task(session, project_id=project.id, picture_id=picture.id, mode=NAME, now=0.0, payload={"number": n}).id
        for n in range(tasks)
    ]
    return project.id, [person.id for person in them], made
