"""One person's work on one task: saved as a draft, handed in, judged by a reviewer, taken back.

    draft -> submitted -> accepted
      ^          |  \\-> sent_back (the same person goes on with it) -> submitted ...
      \\-- undo --/   \\-> accepted, mended by the reviewer

Every function works inside the caller's transaction and writes its events there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import bindparam, orm, select
from sqlalchemy.orm import joinedload

from openmolmo.core.errors import DataError, RunError
from openmolmo.engine.studio import jobs
from openmolmo.engine.studio.events import latest, record
from openmolmo.engine.studio.options import mode_options
from openmolmo.engine.studio.queue import LeaseLostError, hold
from openmolmo.engine.studio.store.tables import Annotation, Event, Lease, Review, Task
from openmolmo.engine.studio.tasks.base import MODES, BadWorkError, TaskView

__all__ = [
    "SENT_BACK_SECONDS",
    "ReviewError",
    "StaleDraftError",
    "Verdict",
    "review",
    "save_draft",
    "submit",
    "task_view",
    "undo",
]

Verdict = Literal["accepted", "sent_back", "mended"]

SENT_BACK_SECONDS = 7 * 86400.0
"""How long somebody has to go on with work that came back, before the task goes to others."""
_DRAFT_SLACK = 0.05
"""Autosaves lengthen a lease when it has lost this share of its time: one change in a minute and a half, not in two
seconds."""
_DRAFT_EVENT_SECONDS = 30.0
"""Autosaves come every two seconds; the book of changes has one in this time, and every one that removes something."""


# Put together once, for every request.
_OF_LEASE = select(Annotation).where(Annotation.lease_id == bindparam("lease")).with_for_update()
_LAST_SAVED = (
    select(Event.at)
    .where(Event.subject == "annotation", Event.subject_id == bindparam("annotation"))
    .where(Event.kind == "annotation.saved")
    .order_by(Event.id.desc())
    .limit(1)
)


class StaleDraftError(RunError):
    """Another tab saved a newer draft: ``draft`` with its ``revision``. Nothing was overwritten."""

    def __init__(self, message: str, *, draft: dict[str, Any], revision: int) -> None:
        super().__init__(message, fix="choose which of the two to keep, and save it with the newer revision")
        self.draft, self.revision = draft, revision


class ReviewError(DataError):
    """A verdict or an undo does not fit the state in which the work is."""


def task_view(session: orm.Session, lease_id: int) -> TaskView:
    """The task of a lease, as modes and pages see it: without others' work and without the gold answer."""
    whole = select(Task).join(Lease, Lease.task_id == Task.id).where(Lease.id == lease_id)
    return _view(session.scalars(whole.options(joinedload(Task.picture), joinedload(Task.project))).one())


def _view(task: Task) -> TaskView:
    picture = task.picture
    return TaskView(
        id=task.id,
        mode=task.mode,
        picture_id=picture.id,
        width=picture.width,
        height=picture.height,
        payload=dict(task.payload),
        options=mode_options(task.project, task.mode),
        facts=dict(picture.facts),
    )


def save_draft(
    session: orm.Session,
    lease_id: int,
    person_id: int,
    payload: Mapping[str, Any],
    revision: int,
    worked_ms: int,
    now: float,
) -> int:
    """Save what is entered so far; the new revision. ``revision``: the one that the page built upon, 0 at first.

    ``worked_ms``: milliseconds of work on this task in all, as the page measured. StaleDraftError where another tab
    saved since; LeaseLostError where the task is somebody else's. The same save twice is one.
    """
    lease = hold(session, lease_id, person_id, now, slack=_DRAFT_SLACK)
    clean = _plain(payload)
    draft = _annotation(session, lease, now)
    if draft.revision == revision + 1 and draft.payload == clean:
        return draft.revision  # the page did not hear of its last save
    if draft.revision != revision:
        raise StaleDraftError(
            f"this page builds on draft {revision}, but draft {draft.revision} was saved since",
            draft=dict(draft.payload),
            revision=draft.revision,
        )
    before = draft.payload
    draft.payload, draft.revision, draft.changed_at = clean, revision + 1, now
    draft.worked_ms = _worked(draft, lease, worked_ms, now)
    session.flush()
    _book_draft(session, draft, before, now)
    return draft.revision


