"""The studio's queue under load: is any task given to too many people, is any work lost, how quick is it?

    python benchmarks/studio.py                                        # both databases, some minutes on two cores
    python benchmarks/studio.py --tasks 300 --out benchmarks/results/studio.json

Six processes act for sixty people. Each takes a task, hands it in (or, one time in twenty, skips it), and takes the
next, all as quickly as they can: nobody clicks in between, so this is far more than six people's work. PostgreSQL is
started here with its usual promises (fsync) where Debian's package is installed, or named by ``--postgresql``.
``over_assigned``: tasks that more people had at one time than they need. ``lost``: work that was confirmed to a person
and is not there afterwards, or that a task lacks in the end.
"""

from __future__ import annotations

import argparse
import multiprocessing
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import func, select

from openmolmo.core.files import write_json
from openmolmo.core.rng import derive
from openmolmo.engine.studio import work
from openmolmo.engine.studio.queue import add_task, skip, take
from openmolmo.engine.studio.store.database import Database, open_database, upgrade
from openmolmo.engine.studio.store.tables import Annotation, Event, Lease, Person, Picture, Project, Task
from openmolmo.engine.studio.tasks.base import MODES, Exported, JobRequest, TaskView, Work
from postgresql_server import PostgresqlServer, fresh_database, programs
from surroundings import surroundings

MODE = "benchmark"
PROCESSES, PEOPLE_EACH, NEED = 6, 10, 3
SKIPPED = 0.05


