"""My work: what I handed in, what became of it, and taking it back."""

from __future__ import annotations

from fastapi import APIRouter, Request
from sqlalchemy import select
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse

from openmolmo.engine.studio import work as works
from openmolmo.engine.studio.app.pages.work import task_data
from openmolmo.engine.studio.app.signed_in import App, FormBy, Person
from openmolmo.engine.studio.store.tables import Annotation, Lease, Review, Task
from openmolmo.engine.studio.tasks.base import MODES

__all__ = ["router"]

router = APIRouter()

A_PAGE = 30


@router.get("/mine")
def mine(request: Request, person: Person, app: App, before: int | None = None) -> HTMLResponse:
    """Newest first, thirty a page."""
    query = (
        select(Annotation, Task)
        .join(Task, Task.id == Annotation.task_id)
        .where(Annotation.person_id == person.person_id)
        .order_by(Annotation.id.desc())
        .limit(A_PAGE + 1)
    )
    if before is not None:
        query = query.where(Annotation.id < before)
    with app.database.read() as rows:
        found = rows.execute(query).all()
        comments = {
            annotation.id: rows.scalars(
                select(Review.comment).where(Review.annotation_id == annotation.id, Review.comment != "")
            ).all()
            for annotation, _ in found
        }
    works_of_page = [
        {
            "id": annotation.id,
            "mode": task.mode,
            "picture": task.picture_id,
            "state": annotation.state,
            "when": annotation.submitted_at or annotation.changed_at,
            "comments": comments[annotation.id],
            "may_undo": annotation.state == "submitted",
        }
        for annotation, task in found[:A_PAGE]
    ]
    more = found[A_PAGE - 1][0].id if len(found) > A_PAGE else None
    return app.page(request, "mine.html.j2", person=person, works=works_of_page, more=more)


@router.get("/mine/{annotation_id}")
def one_of_mine(request: Request, annotation_id: int, person: Person, app: App) -> HTMLResponse:
    """One work as its mode shows it, to look at. Another's work is not found, as if it were not there."""
    with app.database.read() as rows:
        annotation = rows.get(Annotation, annotation_id)
        if annotation is None or annotation.person_id != person.person_id:
            raise HTTPException(404)
        lease = rows.get_one(Lease, annotation.lease_id)
        task = works.task_view(rows, lease.id)
        data = {**task_data(rows, task, lease, person), "readonly": True}
    plugin = MODES.get(task.mode)
    return app.page(
        request,
        plugin.template,
        person=person,
        mode=task.mode,
        script=plugin.script,
        task=task,
        data=data,
        progress=None,
        review=None,
        comment="",
    )


@router.post("/mine/{annotation_id}/undo")
def undo(annotation_id: int, person: FormBy, app: App) -> RedirectResponse:
    """Take a work back and go on with it."""
    with app.database.begin() as rows:
        annotation = rows.get(Annotation, annotation_id)
        if annotation is None or annotation.person_id != person.person_id:
            raise HTTPException(404)
        works.undo(rows, annotation_id, person.person_id, app.now())
        mode = rows.get_one(Task, annotation.task_id).mode
    return RedirectResponse(f"/work/{mode}", 303)
