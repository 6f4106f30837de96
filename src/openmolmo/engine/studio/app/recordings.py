"""Recordings, as the page of ``speak`` sends them piece by piece; and listening to them, which is written down."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from sqlalchemy import select
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response

from openmolmo.engine.studio import access
from openmolmo.engine.studio.accounts import SignedIn
from openmolmo.engine.studio.app.context import AppContext
from openmolmo.engine.studio.app.own_keys import chosen_keys
from openmolmo.engine.studio.app.picture_files import inside
from openmolmo.engine.studio.app.signed_in import App, Change, Person, Reviewer
from openmolmo.engine.studio.recording import chunks, finishing, state
from openmolmo.engine.studio.recording.refusals import RecordingRefusedError
from openmolmo.engine.studio.store.tables import Access, Annotation, Recording
from openmolmo.engine.studio.store.tables import Person as PersonRow

__all__ = ["ACTIONS", "recordings"]

ACTIONS = ("record", "stop", "listen", "again", "discard")
"""What has a key of one's own on the page of ``speak``."""

_SAME_LISTENING = 60.0
"""A player asks for a recording in many pieces: within this time they are one access."""


class _Telling(APIRoute):
    """Answers refusals with their code, and with what the page needs to mend it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def telling(request: Request) -> Response:
            try:
                return await handle(request)
            except RecordingRefusedError as error:
                app: AppContext = request.app.state.context
                found = getattr(request.state, "person", None)
                sentence = app.catalogue(request, found).text(error.key, **error.values)
                return JSONResponse({"error": sentence, "code": error.code, **error.more}, error.status)

        return telling


class Begun(BaseModel):
    """What the browser will send, and which picture the page shows."""

    media_type: Annotated[str, Field(max_length=80)]
    picture_id: int | None = None


class Ended(BaseModel):
    """How many pieces there are, and the sha256 of all of them where the page still has them."""

    chunks: Annotated[int, Field(ge=0, le=100_000)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None


class Keys(BaseModel):
    """Keys of one's own choice, by action."""

    keys: dict[str, Annotated[str, Field(min_length=1, max_length=12)]]


Digest = Annotated[str | None, Query(pattern="^[0-9a-f]{64}$")]

router = APIRouter(route_class=_Telling)


def recordings(_: AppContext) -> APIRouter:
    """The addresses of this file, for the registry of routers."""
    return router


@router.post("/api/leases/{lease_id}/recordings")
def begin(lease_id: int, begun: Begun, person: Change, app: App) -> dict[str, int]:
    """Begin a recording; 415 for a type that is no browser's, 410 where the lease was lost."""
    with app.database.begin() as rows:
        recording = chunks.begin(rows, lease_id, person.person_id, begun.media_type, begun.picture_id, app.now())
        return {"id": recording.id}


@router.get("/api/leases/{lease_id}/recordings")
def of_lease(lease_id: int, person: Person, app: App) -> dict[str, Any]:
    """The recordings under one's own lease, as a page that is opened again goes on with them."""
    with app.database.read() as rows:
        chunks.lease_of(rows, lease_id, person.person_id)
        return {"recordings": state.lease_state(rows, lease_id, app.now())}


@router.put("/api/recordings/{recording_id}/chunks/{number}")
async def put(
    request: Request, recording_id: int, number: int, person: Change, app: App, sha256: Digest = None
) -> dict[str, int]:
    """Keep one piece. It is on the disk when this answers."""
    if number < 0:
        raise HTTPException(404)
    data = await request.body()
    arguments = (recording_id, person.person_id, number, data, sha256, app.now())
    size = await run_in_threadpool(chunks.put, app.database, app.settings, *arguments)
    return {"number": number, "size": size}


@router.post("/api/recordings/{recording_id}/finish")
def finish(recording_id: int, ended: Ended, person: Change, app: App) -> dict[str, Any]:
    """Join the pieces and let them pass the gates; 409 ``missing`` names pieces that did not come."""
    lease_id = finishing.finish(
        app.database, app.settings, recording_id, person.person_id, ended.chunks, ended.sha256, app.now()
    )
    return of_lease(lease_id, person, app)


@router.post("/api/recordings/{recording_id}/discard")
def discard(recording_id: int, person: Change, app: App) -> dict[str, Any]:
    """Delete a recording that the speaker does not want."""
    lease_id = chunks.discard(app.database, app.settings.directory, recording_id, person.person_id, app.now())
    finishing.gate_lease(app.database, app.settings.directory, lease_id, app.now())
    return of_lease(lease_id, person, app)


@router.get("/api/recordings/{recording_id}/state")
def one_state(recording_id: int, person: Person, app: App) -> dict[str, Any]:
    """One recording: what has arrived, and its words when they are there."""
    with app.database.read() as rows:
        return state.recording_state(rows, _audible(rows.get(Recording, recording_id), person), app.now())


@router.get("/api/recordings/{recording_id}/audio")
def audio(recording_id: int, person: Person, app: App) -> FileResponse:
    """The sound, in parts if asked so, for its speaker and for reviewers; each access is written down."""
    with app.database.read() as rows:
        recording = _audible(rows.get(Recording, recording_id), person)
    name = recording.seekable_path or recording.path
    if name is None or recording.state not in ("complete", "failed"):
        raise HTTPException(404)
    path = inside(app, name)
    if not path.is_file():
        raise HTTPException(404)
    _write_down(app, recording_id, person)
    kind = "audio/ogg" if name == recording.seekable_path else recording.media_type
    return FileResponse(path, media_type=kind, headers={"Cache-Control": "private, no-store"})


@router.get("/api/reviews/{annotation_id}/spoken")
def spoken(annotation_id: int, person: Reviewer, app: App) -> dict[str, Any]:
    """What a reviewer needs: recordings, all transcripts, the caption with its contradictions."""
    with app.database.read() as rows:
        work = rows.get(Annotation, annotation_id)
        if work is None or work.state == "draft":
            raise HTTPException(404)
        return {
            "recordings": state.lease_state(rows, work.lease_id, app.now()),
            "transcripts": state.transcripts_of(rows, work.lease_id),
            "caption": state.caption_of(rows, work.task_id),
        }


@router.post("/api/speak/keys")
def keys(chosen: Keys, person: Change, app: App) -> dict[str, dict[str, str]]:
    """Keep keys of one's own choice for the page of ``speak``."""
    wanted = {f"speak.{action}": key for action, key in chosen.keys.items() if action in ACTIONS}
    with app.database.begin() as rows:
        row = rows.get_one(PersonRow, person.person_id)
        row.keys = chosen_keys(wanted, row.keys)
        return {"keys": dict(row.keys)}


def _audible(recording: Recording | None, person: SignedIn) -> Recording:
    """The recording, for its speaker and for reviewers; for others it is not there."""
    if recording is None or not access.may_hear(person.person_id, person.may("reviewer"), recording):
        raise RecordingRefusedError("unknown", status=404)
    return recording


def _write_down(app: AppContext, recording_id: int, person: SignedIn) -> None:
    now = app.now()
    with app.database.begin() as rows:
        last = select(Access.at).where(Access.recording_id == recording_id, Access.person_id == person.person_id)
        newest = rows.scalar(last.order_by(Access.id.desc()).limit(1))
        if newest is None or now - newest > _SAME_LISTENING:
            access.write_down(rows, recording_id, person.person_id, "listen", now)
