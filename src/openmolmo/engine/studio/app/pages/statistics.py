"""Statistics for reviewers and admins: how far the work is, how long it takes, how well people agree."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from openmolmo.engine.studio.app.signed_in import App, Reviewer

__all__ = ["router"]

router = APIRouter()


@router.get("/statistics")
def statistics(request: Request, person: Reviewer, app: App) -> HTMLResponse:
    """One table a mode, one table of people."""
    with app.database.read() as rows:
        project = app.project(rows)
        name = project.name if project is not None else ""
    return app.page(request, "statistics.html.j2", person=person, project=name, modes=[], people=[])