def _annotation(session: orm.Session, lease: Lease, now: float) -> Annotation:
    """The annotation of a lease, locked; an empty draft, not saved yet, where there is none."""
    found = session.scalars(_OF_LEASE, {"lease": lease.id}).first()
    if found is None:
        found = Annotation(
            task_id=lease.task_id,
            lease_id=lease.id,
            person_id=lease.person_id,
            payload={},
            state="draft",
            revision=0,
            created_at=now,
            changed_at=now,
            worked_ms=0,
        )
        session.add(found)
    return found


def _book_draft(session: orm.Session, draft: Annotation, before: dict[str, Any], now: float) -> None:
    removes = len(str(draft.payload)) < len(str(before))
    last = None if removes else session.scalar(_LAST_SAVED, {"annotation": draft.id})
    if last is None or now - last >= _DRAFT_EVENT_SECONDS:
        record(
            session,
            "annotation.saved",
            "annotation",
            draft.id,
            draft.person_id,
            before={"payload": before} if removes else None,
            after={"payload": draft.payload, "revision": draft.revision},
            worked_ms=draft.worked_ms,
            now=now,
        )


def _worked(annotation: Annotation, lease: Lease, worked_ms: int, now: float) -> int:
    """Milliseconds of work in all: never less than before, never more than have passed since the task was taken."""
    passed = max(0, int((now - lease.taken_at) * 1000))
    return max(annotation.worked_ms, min(max(0, int(worked_ms)), passed))


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """The payload, if every database can keep it: BadWorkError for numbers and signs that are no JSON."""
    fault = _fault(value)
    if fault:
        raise BadWorkError(f"this cannot be saved: {fault}", fix="send the work as plain JSON")
    return dict(value)


def _fault(value: Any, depth: int = 0) -> str:
    if depth > 20:
        return "it is nested more than 20 deep"
    if isinstance(value, Mapping):
        parts = [*value.keys(), *value.values()]
        return next((fault for part in parts if (fault := _fault(part, depth + 1))), "")
    if isinstance(value, list | tuple):
        return next((fault for part in value if (fault := _fault(part, depth + 1))), "")
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is no number"
    if isinstance(value, str) and ("\0" in value or (not value.isascii() and not _encodes(value))):
        return "it has a sign that is no text (NUL, or half a sign)"
    return "" if value is None or isinstance(value, str | int | float | bool) else f"{type(value).__name__} is no JSON"


