"""Drafts, handing in, judging and taking back: what is entered stays, and every change is an event."""

from __future__ import annotations

import threading
import time

import pytest
import toy_mode
from sqlalchemy import select

from openmolmo.engine.studio import events, work
from openmolmo.engine.studio.queue import LeaseLostError, skip, take
from openmolmo.engine.studio.store.database import Database
from openmolmo.engine.studio.store.tables import Annotation, Event, Job, Lease, Person, Review, Task
from openmolmo.engine.studio.tasks.base import BadWorkError

MODE = toy_mode.NAME


def start(database: Database, people: int = 3) -> tuple[int, list[int], int]:
    with database.begin() as session:
        project, them, _ = toy_mode.fill(session, tasks=1, people=people)
        lease = take(session, them[0], project, MODE, 0.0)
        assert lease is not None
        return project, them, lease.id


def test_drafts(database: Database) -> None:
    _, (ann, bob, _), lease = start(database)
    with database.begin() as session:
        assert work.task_view(session, lease).payload == {"number": 0}
        assert work.task_view(session, lease).options["annotations"] == 2
        assert work.save_draft(session, lease, ann, {"count": 1, "why": "grün"}, 0, 900, 1.0) == 1
        assert work.save_draft(session, lease, ann, {"count": 1, "why": "grün"}, 0, 900, 1.0) == 1, "sent twice"
        assert work.save_draft(session, lease, ann, {"count": 12, "why": "grün"}, 1, 10**9, 3.0) == 2
        assert work.save_draft(session, lease, ann, {}, 2, 0, 4.0) == 3
    with pytest.raises(work.StaleDraftError, match="builds on draft 1") as stale, database.begin() as session:
        work.save_draft(session, lease, ann, {"count": 5}, 1, 0, 5.0)
    assert (stale.value.draft, stale.value.revision) == ({}, 3)
    for payload in ({"count": float("nan")}, {"text": "a\0b"}, {"text": "\ud800"}, {"when": object()}):
        with pytest.raises(BadWorkError, match="cannot be saved"), database.begin() as session:
            work.save_draft(session, lease, ann, payload, 3, 0, 5.0)
    with pytest.raises(LeaseLostError), database.begin() as session:
        work.save_draft(session, lease, bob, {"count": 5}, 0, 0, 5.0)
    with database.read() as session:
        draft = session.scalars(select(Annotation)).one()
        assert (draft.state, draft.payload, draft.worked_ms) == ("draft", {}, 3000), "no more than has passed"
        saved = session.scalars(select(Event).where(Event.kind == "annotation.saved").order_by(Event.id)).all()
        assert [(event.before or {}).get("payload") for event in saved] == [None, {"count": 12, "why": "grün"}], (
            "autosaves are few in the book, but what was removed can be found"
        )


