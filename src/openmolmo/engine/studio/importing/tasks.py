"""Tasks for pictures that have none yet, in the chosen order, behind those that are there."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from openmolmo.core.errors import DataError
from openmolmo.engine.studio.importing.descriptors import descriptor
from openmolmo.engine.studio.importing.order import Candidate, arranged
from openmolmo.engine.studio.importing.report import ImportSettings
from openmolmo.engine.studio.options import mode_options
from openmolmo.engine.studio.store.tables import Picture, Project, Task

__all__ = ["NEED_CHECKS", "add_tasks", "canonical", "make_tasks", "needed"]

NEED_CHECKS = frozenset({"count_check", "qa_check", "vote"})
"""Modes in which people look at what is there already; a picture alone gives no task."""

Checks = Mapping[str, Mapping[str, tuple[dict[str, Any], ...]]]
"""By hash of the picture, then by mode."""

_BATCH = 500


def make_tasks(
    session: Session, directory: Path, project_id: int, checks: Checks, settings: ImportSettings
) -> tuple[Counter[str], Counter[str]]:
    """Tasks made by mode, and pictures with nothing to check by mode."""
    made: Counter[str] = Counter()
    nothing: Counter[str] = Counter()
    pictures = {row.sha256: row for row in _pictures(session, project_id)}
    shown = [pictures[digest] for digest in checks if digest in pictures]
    looks = _Looks(directory, settings.descriptor)
    for mode in settings.modes:
        there = _there(session, project_id, mode)
        waiting: dict[int, list[dict[str, Any]]] = {}
        for row in shown:
            wanted = checks[row.sha256].get(mode, () if mode in NEED_CHECKS else ({},))
            nothing[mode] += not wanted
            new = [payload for payload in wanted if canonical(payload) not in there.get(row.id, ())]
            if new:
                waiting[row.id] = list({canonical(payload): payload for payload in new}.values())
        chosen = _arranged([row for row in shown if row.id in waiting], pictures, there, settings, looks)
        payloads = [(one.id, payload) for one in chosen for payload in waiting[one.id]]
        need = settings.annotations or needed(session, project_id, mode)
        made[mode] = add_tasks(session, project_id, mode, payloads, need=need)
    return made, +nothing


def add_tasks(
    session: Session, project_id: int, mode: str, payloads: list[tuple[int, dict[str, Any]]], *, need: int
) -> int:
    """Put tasks behind those of the mode; returns how many."""
    last = session.scalar(select(func.max(Task.place)).where(Task.project_id == project_id, Task.mode == mode))
    first = 0.0 if last is None else last + 1.0
    now = time.time()
    session.add_all(
        Task(
            project_id=project_id,
            picture_id=picture_id,
            mode=mode,
            payload=payload,
            place=first + number,
            need=need,
            slots=need,
            created_at=now,
        )
        for number, (picture_id, payload) in enumerate(payloads)
    )
    session.flush()
    return len(payloads)


def needed(session: Session, project_id: int, mode: str) -> int:
    """People a task: what the project says, else the mode."""
    project = session.get_one(Project, project_id)
    return int(mode_options(project, mode)["annotations"])


def canonical(payload: Mapping[str, Any]) -> str:
    """One text for equal payloads."""
    return json.dumps(payload, sort_keys=True, ensure_ascii=False)


def _pictures(session: Session, project_id: int) -> list[Picture]:
    shown = select(Picture).where(Picture.project_id == project_id, Picture.hidden_reason.is_(None))
    return list(session.scalars(shown.order_by(Picture.id)))


def _there(session: Session, project_id: int, mode: str) -> dict[int, set[str]]:
    """The payloads of a mode's tasks by picture; gold tasks are apart."""
    rows = session.execute(
        select(Task.picture_id, Task.payload).where(
            Task.project_id == project_id, Task.mode == mode, Task.gold.is_(None)
        )
    )
    found: dict[int, set[str]] = {}
    for picture_id, payload in rows:
        found.setdefault(picture_id, set()).add(canonical(payload))
    return found


def _arranged(
    waiting: list[Picture],
    pictures: Mapping[str, Picture],
    there: Mapping[int, set[str]],
    settings: ImportSettings,
    looks: _Looks,
) -> list[Candidate]:
    candidates = [Candidate(id=row.id, sha256=row.sha256, topic=row.topic) for row in waiting]
    settled = [row for row in pictures.values() if row.id in there]
    diverse = settings.order == "diverse"
    return arranged(
        candidates,
        settings.order,
        seed=settings.seed,
        topics=Counter(row.topic for row in settled),
        features=looks.of(waiting) if diverse else None,
        settled=looks.of(settled) if diverse else None,
    )


class _Looks:
    """Descriptors of stored pictures, each made once."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory, self._describe = directory, descriptor(name)
        self._made: dict[int, npt.NDArray[np.float32]] = {}

    def of(self, rows: list[Picture]) -> npt.NDArray[np.float32]:
        """(pictures, features)."""
        missing = [row for row in rows if row.id not in self._made]
        for start in range(0, len(missing), _BATCH):
            part = missing[start : start + _BATCH]
            features = self._describe([_bytes(self._directory / row.path) for row in part])
            self._made |= {row.id: feature for row, feature in zip(part, features, strict=True)}
        return np.stack([self._made[row.id] for row in rows]) if rows else np.zeros((0, 1), np.float32)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"a picture of the studio cannot be read: {error.strerror}",
            file=str(path),
            fix="restore the studio's folder from its backup",
        ) from error
