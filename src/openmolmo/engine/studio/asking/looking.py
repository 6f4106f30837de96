"""What is known of a picture in words: the writing in it and a caption, each with where it is from.

Both are kept in ``Picture.facts`` (``ocr``, ``captioned``), so that they are made once for each picture. Jobs of these
names may run before anybody asks; drafting does what is missing by itself. What cannot be had is noted and does no
harm: the answer is then drafted from less, and the page says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session as Rows

from openmolmo.core.errors import OpenMolmoError
from openmolmo.engine.ocr import read_text
from openmolmo.engine.studio.asking.captioners import caption_by
from openmolmo.engine.studio.jobs import BadJobError, JobContext
from openmolmo.engine.studio.options import mode_options
from openmolmo.engine.studio.store.tables import Annotation, Picture, Project, Task, Turn

__all__ = ["Known", "known_of", "look", "looking"]


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a draft is made from. ``caption_from``: task, person, model, alt, or empty for none."""

    ocr: tuple[str, ...] = ()
    ocr_by: str = ""
    caption: str = ""
    caption_from: str = ""
    caption_by: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)
    """Why there is no OCR or caption, by ``ocr`` and ``captioned``."""


def known_of(rows: Rows, task: Task) -> Known:
    """What is known now: of captions a person's before a model's, and that before words that came with the picture."""
    picture = rows.get_one(Picture, task.picture_id)
    read, captioned = (picture.facts.get(name) or {} for name in ("ocr", "captioned"))
    candidates = (
        (str(task.payload.get("caption") or ""), "task", str(task.payload.get("caption_by") or "")),
        (_spoken(rows, task), "person", ""),
        (str(captioned.get("text") or ""), "model", str(captioned.get("by") or "")),
        (picture.alt, "alt", ""),
    )
    text, origin, by = next((one for one in candidates if one[0].strip()), ("", "", ""))
    faults = {name: str(one["fault"]) for name, one in (("ocr", read), ("captioned", captioned)) if one.get("fault")}
    return Known(
        ocr=tuple(read.get("rows") or ()),
        ocr_by=str(read.get("by") or ""),
        caption=text,
        caption_from=origin,
        caption_by=by,
        faults=faults,
    )


def look(context: JobContext, task_id: int) -> Known:
    """Find out what is missing, and return what is known. A fault is tried again the next time."""
    with context.database.read() as rows:
        task = rows.get(Task, task_id)
        if task is None:
            raise BadJobError(f"there is no task {task_id}")
        options = mode_options(rows.get_one(Project, task.project_id), task.mode)
        picture = rows.get_one(Picture, task.picture_id)
        file, facts, known = context.directory / picture.path, dict(picture.facts), known_of(rows, task)
    driver, captioner = str(options.get("ocr") or ""), str(options.get("captioner") or "")
    if driver and "rows" not in (facts.get("ocr") or {}):
        _keep(context, picture.id, "ocr", lambda: _read(file, driver))
    if captioner and known.caption_from not in ("task", "person") and not _is_by(facts, captioner):
        _keep(context, picture.id, "captioned", lambda: {"text": caption_by(captioner, file), "by": captioner})
    with context.database.read() as rows:
        return known_of(rows, rows.get_one(Task, task_id))


def looking(context: JobContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The job ``look``: what is known of the picture of a task, before somebody asks about it."""
    known = look(context, int(payload.get("task", 0)))
    return {"ocr_lines": len(known.ocr), "caption_from": known.caption_from, "faults": dict(known.faults)}


def _is_by(facts: Mapping[str, Any], captioner: str) -> bool:
    captioned = facts.get("captioned") or {}
    return bool(captioned.get("text")) and captioned.get("by") == captioner


def _read(file: Path, driver: str) -> dict[str, Any]:
    reading = read_text(file, driver)
    by = " ".join(word for word in (reading.engine, reading.model, reading.version) if word)
    return {"rows": reading.rows, "by": by, **reading.to_dict()}


def _keep(context: JobContext, picture_id: int, name: str, make: Callable[[], dict[str, Any]]) -> None:
    """Make a fact outside of any transaction, and keep it; its fault where it cannot be made."""
    try:
        fact = make()
    except OpenMolmoError as error:
        fact = {"fault": str(error)}
    with context.database.begin() as rows:
        picture = rows.get_one(Picture, picture_id, with_for_update=True)
        picture.facts = {**picture.facts, name: fact}


def _spoken(rows: Rows, task: Task) -> str:
    """The newest caption of this picture that people spoke and a reviewer accepted."""
    accepted = (
        select(Annotation)
        .join(Task, Task.id == Annotation.task_id)
        .where(Task.picture_id == task.picture_id, Task.mode == "speak", Annotation.state == "accepted")
        .order_by(Annotation.changed_at.desc(), Annotation.id.desc())
    )
    for work in rows.scalars(accepted):
        written = str(work.payload.get("caption") or "")
        merged = select(Turn.text).where(Turn.annotation_id == work.id, Turn.kind == "caption", Turn.text != "")
        text = written or rows.scalar(merged.order_by(Turn.id.desc()).limit(1))
        if text:
            return str(text)
    return ""
