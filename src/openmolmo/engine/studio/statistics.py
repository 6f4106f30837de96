"""How the work goes, in numbers: what is done and left, time per task, throughput, cost."""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import func, orm, select

from openmolmo.engine.studio.finished import Finished
from openmolmo.engine.studio.store.tables import Annotation, Job, Lease, Task

__all__ = ["Cost", "Pace", "PersonNumbers", "Progress", "cost", "job_counts", "pace", "people_numbers", "progress"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a mode is in a project. Gold tasks are not counted: they have no end."""

    tasks: int
    complete: int
    """Tasks that as many people finished as they need."""
    needed: int
    """Pieces of work that all tasks need together."""
    finished: int
    states: dict[str, int]
    """Annotations by state: draft, submitted, accepted, sent_back, withdrawn."""
    outcomes: dict[str, int]
    """Ended leases by outcome: submitted, skipped, expired, erased."""

    @property
    def left(self) -> int:
        return max(0, self.needed - self.finished)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds of work on one task, and how much is handed in by day."""

    median: float | None
    p90: float | None
    hours: float
    """Of work, all people together."""
    by_day: dict[str, tuple[int, float]]
    """UTC day -> pieces of work, and median seconds of one; days without work between are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonNumbers:
    """One person in one mode."""

    finished: int
    hours: float
    median: float
    """Seconds a task."""
    skipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """By an hour's wage, in its currency; the estimate for what is left supposes the median time so far."""

    so_far: float
    each: float
    left: float


def progress(session: orm.Session, project_id: int, mode: str, works: Sequence[Finished]) -> Progress:
    """Counts of tasks, annotations and leases; ``works`` is what :func:`finished` gave."""
    ordinary = (Task.project_id == project_id, Task.mode == mode, Task.gold.is_(None))
    needs = dict(_pairs(session.execute(select(Task.id, Task.need).where(*ordinary))))
    done = Counter(work.task_id for work in works if work.gold is None)
    states = session.execute(
        select(Annotation.state, func.count())
        .join(Task, Task.id == Annotation.task_id)
        .where(*ordinary)
        .group_by(Annotation.state)
    )
    outcomes = session.execute(
        select(Lease.outcome, func.count())
        .join(Task, Task.id == Lease.task_id)
        .where(*ordinary, Lease.outcome.is_not(None))
        .group_by(Lease.outcome)
    )
    return Progress(
        tasks=len(needs),
        complete=sum(done[task] >= need for task, need in needs.items()),
        needed=sum(needs.values()),
        finished=sum(done.values()),
        states=dict(sorted(_pairs(states))),
        outcomes=dict(sorted(_pairs(outcomes))),
    )


def _pairs(rows: Iterable[Any]) -> Iterator[tuple[Any, int]]:
    """Rows of two columns."""
    return ((name, number) for name, number in rows)


def pace(works: Sequence[Finished]) -> Pace:
    """Time a task over all finished work, gold tasks too: they are work as well."""
    seconds = np.asarray([work.worked_ms / 1000 for work in works], np.float64)
    days: dict[datetime.date, list[float]] = defaultdict(list)
    for work in works:
        days[datetime.datetime.fromtimestamp(work.submitted_at, datetime.UTC).date()].append(work.worked_ms / 1000)
    every = [min(days) + datetime.timedelta(days=n) for n in range((max(days) - min(days)).days + 1)] if days else []
    return Pace(
        median=float(np.median(seconds)) if len(seconds) else None,
        p90=float(np.percentile(seconds, 90)) if len(seconds) else None,
        hours=float(seconds.sum()) / 3600,
        by_day={
            day.isoformat(): (len(days[day]), float(np.median(days[day]))) if day in days else (0, 0.0) for day in every
        },
    )


def people_numbers(
    session: orm.Session, project_id: int, mode: str, works: Sequence[Finished]
) -> dict[int, PersonNumbers]:
    """Person -> numbers, for everybody who finished or skipped something."""
    seconds: dict[int, list[float]] = defaultdict(list)
    for work in works:
        seconds[work.person_id].append(work.worked_ms / 1000)
    rows = session.execute(
        select(Lease.person_id, func.count())
        .join(Task, Task.id == Lease.task_id)
        .where(Task.project_id == project_id, Task.mode == mode, Lease.outcome == "skipped")
        .group_by(Lease.person_id)
    )
    skipped = dict(_pairs(rows))
    return {
        person: PersonNumbers(
            finished=len(seconds[person]),
            hours=sum(seconds[person]) / 3600,
            median=float(np.median(seconds[person])) if seconds[person] else 0.0,
            skipped=skipped.get(person, 0),
        )
        for person in sorted({*seconds, *skipped})
    }


def cost(how: Pace, far: Progress, works: int, wage: float) -> Cost:
    """What ``works`` pieces of finished work cost at ``wage`` an hour, and what is left will."""
    so_far = how.hours * wage
    return Cost(
        so_far=so_far,
        each=so_far / works if works else 0.0,
        left=far.left * (how.median or 0.0) / 3600 * wage,
    )


def job_counts(session: orm.Session) -> list[tuple[str, str, int]]:
    """Kind, state and number of jobs."""
    counted = select(Job.kind, Job.state, func.count()).group_by(Job.kind, Job.state).order_by(Job.kind, Job.state)
    return [(kind, state, number) for kind, state, number in session.execute(counted)]
