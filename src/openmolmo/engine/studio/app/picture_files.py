"""Pictures for signed-in people: original bytes, or a smaller copy, made once and kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse

from openmolmo.core.files import atomic_file
from openmolmo.engine.studio.app.context import AppContext
from openmolmo.engine.studio.app.signed_in import App, Person
from openmolmo.engine.studio.store.tables import Picture
from openmolmo.pictures import reduced

__all__ = ["inside", "router"]

router = APIRouter()

WIDTHS = (160, 320, 640, 1280)
"""Copies are made in few sizes, so that nobody can fill the disk by asking for every width."""
_A_DAY = "private, max-age=86400"


@router.get("/pictures/{picture_id}")
def picture(
    picture_id: int, person: Person, app: App, w: Annotated[int | None, Query(ge=1, le=4096)] = None
) -> FileResponse:
    """The picture as it came, or its copy of the next larger known size."""
    with app.database.ask() as rows:
        found = rows.get(Picture, picture_id)
    if found is None:
        raise HTTPException(404)
    path = inside(app, found.path)
    if not path.is_file():
        raise HTTPException(404)
    headers = {"Cache-Control": _A_DAY}
    if w is not None:
        side = next((width for width in WIDTHS if width >= w), WIDTHS[-1])
        return FileResponse(_smaller(app, path, found.sha256, side), media_type="image/jpeg", headers=headers)
    return FileResponse(path, media_type=found.media_type, headers=headers)


def inside(app: AppContext, name: str) -> Path:
    """A file in the studio's folder; what leads out of it is not found."""
    root = app.settings.directory.resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise HTTPException(404)
    return path


def _smaller(app: AppContext, path: Path, sha256: str, side: int) -> Path:
    copy = app.settings.directory / "copies" / str(side) / f"{sha256}.jpg"
    if not copy.is_file():
        with atomic_file(copy) as temporary:
            small = reduced(path, side)
            small.thumbnail((side, side))
            small.save(temporary, "JPEG", quality=85)
    return copy
