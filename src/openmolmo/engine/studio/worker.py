"""Runs jobs in processes of their own, any number of them, on any machine that reaches the database and the folder.

    supervisor -> worker 1: take a job, do it, say what came out, take the next ...
               -> worker 2: ...

A worker says every few seconds that it lives; one that is killed stops saying so, and its job is taken up again. The
supervisor starts a new process where one died. A failure of one job is written into its row and is no failure of the
worker.
"""

from __future__ import annotations

import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess

from openmolmo.core.errors import OpenMolmoError
from openmolmo.core.progress import say
from openmolmo.engine.studio import jobs
from openmolmo.engine.studio.settings import StudioSettings
from openmolmo.engine.studio.store.database import Database, DatabaseGoneError, open_database
from openmolmo.engine.studio.store.tables import Job

__all__ = ["PARENT", "Worker", "run_workers"]

log = logging.getLogger(__name__)

PARENT = "OPENMOLMO_STUDIO_PARENT"
"""Environment variable: the process that started the workers; where it was killed, they end after their job."""
_IDLE_SECONDS = 1.0
_AWAY_SECONDS = 5.0
_KEEP_RESULT_SECONDS = 3600.0
"""How long a finished result waits for a database that is away: it may have cost minutes."""
_RESTART_SECONDS = 1.0


@dataclass(kw_only=True)
class Worker:
    """One worker: takes jobs of ``kinds`` one after the other, in this thread."""

    database: Database
    settings: StudioSettings
    kinds: Sequence[str]
    name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    stopping: threading.Event = field(default_factory=threading.Event)
    quiet: bool = False

    def run(self, *, until_idle: bool = False) -> int:
        """Work until told to stop, or until no job is due; how many jobs were done. A database away is waited for."""
        done = 0
        while not self.stopping.is_set():
            try:
                worked = self.one()
            except DatabaseGoneError as error:
                log.warning("%s: %s", self.name, error)
                self.stopping.wait(_AWAY_SECONDS)
                continue
            done += worked
            if not worked:
                if until_idle:
                    break
                self.stopping.wait(_IDLE_SECONDS)
        return done

    def one(self) -> bool:
        """Take one job and do it; false where none is due."""
        seconds = self.settings.job_lease_seconds
        job = self.database.run(
            lambda session: jobs.take(session, self.kinds, self.name, time.time(), lease_seconds=seconds)
        )
        if job is None:
            return False
        with self._signs_of_life(job.id, seconds) as lost:
            outcome = self._do(job)
        if lost.is_set():
            self._tell(job, "another worker has it: this one was silent for too long")
        else:
            self._keep(job, outcome)
        return True

    def _do(self, job: Job) -> _Outcome:
        context = jobs.JobContext(
            database=self.database,
            directory=self.settings.directory,
            settings=self.settings,
            job_id=job.id,
            attempt=job.attempts,
            last_attempt=job.attempts >= jobs.ATTEMPTS,
        )
        try:
            return _Outcome(result=jobs.JOBS.get(job.kind)(context, dict(job.payload)))
        except jobs.BadJobError as error:
            return _Outcome(error=str(error), again=False)
        except OpenMolmoError as error:
            return _Outcome(error=str(error))
        except Exception as error:  # noqa: BLE001 - anybody's plug-in: its fault must not end the worker, and is kept
            return _Outcome(error=f"{type(error).__name__}: {error}\n{traceback.format_exc(limit=-4)}")

    def _keep(self, job: Job, outcome: _Outcome) -> None:
        now = time.time()
        try:
            if outcome.error is None:
                self.database.run(
                    lambda session: jobs.finish(session, job.id, self.name, outcome.result, now),
                    patience=_KEEP_RESULT_SECONDS,
                )
                self._tell(job, "done")
            else:
                error, again = outcome.error, outcome.again
                kept = self.database.run(
                    lambda session: jobs.fail(session, job.id, self.name, error, now, again=again),
                    patience=_KEEP_RESULT_SECONDS,
                )
                self._tell(job, f"{'given up' if kept.state == 'failed' else 'failed, will be tried again'}: {error}")
        except jobs.JobLostError as error:
            self._tell(job, str(error))

    @contextmanager
    def _signs_of_life(self, job_id: int, seconds: float) -> Iterator[threading.Event]:
        """Renew the job from a thread while the block works; the event is set where the job was lost meanwhile."""
        over, lost = threading.Event(), threading.Event()

        def renew() -> None:
            while not over.wait(seconds / 3):
                try:
                    with self.database.begin() as session:
                        jobs.renew(session, job_id, self.name, time.time(), lease_seconds=seconds)
                except jobs.JobLostError:
                    lost.set()
                    return
                except DatabaseGoneError as error:
                    log.warning("%s: %s", self.name, error)  # it may come back before the lease ends

        thread = threading.Thread(target=renew, name="signs of life", daemon=True)
        thread.start()
        try:
            yield lost
        finally:
            over.set()
            thread.join()

    def _tell(self, job: Job, what: str) -> None:
        if not self.quiet:
            say(f"{self.name}: job {job.id} ({job.kind}, try {job.attempts}): {what}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What came out of one try."""

    result: dict[str, object] = field(default_factory=dict)
    error: str | None = None
    again: bool = True


def run_workers(settings: StudioSettings, kinds: Sequence[str], *, processes: int = 1, until_idle: bool = False) -> int:
    """Run ``processes`` workers until they are told to stop (SIGTERM, Ctrl-C), or until no job is due.

    A process that dies is started again. When told to stop, each finishes the job that it is at; told twice, they
    end at once, and their jobs are taken up again later. The number of the signal, 0 where the work ended.
    """
    context = multiprocessing.get_context("spawn")
    told: list[int] = []

    def start() -> BaseProcess:
        process = context.Process(target=_work, args=(settings, list(kinds), until_idle, os.getpid()), daemon=False)
        process.start()
        return process

    def stop(number: int, _: object) -> None:
        told.append(number)
        for process in running:
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, signal.SIGTERM if len(told) == 1 else signal.SIGKILL)

    parent = int(os.environ.get(PARENT, "0"))
    running: list[BaseProcess] = []
    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        running.extend(start() for _ in range(processes))
        while running:
            multiprocessing.connection.wait([process.sentinel for process in running], timeout=1.0)
            if parent and not told and os.getppid() != parent:
                say("the studio that started this worker is gone")
                stop(signal.SIGTERM, None)
            for process in [one for one in running if not one.is_alive()]:
                running.remove(process)
                if process.exitcode != 0 and not told:
                    say(f"worker {process.pid} ended with {process.exitcode}: another one is started")
                    time.sleep(_RESTART_SECONDS)
                    running.append(start())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return told[0] if told else 0


def _work(settings: StudioSettings, kinds: list[str], until_idle: bool, parent: int) -> None:
    """A worker process. It ends by itself where its supervisor was killed."""
    database = open_database(settings.database_url, pool=3)
    worker = Worker(database=database, settings=settings, kinds=kinds)
    signal.signal(signal.SIGTERM, lambda *_: worker.stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor passes it on

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        worker.stopping.set()

    threading.Thread(target=watch, name="is the supervisor there", daemon=True).start()
    worker.run(until_idle=until_idle)
    database.close()
