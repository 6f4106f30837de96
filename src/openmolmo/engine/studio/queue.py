"""Gives out tasks: each to as many people as it needs, never twice to one, and back to others when somebody leaves.

A task has a counter ``slots``: how many people may still take it. Taking lowers it in the same statement that looks
at it, so that no two processes can take one slot; counting leases instead gives tasks to too many people. A lease
that ends without work gives its slot back:

    slots == need - live leases - finished work
"""

from __future__ import annotations

from itertools import product
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import BindParameter, Engine, Select, Update, bindparam, exists, func, orm, select, update
from sqlalchemy.orm import contains_eager

from openmolmo.core.errors import DataError, RunError
from openmolmo.core.rng import derive
from openmolmo.engine.studio.events import record
from openmolmo.engine.studio.options import mode_options
from openmolmo.engine.studio.store.tables import Annotation, Lease, Person, Picture, Project, Task
from openmolmo.engine.studio.tasks.base import MODES

__all__ = ["GOLD_NEED", "LeaseLostError", "add_task", "forget", "hold", "renew", "skip", "sweep", "take"]

GOLD_NEED = 1_000_000
"""A gold task is for everybody."""
SWEEP_EVERY = 5.0
"""Seconds between two looks for leases whose time is over, as people take tasks; where nothing is left, one looks."""
_REASON_LENGTH = 500
_swept: WeakKeyDictionary[Engine, float] = WeakKeyDictionary()