@dataclass
class Plain:
    """A mode that takes everything."""

    name: str = MODE
    template: str = ""
    script: str = ""
    needs_review: bool = False
    defaults: Mapping[str, Any] = field(default_factory=lambda: {"annotations": NEED})

    def check(self, task: TaskView, payload: Mapping[str, Any]) -> dict[str, Any]:
        return dict(payload)

    def jobs(self, task: TaskView, annotation_id: int, payload: Mapping[str, Any]) -> Sequence[JobRequest]:
        return ()

    def agreement(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
        return None

    def matches_gold(self, gold: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
        return True

    def export(self, task: TaskView, works: Sequence[Work]) -> Exported | None:
        return None


def fill(database: Database, tasks: int) -> tuple[int, list[list[int]]]:
    """A project with tasks and people: its number, and whom each process acts for."""
    with database.begin() as session:
        project = Project(name="benchmark", licence="CC0-1.0", settings={}, created_at=0.0)
        people = [Person(name=f"person {n}", role="annotator", created_at=0.0) for n in range(PROCESSES * PEOPLE_EACH)]
        session.add_all([project, *people])
        session.flush()
        picture = Picture(
            project_id=project.id,
            sha256="0" * 64,
            path="0.png",
            media_type="image/png",
            width=640,
            height=480,
            source="none",
            created_at=0.0,
        )
        session.add(picture)
        session.flush()
        for place in range(tasks):
            add_task(
                session, project_id=project.id, picture_id=picture.id, mode=MODE, now=0.0, place=float(place), need=NEED
            )
        numbers = [person.id for person in people]
        return project.id, [numbers[n::PROCESSES] for n in range(PROCESSES)]


def act(url: str, project: int, people: list[int], seed: int) -> dict[str, Any]:
    """One process: works for its people until nothing is left for any of them; what was confirmed, and times in ms."""
    MODES.register(MODE, Plain())
    database = open_database(url, pool=2)
    rng = derive(seed, "benchmark")
    waiting, confirmed, skipped = list(people), [], 0
    times: dict[str, list[float]] = {"take": [], "submit": [], "skip": []}
    used = time.process_time()
    while waiting:
        person = waiting[int(rng.integers(len(waiting)))]
        began = time.perf_counter()
        with database.begin() as session:
            lease = take(session, person, project, MODE, time.time())
        times["take"].append((time.perf_counter() - began) * 1000)
        if lease is None:
            waiting.remove(person)
            continue
        leave = float(rng.random()) < SKIPPED
        began = time.perf_counter()
        with database.begin() as session:
            if leave:
                skip(session, lease.id, person, "for the figures", time.time())
            else:
                payload = {"points": [{"x": 12.5, "y": 50.0}] * 5, "label": "cup"}
                confirmed.append(work.submit(session, lease.id, person, payload, 1000, time.time()).id)
        times["skip" if leave else "submit"].append((time.perf_counter() - began) * 1000)
        skipped += leave
    database.close()
    used = time.process_time() - used
    return {"confirmed": confirmed, "skipped": skipped, "times": times, "processor_seconds": used}


def finish_rest(database: Database, project: int, people: list[int]) -> list[int]:
    """What was skipped after its last takers had gone, one after the other."""
    confirmed = []
    for person in people:
        while True:
            with database.begin() as session:
                lease = take(session, person, project, MODE, time.time())
                if lease is None:
                    break
                confirmed.append(work.submit(session, lease.id, person, {"late": True}, 0, time.time()).id)
    return confirmed


def most_at_once(database: Database) -> int:
    """Over all tasks, how many had more people at one time than they need; by the book, in the order of changes."""
    held: Counter[int] = Counter()
    over: set[int] = set()
    with database.read() as session:
        tasks = {lease.id: lease.task_id for lease in session.scalars(select(Lease))}
        kinds = ("lease.taken", "lease.skipped", "lease.expired")
        book = select(Event.kind, Event.subject_id).where(Event.kind.in_(kinds)).order_by(Event.id)
        for kind, lease in session.execute(book):
            held[tasks[lease]] += 1 if kind == "lease.taken" else -1
            if held[tasks[lease]] > NEED:
                over.add(tasks[lease])
        finished = select(Annotation.task_id, func.count()).group_by(Annotation.task_id)
        over |= {task for task, count in session.execute(finished) if count > NEED}
    return len(over)


def measure(url: str, tasks: int) -> dict[str, Any]:
    """The figures of one database."""
    MODES.register(MODE, Plain())
    database = upgrade(url)
    project, shares = fill(database, tasks)
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        pool.map(_ready, range(PROCESSES), chunksize=1)  # all are there before the clock starts
        began = time.perf_counter()
        done = pool.starmap(act, [(url, project, people, seed) for seed, people in enumerate(shares)], chunksize=1)
        seconds = time.perf_counter() - began
    together = [number for one in done for number in one["confirmed"]]
    late = finish_rest(database, project, [person for people in shares for person in people])
    with database.read() as session:
        submitted = select(Annotation.id, Annotation.task_id, Annotation.person_id)
        rows = session.execute(submitted.where(Annotation.state == "submitted")).all()
        slots = sum(session.scalars(select(Task.slots)))
    there = {number for number, _, _ in rows}
    figures = {
        "tasks": tasks,
        "annotations_each": NEED,
        "processes": PROCESSES,
        "people": PROCESSES * PEOPLE_EACH,
        "finished": len(there),
        "finished_late": len(late),
        "skipped": sum(one["skipped"] for one in done),
        "over_assigned": most_at_once(database),
        "lost": len({*together, *late} - there) + max(0, tasks * NEED - len(there)),
        "twice_to_one_person": len(rows) - len({(task, person) for _, task, person in rows}),
        "slots_left": slots,
        "seconds": round(seconds, 2),
        "cpu_ms_each": round(1000 * sum(one["processor_seconds"] for one in done) / len(together), 2),
        "finished_per_second": round(len(together) / seconds, 1),
        **{f"{name}_ms": percentiles([ms for one in done for ms in one["times"][name]]) for name in ("take", "submit")},
    }
    database.close()
    return figures


def percentiles(milliseconds: list[float]) -> dict[str, float]:
    return {f"p{part}": round(float(np.percentile(milliseconds, part)), 2) for part in (50, 95, 99)}


def _ready(_: int) -> None:
    time.sleep(0.5)


def keep(path: Path | None, figures: dict[str, Any]) -> None:
    """Write what is done at once: the other database takes minutes."""
    if path is not None:
        write_json(path, figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=3000)
    parser.add_argument("--postgresql", help="address of a server, e.g. postgresql://postgres@127.0.0.1:5432")
    parser.add_argument("--out", type=Path, help="write the figures there, as JSON")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended too
    figures: dict[str, Any] = {"benchmark": "studio", **surroundings("sqlalchemy", "psycopg")}
    with tempfile.TemporaryDirectory() as folder:
        figures["sqlite"] = measure(f"sqlite:///{folder}/studio.sqlite", given.tasks)
        print("sqlite", figures["sqlite"])
        keep(given.out, figures)
    if given.postgresql:
        figures["postgresql"] = measure(fresh_database(given.postgresql), given.tasks)
    elif programs() is not None:
        server = PostgresqlServer(durable=True)
        try:
            figures["postgresql"] = measure(fresh_database(server.address), given.tasks)
        finally:
            server.close()
    print("postgresql", figures.get("postgresql", "is not installed here"))
    keep(given.out, figures)
    wrong = [
        name
        for name in ("sqlite", "postgresql")
        if any(figures.get(name, {}).get(k) for k in ("over_assigned", "lost", "twice_to_one_person"))
    ]
    if wrong:
        raise SystemExit(f"work was lost, or tasks were given to too many, on {', '.join(wrong)}")


if __name__ == "__main__":
    main()
