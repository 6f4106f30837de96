"""Votes as the arena reads them: a JSON line a vote, with the two models, who voted and how long it took."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from openmolmo.engine.studio.exporting.finished import Finished
from openmolmo.engine.studio.importing.voting import MODE, PAIRED
from openmolmo.engine.studio.store.tables import Annotation, Event, Project, Task

__all__ = ["OUTCOMES", "vote_rows", "votes_text"]

OUTCOMES = ("a", "b", "both_good", "both_bad", "dont_know")
"""What a vote may say of the first and the second answer of its task."""


def vote_rows(session: Session, project: Project, finished: Iterable[Finished]) -> list[dict[str, Any]]:
    """Votes in the order of their tasks; ``lengths`` are the characters of both answers.

    A task without its models (made by other means than an import of answers) gives no row.
    """
    models = _models(session, project)
    seconds = {
        row.id: row.worked_ms / 1000
        for row in session.scalars(
            select(Annotation)
            .join(Task, Task.id == Annotation.task_id)
            .where(Task.project_id == project.id, Task.mode == MODE)
        )
    }
    rows = []
    for one in finished:
        pair = models.get(one.task.id)
        answers: Sequence[Any] = one.task.payload.get("answers") or ()
        if pair is None or len(answers) != 2:
            continue
        for work in one.works:
            outcome = work.payload.get("outcome")
            if outcome not in OUTCOMES:
                continue
            rows.append(
                {
                    "model_a": pair[0],
                    "model_b": pair[1],
                    "outcome": outcome,
                    "category": one.task.payload.get("category", ""),
                    "question_id": one.task.payload.get("question_id", ""),
                    "question": one.task.payload.get("question", ""),
                    "voter": work.person,
                    "seconds": round(seconds.get(work.annotation_id, 0.0), 1),
                    "length_a": len(str(answers[0])),
                    "length_b": len(str(answers[1])),
                }
            )
    return rows


def votes_text(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """JSON lines."""
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()


def _models(session: Session, project: Project) -> dict[int, list[str]]:
    events = session.scalars(
        select(Event)
        .join(Task, Task.id == Event.subject_id)
        .where(Event.kind == PAIRED, Event.subject == "task", Task.project_id == project.id)
    )
    return {event.subject_id: list(event.after["models"]) for event in events if event.after}
