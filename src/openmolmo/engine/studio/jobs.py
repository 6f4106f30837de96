"""Jobs for ``openmolmo studio worker``: asked for once, taken up again when a worker dies, given up after some tries.

A job is a row. Who takes it holds it for a while (``due_at`` is then the end of that time) and renews it while it
runs; a worker that is killed stops renewing, and the job is due again. What a job *does* is a handler, registered
under its kind in the entry-point group ``openmolmo.studio_jobs``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import orm, select
from sqlalchemy.exc import IntegrityError

from openmolmo.core.errors import DataError, RunError
from openmolmo.core.registry import Registry
from openmolmo.engine.studio.events import record
from openmolmo.engine.studio.settings import StudioSettings
from openmolmo.engine.studio.store.database import Database
from openmolmo.engine.studio.store.tables import Job
from openmolmo.engine.studio.tasks.base import JobRequest

__all__ = [
    "ATTEMPTS",
    "JOBS",
    "BadJobError",
    "JobContext",
    "JobHandler",
    "JobLostError",
    "ask",
    "fail",
    "finish",
    "renew",
    "retry",
    "take",
]

ATTEMPTS = 5
"""How often a job is begun before it is given up."""
_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 900.0
_ERROR_LENGTH = 4000


class JobLostError(RunError):
    """The job was taken up by another worker, because this one showed no sign of life for too long."""


class BadJobError(DataError):
    """This job can never succeed (its recording was erased ...): it is given up at once, without further tries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext:
    """What a handler may use. It opens its own, short transactions: none may be open while it works."""

    database: Database
    directory: Path
    settings: StudioSettings
    job_id: int
    attempt: int
    """From 1."""
    last_attempt: bool
    """Whether the job is given up if it fails now."""


JobHandler = Callable[[JobContext, Mapping[str, Any]], dict[str, Any]]
"""Does a job by its payload and says what came out. It may run twice: the second time must be harmless."""

JOBS: Registry[JobHandler] = Registry("studio_job")


def ask(session: orm.Session, request: JobRequest, now: float, *, due_at: float | None = None) -> Job:
    """Put a job into the queue; one that has the same ``key`` already is returned as it is."""
    session.flush()
    same = select(Job).where(Job.key == request.key)
    found = session.scalars(same).first()
    if found is not None:
        return found
    job = Job(
        kind=request.kind,
        key=request.key,
        payload=dict(request.payload),
        state="waiting",
        due_at=now if due_at is None else due_at,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(job)
    except IntegrityError:  # somebody asked for it at this very moment
        return session.scalars(same).one()
    return job


def take(
    session: orm.Session, kinds: Sequence[str], worker: str, now: float, *, lease_seconds: float = 60.0
) -> Job | None:
    """The next job of one of ``kinds`` that is due, held for ``lease_seconds``; none where there is none.

    One whose worker died in its last try is given up here: it may be the job that kills workers.
    """
    due = (
        select(Job)
        .where(Job.done_at.is_(None), Job.due_at <= now, Job.kind.in_(kinds))
        .order_by(Job.due_at, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    while (job := session.scalars(due).first()) is not None:
        if job.attempts < ATTEMPTS:
            job.state, job.worker, job.due_at = "running", worker, now + lease_seconds
            job.attempts += 1
            session.flush()
            return job
        _give_up(session, job, f"its worker ended in the middle of it, {job.attempts} times", now)
        session.flush()
    return None


def renew(session: orm.Session, job_id: int, worker: str, now: float, *, lease_seconds: float = 60.0) -> None:
    """A sign of life of a worker. JobLostError where another one has the job."""
    _mine(session, job_id, worker).due_at = now + lease_seconds


def finish(session: orm.Session, job_id: int, worker: str, result: Mapping[str, Any], now: float) -> Job:
    """The job is done; ``result`` is kept. JobLostError where another worker has it: the result is theirs to make."""
    job = _mine(session, job_id, worker)
    job.state, job.result, job.error, job.done_at = "done", dict(result), None, now
    record(session, "job.done", "job", job.id, after={"kind": job.kind, "attempts": job.attempts}, now=now)
    return job


def fail(session: orm.Session, job_id: int, worker: str, error: str, now: float, *, again: bool = True) -> Job:
    """The try failed: once more after a pause that doubles, or given up (``again`` false, or too many tries)."""
    job = _mine(session, job_id, worker)
    if not again or job.attempts >= ATTEMPTS:
        _give_up(session, job, error, now)
        return job
    job.state, job.error = "waiting", error[:_ERROR_LENGTH]
    job.due_at = now + min(_FIRST_PAUSE * 2 ** (job.attempts - 1), _LONGEST_PAUSE)
    return job


def retry(session: orm.Session, job_id: int, now: float, person_id: int | None = None) -> Job:
    """Somebody asks for a job that was given up to be tried again from the start."""
    job = session.get_one(Job, job_id, with_for_update=True)
    if job.state == "failed":
        job.state, job.attempts, job.due_at, job.done_at = "waiting", 0, now, None
        record(session, "job.asked_again", "job", job.id, person_id, before={"error": job.error}, now=now)
    return job


def _give_up(session: orm.Session, job: Job, error: str, now: float) -> None:
    job.state, job.error, job.done_at = "failed", error[:_ERROR_LENGTH], now
    record(session, "job.failed", "job", job.id, after={"kind": job.kind, "error": job.error}, now=now)


def _mine(session: orm.Session, job_id: int, worker: str) -> Job:
    job = session.get(Job, job_id, with_for_update=True)
    if job is None or job.state != "running" or job.worker != worker:
        holder = "nobody" if job is None else f"{job.worker or 'nobody'} ({job.state})"
        raise JobLostError(f"job {job_id} is no longer held by {worker} but by {holder}")
    return job
