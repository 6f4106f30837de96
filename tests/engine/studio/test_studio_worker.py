"""Jobs: done once, taken up again when a worker is killed, tried again after failures and then given up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import toy_job
from sqlalchemy import select

from openmolmo.engine.studio import jobs
from openmolmo.engine.studio.settings import StudioSettings, write_settings
from openmolmo.engine.studio.store.database import Database, upgrade
from openmolmo.engine.studio.store.tables import Event, Job
from openmolmo.engine.studio.tasks.base import JobRequest
from openmolmo.engine.studio.worker import PARENT, Worker, run_workers


def ask(database: Database, key: str, now: float = 0.0, **payload: object) -> int:
    with database.begin() as session:
        return jobs.ask(session, JobRequest(kind="toy", key=key, payload=payload), now).id


def test_the_life_of_a_job(database: Database) -> None:
    one = ask(database, "one")
    assert ask(database, "one", 5.0) == one, "asked for twice, it is one job"
    with database.begin() as session:
        assert jobs.take(session, ["other"], "w1", 1.0) is None
        taken = jobs.take(session, ["toy"], "w1", 1.0, lease_seconds=10.0)
        assert taken is not None
        assert jobs.take(session, ["toy"], "w2", 2.0) is None
        jobs.renew(session, one, "w1", 5.0, lease_seconds=10.0)
        assert jobs.take(session, ["toy"], "w2", 14.0) is None, "it was renewed"
        again = jobs.take(session, ["toy"], "w2", 15.0, lease_seconds=10.0)
        assert again is not None
        assert again.attempts == 2
    with pytest.raises(jobs.JobLostError, match=r"no longer held by w1 but by w2"), database.begin() as session:
        jobs.finish(session, one, "w1", {}, 16.0)
    with database.begin() as session:
        failed = jobs.fail(session, one, "w2", "no network", 16.0)
        assert (failed.state, failed.due_at) == ("waiting", 36.0), "the pause doubles with every try"
        now = 36.0
        while (job := jobs.take(session, ["toy"], "w3", now, lease_seconds=1.0)) is not None:
            now = job.due_at  # the worker dies each time
        gone = session.get_one(Job, one)
        assert (gone.state, gone.attempts) == ("failed", jobs.ATTEMPTS)
        assert gone.error == "its worker ended in the middle of it, 5 times"
        jobs.retry(session, one, 100.0)
        assert jobs.take(session, ["toy"], "w4", 100.0) is not None
        assert jobs.finish(session, one, "w4", {"text": "grün"}, 101.0).state == "done"
        assert jobs.take(session, ["toy"], "w4", 1e6) is None
    with database.read() as session:
        kinds = session.scalars(select(Event.kind).where(Event.subject == "job").order_by(Event.id)).all()
        assert kinds == ["job.failed", "job.asked_again", "job.done"]


def test_a_worker_outlives_its_jobs(database: Database, tmp_path: Path) -> None:
    jobs.JOBS.register("toy", toy_job.run)
    well, fault, bad = (ask(database, name, do=name) for name in ("well", "fault", "bad"))
    settings = StudioSettings(directory=tmp_path)
    assert Worker(database=database, settings=settings, kinds=["toy"], quiet=True).run(until_idle=True) == 3
    with database.read() as session:
        assert session.get_one(Job, well).result == {"attempt": 1}
        tried = session.get_one(Job, fault)
        assert tried.state == "waiting"
        assert (tried.error or "").startswith("ZeroDivisionError: a plug-in's own fault\nTraceback")
        assert (session.get_one(Job, bad).state, session.get_one(Job, bad).error) == (
            "failed",
            "the recording was erased",
        )


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(database: Database, database_url: str, tmp_path: Path) -> None:
    """``kill -9`` in the middle of a job: the supervisor starts another process, which does it again."""
    plugin, studio = tmp_path / "plugin", tmp_path / "studio"
    plugin.mkdir()
    studio.mkdir()
    toy_job.install(plugin)
    write_settings(StudioSettings(directory=studio, database=database_url, job_lease_seconds=2.0))
    numbers = [ask(database, "hangs", do="hang"), *(ask(database, f"n{n}") for n in range(10))]
    command = [sys.executable, "-m", "openmolmo", "studio", "worker", "--dir", str(studio), "--processes", "2"]
    worker = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(plugin)}, stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + 200
        killed = False
        while time.monotonic() < end:
            with database.read() as session:
                waiting = session.scalars(select(Job).where(Job.done_at.is_(None))).all()
            hung = next((job for job in waiting if job.id == numbers[0] and job.state == "running"), None)
            began = (studio / "ran.txt").exists() and str(numbers[0]) in (studio / "ran.txt").read_text().split()
            if hung is not None and began and not killed:
                os.kill(int(hung.worker.rpartition(":")[2]), signal.SIGKILL)
                killed = True
            if not waiting:
                break
            time.sleep(0.1)
        worker.terminate()
        _, said = worker.communicate(timeout=100)
    finally:
        worker.kill()
    assert worker.returncode == 0, said
    assert "another one is started" in said
    with database.read() as session:
        states = {job.id: (job.state, job.attempts) for job in session.scalars(select(Job))}
    assert states == {number: ("done", 2 if number == numbers[0] else 1) for number in numbers}
    ran = sorted(map(int, (studio / "ran.txt").read_text().split()))
    assert ran == sorted([numbers[0], *numbers])


def test_workers_end_where_the_studio_that_started_them_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PARENT, str(os.getpid()))  # which is not the parent of this process
    settings = StudioSettings(directory=tmp_path)
    upgrade(settings.database_url).close()
    assert run_workers(settings, ["toy"]) == signal.SIGTERM
