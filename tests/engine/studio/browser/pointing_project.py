"""A project to click in: pictures with dots at known places, one of them stored turned, and tasks of each mode."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from sqlalchemy import select

from openmolmo.engine.studio import accounts
from openmolmo.engine.studio.queue import add_task
from openmolmo.engine.studio.store.database import Database
from openmolmo.engine.studio.store.tables import Annotation, Picture, Project, Task

DOT = (255, 0, 255)
DOTS = ((12.5, 20.0), (50.0, 62.5), (87.5, 90.0))
"""Percent of the picture as people see it."""
FOUND = [{"x": 12.5, "y": 20.0}, {"x": 50.0, "y": 62.5}]
CAPTION = "Three dots lie on a field of soft colours. " * 8
OPTIONS = {"annotations": 60, "suggestions": ["dog", "cat", "umbrella", "bicycle", "lamp", "dot"]}


@dataclass(frozen=True, kw_only=True)
class Clicked:
    """One person's work as the database has it."""

    payload: dict[str, Any]
    state: str
    picture: str


def fill(directory: Path, database: Database) -> None:
    """Tasks in this order. point: plain, turned, large, then one that asks for labels; one of each check."""
    with database.begin() as rows:
        project = Project(name="dots", licence="CC0-1.0", settings={"point": OPTIONS}, created_at=0.0)
        for mode in ("count_check", "qa_check"):
            project.settings[mode] = {"annotations": 60}
        rows.add(project)
        rows.flush()
        pictures = {}
        for name, size, turned in (
            ("plain", (640, 480), False),
            ("turned", (480, 640), True),
            ("large", (3000, 1250), False),
        ):
            data = drawn(size, turned=turned)
            path = directory / "pictures" / f"{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            pictures[name] = Picture(
                project_id=project.id, sha256=hashlib.sha256(data).hexdigest(), path=f"pictures/{name}.jpg",
                media_type="image/jpeg", width=size[0], height=size[1], source=name, created_at=0.0,
            )  # fmt: skip
        rows.add_all(pictures.values())
        rows.flush()
        count = {"label": "dot", "points": FOUND, "made": ["detector"]}
        answer = {"caption": CAPTION, "question": "How many dots are there?", "answer": "Two.", "made": "text-only-llm"}
        for mode, picture, payload in (
            ("point", "plain", {}),
            ("point", "turned", {}),
            ("point", "large", {}),
            ("point", "plain", {"labels": ["dot", "dog"]}),
            ("count_check", "plain", count),
            ("qa_check", "plain", answer),
        ):
            add_task(rows, project_id=project.id, picture_id=pictures[picture].id, mode=mode, now=0.0, payload=payload)


def drawn(size: tuple[int, int], *, turned: bool) -> bytes:
    """A JPEG of ``size`` as people see it; ``turned``: stored on its side, with the EXIF tag that says so."""
    image = Image.linear_gradient("L").resize(size).convert("RGB").point(lambda v: 150 + v // 4)
    draw = ImageDraw.Draw(image)
    for x, y in DOTS:
        middle, r = (x / 100 * size[0], y / 100 * size[1]), size[0] // 90
        draw.ellipse([middle[0] - r, middle[1] - r, middle[0] + r - 1, middle[1] + r - 1], fill=DOT)
    exif = Image.Exif()
    if turned:
        image = image.transpose(Image.Transpose.ROTATE_90)
        exif[0x0112] = 6
    out = BytesIO()
    image.save(out, "JPEG", quality=95, subsampling=0, exif=exif)
    return out.getvalue()


def invitation(database: Database, address: str, role: str = "annotator") -> str:
    """A link for one new person."""
    with database.begin() as rows:
        return f"{address}/join/{accounts.invite(rows, role=role, now=time.time())}"


def newest(database: Database, mode: str) -> Clicked:
    """The work of a mode that was saved last."""
    with database.read() as rows:
        query = select(Annotation, Picture.source).join(Task, Task.id == Annotation.task_id)
        query = query.join(Picture, Picture.id == Task.picture_id).where(Task.mode == mode)
        annotation, source = rows.execute(query.order_by(Annotation.changed_at.desc(), Annotation.id.desc())).first()
        return Clicked(payload=annotation.payload, state=annotation.state, picture=source)
