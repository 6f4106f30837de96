"""Review: what waits, and one work to accept, send back with a comment, or mend."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session as Rows
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from openmolmo.engine.studio import work as works
from openmolmo.engine.studio.accounts import SignedIn
from openmolmo.engine.studio.app.guard import Refusal
from openmolmo.engine.studio.app.pages.work import task_data
from openmolmo.engine.studio.app.progress import waiting_for_review
from openmolmo.engine.studio.app.signed_in import App, Reviewer, ReviewerChange
from openmolmo.engine.studio.store.tables import Annotation, Lease, Review, Task
from openmolmo.engine.studio.store.tables import Person as PersonRow
from openmolmo.engine.studio.tasks.base import MODES

__all__ = ["router"]

router = APIRouter()

A_PAGE = 60


class Verdict(BaseModel):
    """What a reviewer says of one work."""

    verdict: Literal["accepted", "sent_back", "mended"]
    comment: Annotated[str, Field(max_length=2000)] = ""
    payload: dict[str, Any] | None = None


def _alone(rows: Rows, person: SignedIn) -> bool:
    """Whether nobody else could review: then people judge their own work, or nobody's would ever be done."""
    others = rows.scalar(
        select(func.count(PersonRow.id)).where(
            PersonRow.role != "annotator",
            PersonRow.id != person.person_id,
            PersonRow.disabled_at.is_(None),
            PersonRow.erased_at.is_(None),
        )
    )
    return not others


def _waiting(rows: Rows, project_id: int, person: SignedIn, mode: str | None) -> Select[Annotation, Task]:
    """Finished works that nobody judged, oldest first; one's own only where there is no other reviewer."""
    query = (
        select(Annotation, Task)
        .join(Task, Task.id == Annotation.task_id)
        .where(Task.project_id == project_id, Annotation.state == "submitted")
        .order_by(Annotation.submitted_at, Annotation.id)
    )
    if not _alone(rows, person):
        query = query.where(Annotation.person_id != person.person_id)
    return query if mode is None else query.where(Task.mode == mode)


@router.get("/review")
def waiting(request: Request, person: Reviewer, app: App, mode: str | None = None) -> HTMLResponse:
    """What waits for review."""
    with app.database.read() as rows:
        project = app.project(rows)
        found = [] if project is None else rows.execute(_waiting(rows, project.id, person, mode).limit(A_PAGE)).all()
        counts = {} if project is None else {m.name: waiting_for_review(rows, project, m.name) for m in app.modes()}
        names = {a.id: rows.get_one(PersonRow, a.person_id).name for a, _ in found}
    works_of_page = [
        {
            "id": annotation.id,
            "mode": task.mode,
            "picture": task.picture_id,
            "by": names[annotation.id],
            "when": annotation.submitted_at,
        }
        for annotation, task in found
    ]
    return app.page(request, "review_list.html.j2", person=person, works=works_of_page, counts=counts, chosen=mode)


@router.get("/review/{annotation_id}")
def one(request: Request, annotation_id: int, person: Reviewer, app: App) -> HTMLResponse:
    """One work, as its mode shows it, with the reviewer's buttons below."""
    with app.database.read() as rows:
        annotation = rows.get(Annotation, annotation_id)
        if annotation is None or annotation.state == "draft":
            raise HTTPException(404)
        lease = rows.get_one(Lease, annotation.lease_id)
        task = works.task_view(rows, lease.id)
        by = rows.get_one(PersonRow, annotation.person_id).name
        earlier = [
            {"verdict": review.verdict, "comment": review.comment}
            for review in rows.scalars(select(Review).where(Review.annotation_id == annotation_id).order_by(Review.id))
        ]
        data = task_data(rows, task, lease, person)
        own = annotation.person_id == person.person_id and not _alone(rows, person)
    review = {"annotation": annotation_id, "by": by, "earlier": earlier, "own": own}
    plugin = MODES.get(task.mode)
    return app.page(
        request,
        plugin.template,
        person=person,
        mode=task.mode,
        script=plugin.script,
        task=task,
        data={**data, "review": review},
        progress=None,
        review=review,
        comment="",
    )


@router.post("/api/reviews/{annotation_id}")
def judge(annotation_id: int, verdict: Verdict, person: ReviewerChange, app: App) -> dict[str, str]:
    """Judge a work; leads to the next one of its mode."""
    if verdict.verdict == "sent_back" and not verdict.comment.strip():
        raise Refusal(422, "review.comment_needed")
    with app.database.begin() as rows:
        annotation = rows.get(Annotation, annotation_id)
        if annotation is None:
            raise HTTPException(404)
        if annotation.person_id == person.person_id and not _alone(rows, person):
            raise Refusal(403, "review.own_work")
        works.review(
            rows, annotation_id, person.person_id, verdict.verdict, verdict.comment, verdict.payload, app.now()
        )
        task = rows.get_one(Task, annotation.task_id)
        rows.flush()
        following = rows.execute(_waiting(rows, task.project_id, person, task.mode).limit(1)).first()
    return {"next": f"/review/{following[0].id}" if following is not None else "/review"}