class LeaseLostError(RunError):
    """The task is not this person's any more. Their draft is kept.

    ``code`` says why, for pages: ``unknown``, ``expired`` (and somebody else has it), ``submitted``, ``skipped``,
    ``erased``.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message, fix="take the next task; what was entered is kept")
        self.code = code


def add_task(  # noqa: PLR0913 - the columns of a task, by name
    session: orm.Session,
    *,
    project_id: int,
    picture_id: int,
    mode: str,
    now: float,
    payload: dict[str, Any] | None = None,
    place: float | None = None,
    need: int | None = None,
    gold: dict[str, Any] | None = None,
) -> Task:
    """A new task in the queue. ``need``: how many people; none is the project's option, and for gold everybody.

    ``place``: order of giving out, lowest first; none is after all that are there.
    """
    MODES.get(mode)  # an unknown one is said now, not when somebody takes the task
    if need is None:
        project = session.get_one(Project, project_id)
        need = GOLD_NEED if gold is not None else int(mode_options(project, mode)["annotations"])
    if need < 1:
        raise DataError(f"a task for {need} people", field="annotations", fix="give at least 1")
    if place is None:
        last = select(func.max(Task.place)).where(Task.project_id == project_id, Task.mode == mode)
        place = float(session.scalar(last) or 0.0) + 1.0
    task = Task(
        project_id=project_id,
        picture_id=picture_id,
        mode=mode,
        payload=payload or {},
        place=place,
        need=need,
        slots=need,
        gold=gold,
        created_at=now,
    )
    session.add(task)
    session.flush()
    return task


def take(session: orm.Session, person_id: int, project_id: int, mode: str, now: float) -> Lease | None:
    """The task that this person goes on with, or the next one; none where nothing is left for them.

    A live lease of the mode is continued first (work that was sent back too); then gold tasks by their share; never
    a task that the person had before.
    """
    who = {"who": person_id, "in_project": project_id, "in_mode": mode}
    project = session.scalars(_IN_TURN, who).one()
    options = mode_options(project, mode)
    swept = _sweep_sometimes(session, now)
    going = session.scalars(_LIVE, who).first()
    if going is not None:
        going.expires_at = max(going.expires_at, now + float(options["lease_seconds"]))
        return going
    share = float(options["gold_share"])
    had = session.scalar(_HAD, who) or 0 if share > 0 else 0
    order = _order(project_id, person_id, had, share)
    task_id = _first(session, who, order)
    if task_id is None and not swept and sweep(session, now):
        task_id = _first(session, who, order)
    return None if task_id is None else _lease(session, task_id, person_id, now, float(options["lease_seconds"]))


def _sweep_sometimes(session: orm.Session, now: float) -> bool:
    engine = session.connection().engine
    last = _swept.get(engine)
    if last is not None and last <= now < last + SWEEP_EVERY:
        return False
    sweep(session, now)
    _swept[engine] = now
    return True


def _first(session: orm.Session, who: dict[str, Any], order: tuple[bool, ...]) -> int | None:
    """The first open task, of gold or not in this order, with one slot of it taken.

    Tasks that others are taking at this moment are passed by first, and waited for only where no other is left.
    """
    for gold, passing in product(order, (True, False)):
        task_id = session.scalar(_TAKE[gold, passing], who, execution_options={"synchronize_session": False})
        if task_id is not None:
            return int(task_id)
    return None


def _order(project_id: int, person_id: int, had: int, share: float) -> tuple[bool, ...]:
    """Whether to look for a gold task, then for another; drawn by lot, so that nobody can tell which one is next.

    Where no ordinary task is left, no gold one is given out: there is nothing more to watch over.
    """
    gold_now = share > 0 and float(derive(project_id, person_id, had, "gold").random()) < share
    return (True, False) if gold_now else (False,)


def _lower(session: orm.Session, task_id: int) -> bool:
    done = session.execute(update(Task).where(Task.id == task_id, Task.slots > 0).values(slots=Task.slots - 1))
    return bool(done.rowcount)  # type: ignore[attr-defined]


def _raise_slots(session: orm.Session, task_ids: list[int]) -> None:
    for task_id in sorted(task_ids):  # in one order everywhere, so that two sweepers cannot block each other
        session.execute(update(Task).where(Task.id == task_id).values(slots=Task.slots + 1))


def _lease(session: orm.Session, task_id: int, person_id: int, now: float, seconds: float) -> Lease:
    lease = Lease(task_id=task_id, person_id=person_id, taken_at=now, expires_at=now + seconds)
    session.add(lease)
    session.flush()
    record(session, "lease.taken", "lease", lease.id, person_id, after={"task": task_id}, now=now)
    return lease


def hold(session: orm.Session, lease_id: int, person_id: int, now: float, *, slack: float = 0.0) -> Lease:
    """The lease, locked and lengthened, if it is this person's and live, or can be had again; else LeaseLostError.

    One that expired is taken up again where its slot is still free: a laptop that slept loses nothing. ``slack``: the
    share of its time by which it may fall short before it is lengthened, for signs of life that come every second.
    """
    lease = session.scalars(_WHOLE, {"lease": lease_id}).first()
    if lease is None or lease.person_id != person_id:
        raise LeaseLostError(f"there is no task under number {lease_id} for you", code="unknown")
    if lease.outcome == "expired" and _lower(session, lease.task_id):
        lease.ended_at, lease.outcome = None, None
        record(session, "lease.continued", "lease", lease.id, person_id, now=now)
    if lease.ended_at is not None:
        code = lease.outcome or "expired"
        said = {"submitted": "was handed in already", "skipped": "was skipped", "erased": "was erased"}
        why = said.get(code, "was away for too long, and somebody else does this task now")
        raise LeaseLostError(f"your work under number {lease_id} {why}", code=code)
    seconds = float(mode_options(lease.task.project, lease.task.mode)["lease_seconds"])
    if now + seconds > lease.expires_at + slack * seconds:
        lease.expires_at = now + seconds
    return lease


def renew(session: orm.Session, lease_id: int, person_id: int, now: float) -> Lease:
    """A sign of life: the lease is lengthened. LeaseLostError where it is this person's no more."""
    return hold(session, lease_id, person_id, now)


def skip(session: orm.Session, lease_id: int, person_id: int, reason: str, now: float) -> Lease:
    """The person does not do this task, and says why; it goes to others. A draft is kept, as withdrawn."""
    lease = hold(session, lease_id, person_id, now)
    lease.ended_at, lease.outcome, lease.reason = now, "skipped", reason.strip()[:_REASON_LENGTH]
    draft = session.scalars(select(Annotation).where(Annotation.lease_id == lease.id)).first()
    if draft is not None:
        draft.state, draft.changed_at = "withdrawn", now
    session.flush()
    _raise_slots(session, [lease.task_id])
    record(session, "lease.skipped", "lease", lease.id, person_id, after={"reason": lease.reason}, now=now)
    return lease


