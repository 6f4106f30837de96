"""Settings of the project, for admins: options of each mode."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import update
from sqlalchemy.orm import Session as Rows
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse

from openmolmo.engine.studio.app.pages.option_fields import fields_of, read_fields
from openmolmo.engine.studio.app.signed_in import Admin, App, FormByAdmin
from openmolmo.engine.studio.events import record
from openmolmo.engine.studio.options import mode_options
from openmolmo.engine.studio.store.tables import Task
from openmolmo.engine.studio.tasks.base import MODES

__all__ = ["router"]

router = APIRouter()


@router.get("/project")
def project(request: Request, person: Admin, app: App) -> HTMLResponse:
    """One form a mode."""
    with app.database.read() as rows:
        found = app.project(rows)
        forms = (
            [] if found is None else [(mode.name, fields_of(mode_options(found, mode.name))) for mode in app.modes()]
        )
        name, licence = (found.name, found.licence) if found is not None else ("", "")
    return app.page(request, "project.html.j2", person=person, project=name, licence=licence, forms=forms)


@router.post("/project/{mode}")
async def change(request: Request, mode: str, person: FormByAdmin, app: App) -> RedirectResponse:
    """Set the options of one mode."""
    if mode not in MODES:
        raise HTTPException(404)
    given = {name: str(value) for name, value in (await request.form()).items()}
    _save(app, person, mode, given)
    return RedirectResponse("/project", 303)


def _save(app: App, person: FormByAdmin, mode: str, given: dict[str, Any]) -> None:
    with app.database.begin() as rows:
        found = app.project(rows)
        assert found is not None, "a form of a project that is not there"
        before = mode_options(found, mode)
        after = {**found.settings.get(mode, {}), **read_fields(before, given)}
        found.settings = {**found.settings, mode: after}
        mode_options(found, mode)  # raises where a value is out of range: nothing is saved then
        _need(rows, found.id, mode, int(before["annotations"]), int(after["annotations"]))
        record(rows, "project.options", "project", found.id, person.person_id, before=before, after=after)


def _need(rows: Rows, project_id: int, mode: str, before: int, after: int) -> None:
    """Tasks that are there already get the new number of people too; those with a number of their own keep it."""
    ordinary = (Task.project_id == project_id, Task.mode == mode, Task.gold.is_(None), Task.need == before)
    rows.execute(update(Task).where(*ordinary).values(need=after, slots=Task.slots + (after - before)))