def test_from_draft_to_accepted(database: Database) -> None:
    project, (ann, bob, cid), lease = start(database)
    with pytest.raises(BadWorkError, match="Please enter how many"), database.begin() as session:
        work.submit(session, lease, ann, {"count": -1}, 0, 2.0)
    with database.begin() as session:
        done = work.submit(session, lease, ann, {"count": 4, "noise": 1}, 1500, 2.0)
        assert (done.payload, done.state, done.worked_ms) == ({"count": 4}, "submitted", 1500)
        assert work.submit(session, lease, ann, {"count": 4}, 1500, 3.0).id == done.id, "handed in twice, it is once"
        assert session.scalars(select(Job.key)).all() == [f"toy-{done.id}"]
    with pytest.raises(LeaseLostError, match="handed in already") as lost, database.begin() as session:
        work.submit(session, lease, ann, {"count": 5}, 0, 4.0)
    assert lost.value.code == "submitted"
    with pytest.raises(work.ReviewError, match="without a comment"), database.begin() as session:
        work.review(session, done.id, bob, "sent_back", " ", None, 5.0)
    with database.begin() as session:
        assert work.undo(session, done.id, ann, 5.0).state == "draft"
        assert take(session, ann, project, MODE, 6.0).id == lease  # type: ignore[union-attr]
        work.submit(session, lease, ann, {"count": 5}, 0, 7.0)
        work.review(session, done.id, bob, "sent_back", "count again", None, 8.0)
        assert session.get_one(Lease, lease).ended_at is None
        assert take(session, ann, project, MODE, 9.0).id == lease  # type: ignore[union-attr]
        assert work.undo(session, done.id, bob, 10.0).state == "submitted"
        revision = work.review(session, done.id, bob, "sent_back", "count again", None, 11.0).revision
        assert work.save_draft(session, lease, ann, {"count": 6}, revision, 0, 12.0) == revision + 1
    with pytest.raises(work.ReviewError, match="being mended by its author"), database.begin() as session:
        work.undo(session, done.id, bob, 13.0)
    with database.begin() as session:
        work.submit(session, lease, ann, {"count": 6}, 0, 14.0)
        mended = work.review(session, done.id, bob, "mended", "", {"count": 8}, 15.0)
        assert (mended.state, mended.payload, mended.mended_by) == ("accepted", {"count": 8}, bob)
    for who in (ann, cid):
        with pytest.raises(work.ReviewError, match="not yours to take back"), database.begin() as session:
            work.undo(session, done.id, who, 16.0)
    with database.begin() as session:
        back = work.undo(session, done.id, bob, 17.0)
        assert (back.state, back.payload, back.mended_by) == ("submitted", {"count": 6}, None)
        assert work.review(session, done.id, bob, "accepted", "fine", None, 18.0).state == "accepted"
        assert session.get_one(Task, session.get_one(Lease, lease).task_id).slots == 1, "one of two is done"
    with database.read() as session:
        assert len(session.scalars(select(Review)).all()) == 4, "no verdict is deleted"
        kinds = session.scalars(select(Event.kind).where(Event.subject == "annotation").order_by(Event.id)).all()
        story = "submitted undone submitted sent_back undone sent_back saved submitted mended undone accepted"
        assert [kind.removeprefix("annotation.") for kind in kinds] == story.split()


def test_skipped_drafts_and_forgotten_people(database: Database) -> None:
    _, (ann, *_), lease = start(database)
    with database.begin() as session:
        work.save_draft(session, lease, ann, {"count": 2}, 0, 0, 1.0)
        skip(session, lease, ann, "too dark", 2.0)
        draft = session.scalars(select(Annotation)).one()
        assert (draft.state, draft.payload) == ("withdrawn", {"count": 2})
    with pytest.raises(LeaseLostError, match="was skipped"), database.begin() as session:
        work.save_draft(session, lease, ann, {"count": 3}, 1, 0, 3.0)
    with database.begin() as session:
        assert events.forget(session, ann) == 3
        assert session.scalars(select(Event.after).where(Event.after.is_not(None))).all() == []
        session.get_one(Person, ann).name = ""
    with pytest.raises(AssertionError, match="never changed"), database.begin() as session:
        session.scalars(select(Event)).first().kind = "other"  # type: ignore[union-attr]
        session.flush()


def test_two_tabs_at_one_moment(database: Database) -> None:
    """One tab skips while the other one hands in: who comes second hears of it, and no slot is counted twice."""
    _, (ann, *_), lease = start(database)
    heard: list[str] = []

    def hand_in() -> None:
        try:
            with database.begin() as session:
                work.submit(session, lease, ann, {"count": 1}, 0, 2.0)
        except LeaseLostError as lost:
            heard.append(lost.code)

    second = threading.Thread(target=hand_in)
    with database.begin() as session:
        skip(session, lease, ann, "too dark", 1.0)
        second.start()
        time.sleep(0.2)  # it stands at the lease by now
    second.join()
    assert heard == ["skipped"]
    with database.read() as session:
        assert session.scalars(select(Task.slots)).one() == 2
        assert session.get_one(Lease, lease).outcome == "skipped"