def sweep(session: orm.Session, now: float) -> int:
    """End all leases whose time is over and give their slots back; how many there were. Drafts are kept."""
    over = select(Lease).where(Lease.ended_at.is_(None), Lease.expires_at < now).order_by(Lease.id)
    ended = session.scalars(over.with_for_update(of=Lease, skip_locked=True)).all()
    for lease in ended:
        lease.ended_at, lease.outcome = now, "expired"
        record(session, "lease.expired", "lease", lease.id, after={"person": lease.person_id}, now=now)
    session.flush()
    _raise_slots(session, [lease.task_id for lease in ended])
    return len(ended)


def forget(session: orm.Session, person_id: int, now: float) -> int:
    """All slots of a person's leases and finished work go back, because their work is erased; how many."""
    held = (Lease.ended_at.is_(None)) | (Lease.outcome == "submitted")
    mine = select(Lease).where(Lease.person_id == person_id, held).with_for_update(of=Lease)
    leases = session.scalars(mine).all()
    for lease in leases:
        lease.ended_at, lease.outcome, lease.reason = now, "erased", None
        record(session, "lease.erased", "lease", lease.id, now=now)
    session.flush()
    _raise_slots(session, [lease.task_id for lease in leases])
    return len(leases)


# What is asked at every request is put together once: that takes longer than asking.
_WHO: BindParameter[int] = bindparam("who")
_PROJECT: BindParameter[int] = bindparam("in_project")
_MODE: BindParameter[str] = bindparam("in_mode")
_HERE = (Task.project_id == _PROJECT, Task.mode == _MODE)

_IN_TURN: Select[Project] = (
    select(Project)
    .join(Person, Person.id == _WHO)
    .where(Project.id == _PROJECT)
    .with_for_update(of=Person, key_share=True)
)
"""The project, when it is this browser tab's turn: one person's tabs wait for each other; others are not held up."""

_LIVE: Select[Lease] = (
    select(Lease)
    .join(Lease.task)
    .where(Lease.person_id == _WHO, Lease.ended_at.is_(None), *_HERE)
    .order_by(Lease.taken_at, Lease.id)
    .limit(1)
    .with_for_update(of=Lease)
)
_HAD = select(func.count(Lease.id)).join(Lease.task).where(Lease.person_id == _WHO, *_HERE)

_WHOLE: Select[Lease] = (
    select(Lease)
    .join(Lease.task)
    .join(Task.picture)
    .join(Task.project)
    .options(contains_eager(Lease.task).options(contains_eager(Task.picture), contains_eager(Task.project)))
    .where(Lease.id == bindparam("lease"))
    .with_for_update(of=Lease)
    .execution_options(populate_existing=True)
)
"""A lease, locked, as those who held it left it, with its task, picture and project."""


def _taking(gold: bool, passing: bool) -> Update:
    had = exists().where(Lease.task_id == Task.id, Lease.person_id == _WHO)
    first = (
        select(Task.id)
        .join(Task.picture)
        .where(*_HERE, Task.slots > 0, Task.gold.is_not(None) if gold else Task.gold.is_(None))
        .where(Picture.hidden_reason.is_(None), ~had)
        .order_by(Task.place, Task.id)
        .limit(1)
        .with_for_update(of=Task, skip_locked=passing)
    )
    # The counter is looked at once more: it may have changed while this waited for the task.
    lower = update(Task).where(Task.id == first.scalar_subquery(), Task.slots > 0).values(slots=Task.slots - 1)
    return lower.returning(Task.id)


_TAKE = {(gold, passing): _taking(gold, passing) for gold in (False, True) for passing in (False, True)}
"""Take a slot of the first task that somebody may have; by (is it gold, are tasks passed by that others take)."""
