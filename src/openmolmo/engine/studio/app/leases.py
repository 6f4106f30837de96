"""The work itself, as scripts ask for it: save a draft, hold the lease, skip, hand in."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from openmolmo.engine.studio import queue, work
from openmolmo.engine.studio.app.signed_in import App, Change
from openmolmo.engine.studio.store.tables import Lease, Task

__all__ = ["router"]

router = APIRouter(prefix="/api/leases")

WorkedMs = Annotated[int, Field(ge=0, le=86_400_000)]
"""Milliseconds; a day is more than anybody works on one picture."""


class Draft(BaseModel):
    """Work that goes on."""

    payload: dict[str, Any]
    revision: Annotated[int, Field(ge=0)]
    worked_ms: WorkedMs = 0


class Finished(BaseModel):
    """Work that is handed in."""

    payload: dict[str, Any]
    worked_ms: WorkedMs = 0


class Skipped(BaseModel):
    """Why a task is not done."""

    reason: Annotated[str, Field(max_length=500)] = ""


@router.post("/{lease_id}/draft", response_model=None)  # plain numbers: nothing to check on their way out
def save_draft(lease_id: int, draft: Draft, person: Change, app: App) -> dict[str, int]:
    """Save a draft; 409 with the newer one where another tab saved meanwhile, 410 where the lease was lost."""
    with app.database.begin() as rows:
        revision = work.save_draft(
            rows, lease_id, person.person_id, draft.payload, draft.revision, draft.worked_ms, app.now()
        )
    return {"revision": revision}


@router.post("/{lease_id}/renew")
def renew(lease_id: int, person: Change, app: App) -> dict[str, float]:
    """Hold the task for longer."""
    with app.database.begin() as rows:
        queue.renew(rows, lease_id, person.person_id, app.now())
        lease = rows.get_one(Lease, lease_id)
        return {"expires_at": lease.expires_at}


@router.post("/{lease_id}/skip")
def skip(lease_id: int, skipped: Skipped, person: Change, app: App) -> dict[str, str]:
    """Give the task back, with a reason."""
    with app.database.begin() as rows:
        queue.skip(rows, lease_id, person.person_id, skipped.reason, app.now())
        mode = rows.get_one(Task, rows.get_one(Lease, lease_id).task_id).mode
    return {"next": f"/work/{mode}"}


@router.post("/{lease_id}/submit", response_model=None)
def submit(lease_id: int, finished: Finished, person: Change, app: App) -> dict[str, str]:
    """Hand the work in; 422 with a sentence where the mode does not take it yet."""
    with app.database.begin() as rows:
        done = work.submit(rows, lease_id, person.person_id, finished.payload, finished.worked_ms, app.now())
        mode = rows.get_one(Task, done.task_id).mode
    return {"next": f"/work/{mode}"}
