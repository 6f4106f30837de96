"""A project with pictures that were read already, a task in each mode that asks, and a worker that runs at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from openmolmo.core.files import sha256_file
from openmolmo.engine.studio.jobs import JOBS
from openmolmo.engine.studio.queue import add_task
from openmolmo.engine.studio.settings import StudioSettings
from openmolmo.engine.studio.store.database import Database
from openmolmo.engine.studio.store.tables import Event, Picture, Project
from openmolmo.engine.studio.worker import Worker

__all__ = ["ALT", "READ", "fill_asking", "work_off"]

ALT = "A red jar with a blue lid stands on a table. A yellow spoon lies beside the jar."
READ = {"rows": ["PLUM JAM", "best before 2031"], "by": "reader 1"}
SIZE = (640, 480)
ANSWERS = ['A <point x="50" y="60" alt="jar">red jar</point> of plum jam.', "A bottle of milk on a chair."]


def fill_asking(directory: Path, database: Database, *, options: dict[str, Any] | None = None) -> None:
    """One picture; tasks: ask, ask with a given question, explain, vote."""
    with database.begin() as rows:
        settings = {mode: {"ocr": "", "annotations": 20, **(options or {})} for mode in ("ask", "explain")}
        project = Project(
            name="jars", licence="CC0-1.0", settings={**settings, "vote": {"annotations": 20}}, created_at=0.0
        )
        rows.add(project)
        rows.flush()
        path = directory / "pictures" / "jar.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        _draw(path)
        picture = Picture(
            project_id=project.id, sha256=sha256_file(path), path="pictures/jar.png", media_type="image/png",
            width=SIZE[0], height=SIZE[1], source="jar.png", alt=ALT, facts={"ocr": READ}, created_at=0.0,
        )  # fmt: skip
        rows.add(picture)
        rows.flush()
        pair = {"question_id": "q1", "question": "What is on the table?", "answers": ANSWERS, "category": "general"}
        made = [
            add_task(rows, project_id=project.id, picture_id=picture.id, mode=mode, now=0.0, payload=payload)
            for mode, payload in (
                ("ask", {}),
                ("ask", {"question": "When is it best before?"}),
                ("explain", {}),
                ("vote", pair),
            )
        ]
        after = {"models": ["nano", "other"]}
        rows.add(Event(at=0.0, kind="vote.paired", subject="task", subject_id=made[-1].id, after=after))


def _draw(path: Path) -> None:
    image = Image.new("RGB", SIZE, "#dcd3c2")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 340, 640, 480), fill="#8a6b4a")
    draw.rounded_rectangle((240, 180, 400, 380), 20, fill="#b3262e")
    draw.rectangle((232, 150, 408, 190), fill="#2b4c9b")
    draw.ellipse((460, 350, 540, 390), fill="#e3b23c")
    draw.text((275, 260), "PLUM JAM", fill="white", font_size=24)
    image.save(path)


def work_off(database: Database, settings: StudioSettings) -> int:
    """Do every job that is due, in this process; how many."""
    worker = Worker(database=database, settings=settings, kinds=JOBS.names(), quiet=True)
    return worker.run(until_idle=True)
