"""The queue: nobody gets a task twice, no task goes to too many, what is given up comes back."""

from __future__ import annotations

import pytest
import toy_mode
from sqlalchemy import select

from openmolmo.engine.studio import work
from openmolmo.engine.studio.queue import LeaseLostError, add_task, forget, hold, renew, skip, sweep, take
from openmolmo.engine.studio.store.database import Database
from openmolmo.engine.studio.store.tables import Annotation, Lease, Picture, Task

MODE = toy_mode.NAME


def test_a_day_at_the_queue(database: Database) -> None:
    with database.begin() as session:
        project, (ann, bob, cid), tasks = toy_mode.fill(session, tasks=2)
    with database.begin() as session:
        first = take(session, ann, project, MODE, 0.0)
        assert first is not None
        assert first.task_id == tasks[0], "tasks come in their order"
        again = take(session, ann, project, MODE, 10.0)
        assert again is not None
        assert again.id == first.id, "a second tab goes on with the same task"
        assert again.expires_at == 110.0
        other = take(session, bob, project, MODE, 10.0)
        assert other is not None
        assert other.task_id == tasks[0], "a task is for two people"
        third = take(session, cid, project, MODE, 10.0)
        assert third is not None
        assert third.task_id == tasks[1], "but not for three"
    with database.begin() as session:
        skip(session, other.id, bob, "  too dark ", 20.0)
        assert session.get_one(Lease, other.id).reason == "too dark"
        assert session.get_one(Task, tasks[0]).slots == 1
        second = take(session, bob, project, MODE, 20.0)
        assert second is not None
        assert second.task_id == tasks[1], "what somebody skipped is not given to them again"
        work.submit(session, second.id, bob, {"count": 1}, 5000, 30.0)
        assert take(session, bob, project, MODE, 30.0) is None, "nothing is left for Bob"
        work.save_draft(session, first.id, ann, {"count": 7}, 0, 100, 30.0)
    with database.begin() as session:
        assert sweep(session, 131.0) == 2
        assert [session.get_one(Task, one).slots for one in tasks] == [2, 1]
        back = hold(session, first.id, ann, 140.0)
        assert back.ended_at is None, "who comes back goes on where the slot is still free"
        assert session.get_one(Task, tasks[0]).slots == 1
        assert sweep(session, 300.0) == 1
    with database.begin() as session:
        extra = add_task(session, project_id=project, picture_id=1, mode=MODE, now=0.0, place=-1.0, need=1)
        gone = take(session, ann, project, MODE, 400.0)
        assert gone is not None
        assert gone.task_id == extra.id
        assert sweep(session, 501.0) == 1
        assert take(session, cid, project, MODE, 501.0) is not None
        with pytest.raises(LeaseLostError, match="somebody else does this task now") as lost:
            renew(session, gone.id, ann, 502.0)
        assert lost.value.code == "expired"
        with pytest.raises(LeaseLostError, match="no task under number"):
            renew(session, gone.id, bob, 502.0)
        kept = session.scalars(select(Annotation).where(Annotation.lease_id == first.id)).one()
        assert kept.payload == {"count": 7}, "a draft outlives its lease"


def test_gold_hidden_and_erased(database: Database) -> None:
    with database.begin() as session:
        project, (ann, *_), tasks = toy_mode.fill(session, tasks=40, people=1, options={"gold_share": 0.25})
        gold = {
            add_task(session, project_id=project, picture_id=1, mode=MODE, now=0.0, gold={"count": 3}).id
            for _ in range(20)
        }
        hidden = Picture(
            project_id=project,
            sha256="1" * 64,
            path="pictures/1.png",
            media_type="image/png",
            width=1,
            height=1,
            source="drawn",
            hidden_reason="near duplicate",
            created_at=0.0,
        )
        session.add(hidden)
        session.flush()
        never = add_task(session, project_id=project, picture_id=hidden.id, mode=MODE, now=0.0, place=-5.0)
        done = []
        while (lease := take(session, ann, project, MODE, 1.0)) is not None:
            done.append(lease.task_id)
            work.submit(session, lease.id, ann, {"count": 3}, 0, 2.0)
        assert never.id not in done
        assert len(done) == len(set(done))
        assert [one for one in done if one not in gold] == tasks
        assert 5 <= len(gold.intersection(done)) <= 20, "about a quarter of what a person gets"
        assert forget(session, ann, 3.0) == len(done)
        assert {session.get_one(Task, one).slots for one in tasks} == {2}
        assert take(session, ann, project, MODE, 4.0) is None
