"""One task to do: takes a lease, or goes on with one, and shows the page of its mode."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.orm import Session as Rows
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from openmolmo.engine.studio import queue
from openmolmo.engine.studio import work as works
from openmolmo.engine.studio.accounts import SignedIn
from openmolmo.engine.studio.app.own_keys import own_keys
from openmolmo.engine.studio.app.progress import mode_progress
from openmolmo.engine.studio.app.signed_in import App, Person
from openmolmo.engine.studio.store.tables import Annotation, Lease, Review
from openmolmo.engine.studio.tasks.base import MODES, TaskView

__all__ = ["router", "task_data"]

router = APIRouter()

MOST_SHOWN = 500
"""More tasks that are left are not counted at each page: in a large project that takes longer than all else."""


@router.get("/work/{mode}")
def work(request: Request, mode: str, person: Person, app: App) -> HTMLResponse:
    """The page of one task of a mode, or a friendly word where nothing is left."""
    if mode not in MODES:
        raise HTTPException(404)
    plugin = MODES.get(mode)
    with app.database.begin() as rows:
        project = app.project(rows)
        lease = queue.take(rows, person.person_id, project.id, mode, app.now()) if project is not None else None
    if project is None or lease is None:
        return app.page(request, "nothing.html.j2", person=person, mode=mode)
    with app.database.ask() as rows:  # others need not wait for what is only looked up
        task = works.task_view(rows, lease.id)
        data = task_data(rows, task, lease, person)
        progress = mode_progress(rows, project, person.person_id, mode, most=MOST_SHOWN)
    return app.page(
        request,
        plugin.template,
        person=person,
        mode=mode,
        script=plugin.script,
        task=task,
        data=data,
        progress=progress,
        review=None,
        comment=data["comment"],
    )


def task_data(rows: Rows, task: TaskView, lease: Lease, person: SignedIn) -> dict[str, Any]:
    """What the scripts of a page get: the task, the person's own draft, and where to send it."""
    draft = rows.scalar(select(Annotation).where(Annotation.lease_id == lease.id))
    return {
        "lease": lease.id,
        "expires_at": lease.expires_at,
        "revision": draft.revision if draft is not None else 0,
        "draft": draft.payload if draft is not None else None,
        "worked_ms": draft.worked_ms if draft is not None else 0,
        "comment": _comment(rows, draft),
        "task": plain(task),
        "picture_url": f"/pictures/{task.picture_id}",
        "options": dict(task.options),
        "keys": dict(person.keys),
        "own_keys": own_keys(task.mode, person.keys),
        "review": None,
        "readonly": False,
    }


def plain(task: TaskView) -> dict[str, Any]:
    """The task as JSON has it."""
    return asdict(task)


def _comment(rows: Rows, annotation: Annotation | None) -> str:
    """What the reviewer said, where the work came back."""
    if annotation is None or annotation.state != "sent_back":
        return ""
    newest = select(Review.comment).where(Review.annotation_id == annotation.id, Review.verdict == "sent_back")
    return rows.scalar(newest.order_by(Review.id.desc()).limit(1)) or ""
