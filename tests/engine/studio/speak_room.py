"""The application with one task of speaking, and browsers that send recordings as the page does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from app_room import Browser, Room, make_room
from sqlalchemy import select

from openmolmo.core.files import sha256_bytes
from openmolmo.engine.studio.queue import add_task
from openmolmo.engine.studio.store.tables import Picture, Project
from openmolmo.engine.studio.worker import Worker

__all__ = ["WEBM", "begin", "make_speaking", "pieces", "put", "say", "work_off"]

WEBM = (Path(__file__).parents[2] / "fixtures/speech/three_sentences.webm").read_bytes()
"""6.41 s of flite's voice slt: what a browser sends."""
_PIECE = 4000


def make_speaking(directory: Path, monkeypatch: Any, *, annotations: int = 1, **settings: Any) -> Room:
    """A studio whose first project has one task of speaking, of at least five seconds."""
    room = make_room(directory, monkeypatch, **{"speech": "none", **settings})
    with room.database.begin() as rows:
        project = rows.scalars(select(Project)).one()
        project.settings = {**project.settings, "speak": {"min_seconds": 5.0, "annotations": annotations}}
        picture = rows.scalars(select(Picture)).one()
        add_task(rows, project_id=project.id, picture_id=picture.id, mode="speak", now=0.0)
    return room


def pieces(data: bytes = WEBM) -> list[bytes]:
    """As a recorder gives them."""
    return [data[at : at + _PIECE] for at in range(0, len(data), _PIECE)]


def begin(browser: Browser, lease: int, **more: Any) -> Any:
    """Begin a recording."""
    body = {"media_type": "audio/webm;codecs=opus", **more}
    return browser.call(f"/api/leases/{lease}/recordings", body)


def put(browser: Browser, recording: int, number: int, data: bytes, digest: str | None = None) -> Any:
    """Send a piece with its hash."""
    said = sha256_bytes(data) if digest is None else digest
    url = f"/api/recordings/{recording}/chunks/{number}?sha256={said}"
    return browser.client.put(url, content=data, headers={"X-CSRF": browser.csrf})


def say(browser: Browser, lease: int, data: bytes = WEBM, *, finish: bool = True) -> int:
    """A whole recording; its number."""
    number = int(begin(browser, lease).json()["id"])
    for place, piece in enumerate(pieces(data)):
        assert put(browser, number, place, piece).status_code == 200
    if finish:
        body = {"chunks": len(pieces(data)), "sha256": sha256_bytes(data)}
        answer = browser.call(f"/api/recordings/{number}/finish", body)
        assert answer.status_code == 200, answer.text
    return number


def work_off(room: Room, change: Callable[[Any], Any] = lambda settings: settings) -> int:
    """A worker does what is due; how many jobs."""
    settings = change(room.settings)
    worker = Worker(database=room.database, settings=settings, kinds=["transcribe", "merge"], quiet=True)
    return worker.run(until_idle=True)
