"""Pairs of answers become tasks of the mode ``vote``; their pictures come in beside them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from openmolmo.core.files import sha256_bytes
from openmolmo.engine.studio.importing.found import Found, Refused
from openmolmo.engine.studio.importing.report import ImportReport, ImportSettings
from openmolmo.engine.studio.importing.sources.addresses import Address, Fetching, fetched_pictures
from openmolmo.engine.studio.importing.taking_in import take_in
from openmolmo.engine.studio.importing.tasks import needed
from openmolmo.engine.studio.importing.votes import Answered, Pair, read_answers, scheduled
from openmolmo.engine.studio.store.tables import Event, Picture, Task

if TYPE_CHECKING:
    from openmolmo.engine.studio.store.database import Database

__all__ = ["MODE", "PAIRED", "add_votes"]

MODE = "vote"
PAIRED = "vote.paired"
"""The event that keeps which models a task compares, in the order of its answers."""


def add_votes(
    database: Database,
    directory: Path,
    project_id: int,
    files: Sequence[Path],
    settings: ImportSettings,
    *,
    most: int | None = None,
    fetching: Fetching | None = None,
) -> ImportReport:
    """Take in the pictures of answer files and make a task of every pair that is scheduled and not there yet."""
    questions = read_answers(files)
    folder = files[0].parent
    pairs = scheduled(questions, seed=settings.seed, most=most)
    digests: dict[str, str] = {}
    source = _noted(_pictures(questions, folder, directory, fetching), digests)
    # Two questions about pictures that look alike are two questions.
    report = take_in(database, directory, project_id, source, replace(settings, modes=(), near=None))
    with database.begin() as session:
        pictures = _pictures_by_hash(session, project_id)
        ids = {name: pictures[digest] for name, digest in digests.items() if digest in pictures}
        report.tasks[MODE] = _add_pairs(session, project_id, pairs, ids, settings)
    missing = {one.image for one in questions} - set(ids)
    report.nothing_to_check += Counter({MODE: len(missing)})
    return report


def _noted(source: Iterator[Found | Refused], digests: dict[str, str]) -> Iterator[Found | Refused]:
    """The same pictures; their hashes are written down by name."""
    for one in source:
        if isinstance(one, Found):
            digests[one.name] = sha256_bytes(one.data)
        yield one


def _pictures(
    questions: Sequence[Answered], folder: Path, directory: Path, fetching: Fetching | None
) -> Iterator[Found | Refused]:
    names = dict.fromkeys(one.image for one in questions)
    addresses = [Address(url=name) for name in names if name.startswith(("http://", "https://"))]
    if addresses:
        yield from fetched_pictures(addresses, directory, fetching)
    for name in names:
        if name.startswith(("http://", "https://")):
            continue
        try:
            yield Found(name=name, data=(folder / name).read_bytes())
        except (OSError, ValueError) as error:
            yield Refused(name=name, reason="cannot be read (missing)", what=str(error))


def _pictures_by_hash(session: Session, project_id: int) -> dict[str, int]:
    shown = (Picture.project_id == project_id, Picture.hidden_reason.is_(None))
    rows = session.scalars(select(Picture).where(*shown))
    return {row.sha256: row.id for row in rows}


def _add_pairs(
    session: Session, project_id: int, pairs: Sequence[Pair], pictures: dict[str, int], settings: ImportSettings
) -> int:
    mine = (Task.project_id == project_id, Task.mode == MODE)
    there = {_key(payload) for payload in session.scalars(select(Task.payload).where(*mine, Task.gold.is_(None)))}
    new = [pair for pair in pairs if pair.question.image in pictures and _key(pair.payload()) not in there]
    need = settings.annotations or needed(session, project_id, MODE)
    last = session.scalar(select(func.max(Task.place)).where(*mine))
    first, now = 0.0 if last is None else last + 1.0, time.time()
    tasks = [
        Task(
            project_id=project_id,
            picture_id=pictures[pair.question.image],
            mode=MODE,
            payload=pair.payload(),
            place=first + number,
            need=need,
            slots=need,
            created_at=now,
        )
        for number, pair in enumerate(new)
    ]
    session.add_all(tasks)
    session.flush()
    session.add_all(
        Event(at=now, kind=PAIRED, subject="task", subject_id=task.id, after={"models": list(pair.models)})
        for task, pair in zip(tasks, new, strict=True)
    )
    return len(tasks)


def _key(payload: dict[str, object]) -> tuple[object, ...]:
    """The same pair of answers to the same question, whichever side they are on."""
    answers = payload["answers"]
    assert isinstance(answers, list)
    return (payload["question_id"], payload["question"], *sorted(answers))
