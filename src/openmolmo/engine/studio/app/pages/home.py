"""The first page: what one can do here, and how far one has come."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from openmolmo.engine.studio.app.progress import mode_progress, waiting_for_review
from openmolmo.engine.studio.app.signed_in import App, Person

__all__ = ["router"]

router = APIRouter()


@router.get("/")
def home(request: Request, person: Person, app: App) -> HTMLResponse:
    """Modes that have work for this person first."""
    with app.database.read() as rows:
        project = app.project(rows)
        if project is None:
            return app.page(request, "home.html.j2", person=person, project="", cards=[], waiting={})
        cards = [mode_progress(rows, project, person.person_id, mode.name) for mode in app.modes()]
        waiting = {}
        if person.may("reviewer"):
            waiting = {mode.name: waiting_for_review(rows, project, mode.name) for mode in app.modes()}
        name = project.name
    cards.sort(key=lambda card: (not card.going, card.left == 0, card.mode))
    return app.page(
        request,
        "home.html.j2",
        person=person,
        project=name,
        cards=cards,
        waiting={mode: count for mode, count in waiting.items() if count},
    )
