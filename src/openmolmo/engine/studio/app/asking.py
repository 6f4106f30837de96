"""Addresses of the pages that ask a text-only language model: what is said, what is known, what is drafted."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session as Rows
from starlette.exceptions import HTTPException

from openmolmo.engine.studio.app.context import AppContext
from openmolmo.engine.studio.app.signed_in import App, Change, Person
from openmolmo.engine.studio.asking import turns
from openmolmo.engine.studio.queue import hold
from openmolmo.engine.studio.store.tables import Lease

__all__ = ["asking"]

router = APIRouter(prefix="/api/asking")


class Turn(BaseModel):
    """One turn of a person."""

    kind: turns.Said
    text: Annotated[str, Field(max_length=20_000)]


def asking(_: AppContext) -> APIRouter:
    """The addresses of this file, for the registry of routers."""
    return router


@router.get("/{lease_id}")
def state(lease_id: int, person: Person, app: App) -> dict[str, Any]:
    """All turns of one's own work, or of anybody's for a reviewer."""
    with app.database.read() as rows:
        lease = _lease(rows, lease_id)
        if lease.person_id != person.person_id and not person.may("reviewer"):
            raise HTTPException(403)
        return turns.view(rows, lease, app.now())


@router.post("/{lease_id}/look")
def look(lease_id: int, person: Change, app: App) -> dict[str, Any]:
    """The page is open: have the picture looked at."""
    with app.database.begin() as rows:
        lease = hold(rows, lease_id, person.person_id, app.now())
        turns.look_soon(rows, lease, app.now())
        return turns.view(rows, lease, app.now())


@router.post("/{lease_id}/turns")
def say(lease_id: int, turn: Turn, person: Change, app: App) -> dict[str, Any]:
    """Ask, reject with a reason, keep an edit, accept."""
    with app.database.begin() as rows:
        turns.say(rows, lease_id, person.person_id, turn.kind, turn.text, app.now())
        return turns.view(rows, _lease(rows, lease_id), app.now())


@router.post("/{lease_id}/again")
def again(lease_id: int, person: Change, app: App) -> dict[str, Any]:
    """Try a draft again that failed."""
    with app.database.begin() as rows:
        turns.again(rows, lease_id, person.person_id, app.now())
        return turns.view(rows, _lease(rows, lease_id), app.now())


def _lease(rows: Rows, lease_id: int) -> Lease:
    found = rows.get(Lease, lease_id)
    if found is None:
        raise HTTPException(404)
    return found