def _encodes(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def submit(
    session: orm.Session, lease_id: int, person_id: int, payload: Mapping[str, Any], worked_ms: int, now: float
) -> Annotation:
    """Hand the work in: checked by its mode, its jobs asked for, the lease ended.

    BadWorkError with a sentence for the person where something is missing; save the draft first, in a transaction of
    its own, so that it is kept. The same work handed in twice is handed in once.
    """
    given = _plain(payload)
    try:
        lease = hold(session, lease_id, person_id, now, slack=1.0)  # it ends below
    except LeaseLostError as lost:
        done = _handed_in(session, lease_id, given) if lost.code == "submitted" else None
        if done is None:
            raise
        return done  # the page did not hear that it was handed in
    task = lease.task
    clean = _checked(task, given)
    confirm = getattr(MODES.get(task.mode), "confirm", None)
    if confirm is not None:
        confirm(session, lease, clean, now)
    annotation = _annotation(session, lease, now)
    before = {"payload": annotation.payload, "state": annotation.state}
    annotation.payload, annotation.state, annotation.submitted_at = clean, "submitted", now
    annotation.revision, annotation.changed_at = annotation.revision + 1, now
    annotation.worked_ms = _worked(annotation, lease, worked_ms, now)
    lease.ended_at, lease.outcome = now, "submitted"
    session.flush()
    _change(session, "annotation.submitted", annotation, person_id, before, now)
    for request in MODES.get(task.mode).jobs(_view(task), annotation.id, clean):
        jobs.ask(session, request, now)
    return annotation


def _handed_in(session: orm.Session, lease_id: int, given: Mapping[str, Any]) -> Annotation | None:
    """The work that was handed in under a lease, if it is the one that is ``given`` once more."""
    done = session.scalars(select(Annotation).where(Annotation.lease_id == lease_id)).one()
    return done if done.payload == _checked(session.get_one(Task, done.task_id), given) else None


def _checked(task: Task, payload: Mapping[str, Any]) -> dict[str, Any]:
    return _plain(MODES.get(task.mode).check(_view(task), payload))


def _change(
    session: orm.Session, kind: str, annotation: Annotation, person_id: int, before: dict[str, Any], now: float
) -> None:
    after = {"payload": annotation.payload, "state": annotation.state}
    record(
        session,
        kind,
        "annotation",
        annotation.id,
        person_id,
        before=before,
        after=after,
        worked_ms=annotation.worked_ms,
        now=now,
    )


def review(
    session: orm.Session,
    annotation_id: int,
    reviewer_id: int,
    verdict: Verdict,
    comment: str,
    payload: Mapping[str, Any] | None,
    now: float,
) -> Annotation:
    """Judge handed-in work: accept it, send it back with a comment, or mend it (``payload``), which accepts it.

    What is sent back is the same person's again, before any other task. ReviewError where it is not handed in.
    """
    annotation = session.get(Annotation, annotation_id, with_for_update=True)
    if annotation is None or annotation.state not in ("submitted", "accepted"):
        state = "unknown" if annotation is None else annotation.state
        raise ReviewError(f"annotation {annotation_id} is {state}; only handed-in work can be judged")
    before = {"payload": annotation.payload, "state": annotation.state, "mended_by": annotation.mended_by}
    if verdict == "mended":
        annotation.payload = _checked(session.get_one(Task, annotation.task_id), _plain(payload or {}))
        annotation.mended_by, annotation.revision = reviewer_id, annotation.revision + 1
    if verdict == "sent_back":
        if not comment.strip():
            raise ReviewError("work is sent back without a comment", fix="say in a sentence what shall be better")
        annotation.state = "sent_back"
        lease = session.get_one(Lease, annotation.lease_id, with_for_update=True)
        lease.ended_at, lease.outcome, lease.expires_at = None, None, now + SENT_BACK_SECONDS
    else:
        annotation.state = "accepted"
    annotation.changed_at = now
    said = Review(annotation_id=annotation_id, reviewer_id=reviewer_id, verdict=verdict, comment=comment.strip())
    said.created_at = now
    session.add(said)
    session.flush()
    _change(session, f"annotation.{verdict}", annotation, reviewer_id, before, now)
    return annotation


def undo(session: orm.Session, annotation_id: int, person_id: int, now: float) -> Annotation:
    """Take one's own last step back: the author what they handed in, the last reviewer their verdict.

    An author can do so until somebody judged it; a reviewer as long as the author has not gone on with it.
    """
    annotation = session.get(Annotation, annotation_id, with_for_update=True)
    if annotation is None:
        raise ReviewError(f"there is no annotation {annotation_id}")
    before = {"payload": annotation.payload, "state": annotation.state, "mended_by": annotation.mended_by}
    if annotation.person_id == person_id and annotation.state == "submitted":
        annotation.state, annotation.submitted_at = "draft", None
        lease = session.get_one(Lease, annotation.lease_id, with_for_update=True)
        lease.ended_at, lease.outcome = None, None
        session.flush()
        hold(session, lease.id, person_id, now)
    else:
        _undo_verdict(session, annotation, person_id, now)
    annotation.changed_at = now
    annotation.revision += 1
    session.flush()
    _change(session, "annotation.undone", annotation, person_id, before, now)
    return annotation


def _undo_verdict(session: orm.Session, annotation: Annotation, person_id: int, now: float) -> None:
    newest = select(Review).where(Review.annotation_id == annotation.id).order_by(Review.id.desc()).limit(1)
    verdict = session.scalars(newest).first()
    expected = None if verdict is None else "accepted" if verdict.verdict == "mended" else verdict.verdict
    if verdict is None or verdict.reviewer_id != person_id or annotation.state != expected:
        raise ReviewError(
            f"annotation {annotation.id} is {annotation.state}: its last step is not yours to take back",
            fix="only one's own last step can be undone, before somebody else went on",
        )
    event = latest(session, f"annotation.{verdict.verdict}", "annotation", annotation.id)
    assert event is not None
    assert event.before is not None
    lease = session.get_one(Lease, annotation.lease_id, with_for_update=True)
    if verdict.verdict == "sent_back":
        if lease.ended_at is not None or annotation.changed_at > verdict.created_at:
            raise ReviewError(f"annotation {annotation.id} is being mended by its author already")
        lease.ended_at, lease.outcome = now, "submitted"
    annotation.payload, annotation.state = event.before["payload"], event.before["state"]
    annotation.mended_by = event.before["mended_by"]
