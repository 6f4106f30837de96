"""The turns of asking: question, draft, rejection with its reason, edit, acceptance. All are kept, none is changed.

question -> draft -> accept
              |  \\-> edit -> accept
              \\-> reject -> draft ...
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session as Rows

from openmolmo.engine.studio import jobs
from openmolmo.engine.studio.asking.looking import known_of
from openmolmo.engine.studio.queue import hold
from openmolmo.engine.studio.store.tables import Annotation, Job, Lease, Task, Turn
from openmolmo.engine.studio.tasks.base import JobRequest
from openmolmo.engine.studio.tasks.complaints import UnfinishedError
from openmolmo.engine.studio.tasks.reading import clean_label, clean_text, points_in, rows_in

__all__ = ["Said", "add_turn", "again", "draft_key", "look_soon", "say", "turns_of", "view"]

Said = Literal["question", "reject", "edit", "accept"]

DRAFTED = frozenset({"question", "reject"})
"""What a draft answers."""


def turns_of(rows: Rows, annotation_id: int) -> list[Turn]:
    """All turns, in order."""
    return list(rows.scalars(select(Turn).where(Turn.annotation_id == annotation_id).order_by(Turn.number, Turn.id)))


def add_turn(
    rows: Rows, annotation_id: int, kind: str, text: str, now: float, made: Mapping[str, Any] | None = None
) -> Turn:
    """One more turn."""
    before = turns_of(rows, annotation_id)
    turn = Turn(
        annotation_id=annotation_id,
        number=before[-1].number + 1 if before else 0,
        kind=kind,
        text=text,
        made=dict(made or {"by": "person"}),
        created_at=now,
    )
    rows.add(turn)
    rows.flush()
    return turn


def say(rows: Rows, lease_id: int, person_id: int, kind: Said, text: str, now: float) -> Turn:
    """A turn of the person at the page; a question and a rejection ask for a draft. The same twice is one.

    UnfinishedError with a sentence where it makes no sense, LeaseLostError where the task is not theirs.
    """
    lease = hold(rows, lease_id, person_id, now)
    annotation = _annotation(rows, lease)
    before = turns_of(rows, annotation.id)
    said = clean_text(text)
    last = before[-1] if before else None
    if not said:
        raise UnfinishedError(f"asking.error.no_{'reason' if kind == 'reject' else kind}")
    if last is not None and last.kind == kind and last.text == said:
        turn = last  # the page did not hear that it was taken
    else:
        _fits(kind, before)
        made: dict[str, Any] = {"by": "person"}
        if kind == "question" and (things := _things(annotation.payload)):
            made["things"] = things
        turn = add_turn(rows, annotation.id, kind, said, now, made)
    if kind in DRAFTED:
        request = JobRequest(
            kind="draft",
            key=draft_key(annotation.id, turn.number),
            payload={"annotation": annotation.id, "turn": turn.number},
        )
        jobs.ask(rows, request, now)
    return turn


def again(rows: Rows, lease_id: int, person_id: int, now: float) -> None:
    """Try a draft again that was given up."""
    annotation = _annotation(rows, hold(rows, lease_id, person_id, now))
    job = _job(rows, annotation.id, turns_of(rows, annotation.id))
    if job is not None:
        jobs.retry(rows, job.id, now, person_id)


def look_soon(rows: Rows, lease: Lease, now: float) -> None:
    """Have the picture of a task looked at while the person still thinks about a question."""
    jobs.ask(rows, JobRequest(kind="look", key=f"look-{lease.task_id}", payload={"task": lease.task_id}), now)


def view(rows: Rows, lease: Lease, now: float) -> dict[str, Any]:
    """What the page shows: what is known of the picture, all turns, and the draft that is waited for."""
    task = rows.get_one(Task, lease.task_id)
    annotation = rows.scalar(select(Annotation).where(Annotation.lease_id == lease.id))
    turns = [] if annotation is None else turns_of(rows, annotation.id)
    job = None if annotation is None else _job(rows, annotation.id, turns)
    waits = bool(turns) and turns[-1].kind in DRAFTED and job is not None
    return {
        "known": asdict(known_of(rows, task)),
        "turns": [{"number": one.number, "kind": one.kind, "text": one.text, "made": _shown(one)} for one in turns],
        "draft": None
        if not waits or job is None
        else {
            "state": job.state,
            "error": job.error if job.state == "failed" else None,
            "seconds": max(0.0, now - job.created_at),
        },
    }


def draft_key(annotation_id: int, turn: int) -> str:
    """The key of the job that answers a turn."""
    return f"draft-{annotation_id}-{turn}"


def _job(rows: Rows, annotation_id: int, turns: list[Turn]) -> Job | None:
    asked = [turn.number for turn in turns if turn.kind in DRAFTED]
    return rows.scalar(select(Job).where(Job.key == draft_key(annotation_id, asked[-1]))) if asked else None


def _annotation(rows: Rows, lease: Lease) -> Annotation:
    """The work of the lease: the page saves it before it asks."""
    found = rows.scalar(select(Annotation).where(Annotation.lease_id == lease.id).with_for_update())
    if found is None:
        raise UnfinishedError("asking.error.not_saved")
    return found


def _fits(kind: Said, before: list[Turn]) -> None:
    """What can be said now: nothing is asked anew while its draft is being made, and only a draft can be rejected."""
    last = before[-1].kind if before else ""
    if kind == "reject" and not any(turn.kind == "draft" for turn in before):
        raise UnfinishedError("asking.error.nothing_to_reject")
    if kind == "reject" and last == "reject":
        raise UnfinishedError("asking.error.wait")


def _things(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was clicked, as words: label and places of each group, in the order of their numbers."""
    things = []
    for row in rows_in(payload.get("groups")):
        points = points_in(row.get("points"))
        places = "; ".join(f"{point.x:.0f}, {point.y:.0f}" for point in points[:8])
        more = f" and {len(points) - 8} more" if len(points) > 8 else ""
        things.append({"label": clean_label(row.get("label")), "places": places + more})
    return things


def _shown(turn: Turn) -> dict[str, Any]:
    """What a page tells of how a turn was made."""
    made = turn.made
    origin = made.get("origin") or {}
    told = {"made": origin.get("made"), "model": origin.get("model"), "missing": made.get("missing")}
    return {name: value for name, value in told.items() if value}
