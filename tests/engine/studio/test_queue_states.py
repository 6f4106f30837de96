"""Any order of what people and time do at the queue: nothing too often, nothing lost, nothing twice to one person."""

from __future__ import annotations

import tempfile
from collections import Counter
from functools import cache
from pathlib import Path

import toy_mode
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import select

from openmolmo.engine.studio import work
from openmolmo.engine.studio.queue import LeaseLostError, forget, renew, skip, sweep, take
from openmolmo.engine.studio.store.database import open_database, upgrade
from openmolmo.engine.studio.store.tables import Annotation, Lease, Task

MODE, NEED = toy_mode.NAME, 2
WHO = st.integers(0, 2)


@cache
def filled() -> tuple[bytes, int, list[int]]:
    """A database with three people and three tasks: its bytes, its project, its people. Made once: it takes a while."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.sqlite"
        database = upgrade(f"sqlite:///{path}")
        with database.begin() as session:
            project, people, _ = toy_mode.fill(session, tasks=3)
        database.close()
        return path.read_bytes(), project, people


class Queue(RuleBasedStateMachine):
    """Three people, three tasks for two people each, and a clock."""

    def __init__(self) -> None:
        super().__init__()
        toy_mode.register()
        self.folder = tempfile.TemporaryDirectory()
        content, self.project, self.people = filled()
        path = Path(self.folder.name) / "s.sqlite"
        path.write_bytes(content)
        self.database = open_database(f"sqlite:///{path}")
        self.now = 0.0
        self.confirmed: set[int] = set()

    def teardown(self) -> None:
        self.database.close()
        self.folder.cleanup()

    def _mine(self, who: int, *outcomes: str | None) -> list[Lease]:
        with self.database.read() as session:
            mine = session.scalars(select(Lease).where(Lease.person_id == self.people[who]).order_by(Lease.id)).all()
            return [lease for lease in mine if lease.outcome in outcomes]

    @rule(who=WHO)
    def take(self, who: int) -> None:
        with self.database.begin() as session:
            person = self.people[who]
            had = set(session.scalars(select(Lease.task_id).where(Lease.person_id == person)))
            going = session.scalars(select(Lease.id).where(Lease.person_id == person, Lease.ended_at.is_(None))).all()
            lease = take(session, person, self.project, MODE, self.now)
            if lease is None:
                free = session.scalars(select(Task.id).where(Task.slots > 0)).all()
                assert set(free) <= had, "there was a task for this person"
            elif lease.id not in going:
                assert lease.task_id not in had, "twice to one person"

    @rule(who=WHO, seconds=st.sampled_from([0.0, 1.0, 90.0]))
    def renew(self, who: int, seconds: float) -> None:
        self.now += seconds
        for lease in self._mine(who, None, "expired"):
            with self.database.begin() as session:
                try:
                    assert renew(session, lease.id, self.people[who], self.now).expires_at >= self.now + 100
                except LeaseLostError as lost:
                    assert lost.code == "expired"

    @rule(who=WHO)
    def skip(self, who: int) -> None:
        for lease in self._mine(who, None):
            with self.database.begin() as session:
                skip(session, lease.id, self.people[who], "no", self.now)

    @rule(who=WHO)
    def submit(self, who: int) -> None:
        for lease in self._mine(who, None, "expired"):
            with self.database.begin() as session:
                try:
                    done = work.submit(session, lease.id, self.people[who], {"count": who}, 5, self.now)
                except LeaseLostError:
                    continue
                self.confirmed.add(done.id)

    @rule(who=WHO)
    def send_back(self, who: int) -> None:
        for lease in self._mine(who, "submitted"):
            with self.database.begin() as session:
                done = session.scalars(select(Annotation).where(Annotation.lease_id == lease.id)).one()
                work.review(session, done.id, self.people[0], "sent_back", "better", None, self.now)
                self.confirmed.discard(done.id)

    @rule(seconds=st.sampled_from([3.0, 101.0, 8 * 86400.0]))
    def expire(self, seconds: float) -> None:
        self.now += seconds
        with self.database.begin() as session:
            sweep(session, self.now)

    @rule(seconds=st.sampled_from([3.0, 101.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(who=WHO)
    def erase(self, who: int) -> None:
        with self.database.begin() as session:
            theirs = select(Annotation.id).where(Annotation.person_id == self.people[who])
            self.confirmed -= set(session.scalars(theirs))
            forget(session, self.people[who], self.now)

    @invariant()
    def nothing_too_often_and_nothing_lost(self) -> None:
        with self.database.read() as session:
            leases = session.scalars(select(Lease)).all()
            held = Counter(one.task_id for one in leases if one.ended_at is None or one.outcome == "submitted")
            for task in session.scalars(select(Task)):
                assert held[task.id] <= NEED, "over-assigned"
                assert task.slots == NEED - held[task.id], "a slot is lost"
            pairs = Counter((one.task_id, one.person_id) for one in leases)
            assert all(count == 1 for count in pairs.values())
            kept = set(session.scalars(select(Annotation.id).where(Annotation.state == "submitted")))
            assert self.confirmed <= kept, "confirmed work is lost"


Queue.TestCase.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
TestQueue = Queue.TestCase
