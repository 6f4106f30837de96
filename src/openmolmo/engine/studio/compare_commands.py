"""``openmolmo studio compare``: questions for models that are asked now; their answers are voted on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from openmolmo.core.errors import DataError
from openmolmo.core.files import sha256_bytes
from openmolmo.engine.studio import jobs
from openmolmo.engine.studio.asking.live import parse_models
from openmolmo.engine.studio.commands import existing_settings, studio_options
from openmolmo.engine.studio.importing.beginning import project_called
from openmolmo.engine.studio.importing.found import Found
from openmolmo.engine.studio.importing.report import ImportSettings
from openmolmo.engine.studio.importing.taking_in import take_in
from openmolmo.engine.studio.options import mode_options
from openmolmo.engine.studio.store.database import Database, upgrade
from openmolmo.engine.studio.store.tables import Picture, Project
from openmolmo.engine.studio.tasks.base import JobRequest

__all__ = ["ask_live", "compare"]


@click.command()
@click.argument("questions", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@studio_options
@click.option("--project", help="Which project  [default: the only one]")
@click.option("--model", "models", multiple=True, metavar="NAME=LINE", help="Repeat  [default: the project's option]")
def compare(
    questions: Path, directory: Path, database: str | None, project: str | None, models: tuple[str, ...]
) -> None:
    """Ask two or more models the QUESTIONS, and let people vote on their answers.

    QUESTIONS is JSON lines: question_id, image (a file beside it), question and, if wished, category. A model is
    NAME=openai:MODEL@http://host:8000/v1. Workers ask them; an answered question becomes a pair to vote on.
    """
    settings = existing_settings(directory, database)
    opened = upgrade(settings.database_url)
    asked = ask_live(opened, directory, project_called(opened, project), questions, models)
    opened.close()
    click.echo(f"{asked} questions wait for a worker: openmolmo studio worker --dir {directory}")


def ask_live(database: Database, directory: Path, project_id: int, file: Path, models: tuple[str, ...] = ()) -> int:
    """Take in the pictures, and ask for a job a question; how many questions there are. The same twice is one."""
    with database.read() as rows:
        lines = list(models) or list(mode_options(rows.get_one(Project, project_id), "vote")["models"])
    names = sorted(one.name for one in parse_models(lines))
    asked = list(_questions(file))
    digests: dict[str, str] = {}
    take_in(database, directory, project_id, _pictures(asked, file, digests), ImportSettings(modes=(), near=None))
    with database.begin() as rows:
        ids = {row.sha256: row.id for row in rows.scalars(select(Picture).where(Picture.project_id == project_id))}
        for number, row in enumerate(asked, 1):
            picture = ids.get(digests[row["image"]])
            if picture is None:
                raise DataError(f"{row['image']} cannot be used as a picture", file=str(file), row=number)
            key = sha256_bytes(json.dumps([project_id, picture, row["question"], names]).encode())[:24]
            given = {name: row[name] for name in ("question_id", "question", "category")}
            payload = {**given, "picture": picture, "models": lines}
            jobs.ask(rows, JobRequest(kind="live_answers", key=f"live-{key}", payload=payload), time.time())
    return len(asked)


def _pictures(asked: list[dict[str, str]], file: Path, digests: dict[str, str]) -> Iterator[Found]:
    for name in dict.fromkeys(row["image"] for row in asked):
        try:
            data = (file.parent / name).read_bytes()
        except OSError as error:
            raise DataError(f"{name} cannot be read: {error.strerror}", file=str(file), field="image") from error
        digests[name] = sha256_bytes(data)
        yield Found(name=name, data=data)


def _questions(file: Path) -> Iterator[dict[str, str]]:
    for number, line in enumerate(file.read_text(encoding="utf-8-sig").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row: Any = json.loads(line)
        except ValueError as error:
            raise DataError(f"is no JSON: {error}", file=str(file), row=number) from error
        if not isinstance(row, Mapping) or not all(row.get(name) for name in ("question_id", "image", "question")):
            raise DataError("is no object with question_id, image and question", file=str(file), row=number)
        yield {name: str(row.get(name) or "") for name in ("question_id", "image", "question", "category")}
