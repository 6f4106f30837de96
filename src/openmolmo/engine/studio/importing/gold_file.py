"""Tasks with known answers from a file of JSON lines, for pictures that are in the project:

    {"picture": "animals/cat.jpg", "mode": "point", "answer": {"groups": [{"label": "cat", "points": [...]}]}}

``picture`` is the name under which it came in, its last part, or its sha256; ``payload`` is what the task shows; the
form of ``answer`` is the mode's. A gold task is for everybody, and no page shows which one it is.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from openmolmo.core.errors import DataError, NotRegisteredError
from openmolmo.engine.studio.importing.found import storable
from openmolmo.engine.studio.importing.tasks import canonical
from openmolmo.engine.studio.queue import add_task
from openmolmo.engine.studio.store.tables import Picture, Task
from openmolmo.engine.studio.tasks.base import MODES

if TYPE_CHECKING:
    from openmolmo.engine.studio.store.database import Database

__all__ = ["add_gold", "pictures_by_name"]

_KEYS = {"picture", "mode", "payload", "answer"}


def add_gold(database: Database, project_id: int, file: Path) -> Counter[str]:
    """Tasks made by mode: all lines of the file or none. Those that are there already are left as they are."""
    made: Counter[str] = Counter()
    with database.begin() as session:
        names = pictures_by_name(session, project_id)
        there = {
            (row.picture_id, row.mode, canonical(row.payload), canonical(row.gold or {}))
            for row in session.scalars(select(Task).where(Task.project_id == project_id, Task.gold.is_not(None)))
        }
        for number, row in _rows(file):
            picture_id = _picture(row, names, file, number)
            payload, answer = row.get("payload") or {}, row["answer"]
            key = (picture_id, row["mode"], canonical(payload), canonical(answer))
            if key in there:
                continue
            there.add(key)
            add_task(
                session,
                project_id=project_id,
                picture_id=picture_id,
                mode=row["mode"],
                payload=payload,
                gold=answer,
                now=time.time(),
            )
            made[row["mode"]] += 1
    return made


def pictures_by_name(session: Session, project_id: int) -> dict[str, int | None]:
    """Rows of pictures by hash, by name and by the last part of the name; None where several have it."""
    names: dict[str, int | None] = {}
    for row in session.scalars(select(Picture).where(Picture.project_id == project_id).order_by(Picture.id)):
        names[row.sha256] = row.id
        for name in {row.source, PurePosixPath(row.source).name}:
            names[name] = row.id if names.get(name, row.id) == row.id else None
    return names


def _picture(row: Mapping[str, Any], names: Mapping[str, int | None], file: Path, number: int) -> int:
    name = str(row["picture"])
    found = names.get(name)
    if found is not None:
        return found
    said = "several pictures of the project have that name" if name in names else "the project has no such picture"
    raise DataError(f"{name!r}: {said}", file=str(file), row=number, field="picture", fix="give its sha256")


def _rows(file: Path) -> list[tuple[int, dict[str, Any]]]:
    found = []
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", file=str(file), fix="name a JSON lines file") from error
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"is no JSON: {error}", file=str(file), row=number) from error
        _check(row, file, number)
        found.append((number, row))
    return found


def _check(row: object, file: Path, number: int) -> None:
    where: dict[str, Any] = {"file": str(file), "row": number}
    if not isinstance(row, dict) or not {"picture", "mode", "answer"} <= set(row) or set(row) - _KEYS:
        raise DataError("is no object of picture, mode, answer and, if wished, payload", **where)
    for name in ("payload", "answer"):
        if not isinstance(row.get(name, {}), dict):
            raise DataError(f"{name} is {type(row[name]).__name__}, not an object", field=name, **where)
    if not storable(row):
        raise DataError("holds a number that is none, or half a character", **where)
    try:
        MODES.get(str(row["mode"]))
    except NotRegisteredError as error:
        raise DataError(error.message, field="mode", fix=error.fix, **where) from error
