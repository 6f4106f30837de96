"""``openmolmo`` with the toy mode registered; a new studio gets its tasks. For tests of what all modes share."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import toy_mode
from PIL import Image, ImageDraw
from sqlalchemy import func, select

from openmolmo.cli import main
from openmolmo.engine.studio.settings import read_settings
from openmolmo.engine.studio.store.database import upgrade
from openmolmo.engine.studio.store.tables import Picture, Project
from openmolmo.engine.studio.tasks.base import MODES

TASKS = 4
SIZE = (640, 480)


@dataclass(frozen=True)
class ToyPages(toy_mode.ToyMode):
    """The toy mode with the pages of a package of its own."""

    package: str = "toy_pages"
    needs_review: bool = True


def fill(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    database = upgrade(read_settings(directory, {"database": os.environ["OPENMOLMO_STUDIO_DATABASE"]}).database_url)
    with database.begin() as rows:
        if not rows.scalar(select(func.count(Project.id))):
            toy_mode.fill(rows, tasks=TASKS, people=0, options={"lease_seconds": 600.0, "annotations": 2})
            picture = rows.scalars(select(Picture)).one()
            picture.width, picture.height = SIZE
            _draw(directory / picture.path)
    database.close()


def _draw(path: Path) -> None:
    image = Image.new("RGB", SIZE, "#b9d6e8")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 330, 640, 480), fill="#7d9a5b")
    for number, colour in enumerate(("#c8553d", "#f2b134", "#588b8b", "#4b3f72")):
        draw.ellipse((60 + 140 * number, 250, 160 + 140 * number, 350), fill=colour)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


if __name__ == "__main__":
    MODES.register(toy_mode.NAME, ToyPages())
    fill(Path(sys.argv[sys.argv.index("--dir") + 1]))
    main()
