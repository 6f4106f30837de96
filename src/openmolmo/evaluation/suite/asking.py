"""Every question that has no answer yet is asked; while the model answers, workers prepare what comes next.

Questions are taken in windows of the whole list, across benchmarks, whatever is answered already: so the same batches
come out in a run that goes on as in one that was never interrupted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from openmolmo.core.errors import DataError, ImageError, OpenMolmoError, PromptError
from openmolmo.core.progress import make_progress
from openmolmo.core.runlog import RunLog
from openmolmo.evaluation.suite.jobs import Job
from openmolmo.evaluation.suite.journal import Journal, Said
from openmolmo.evaluation.suite.models.base import SuiteModel

__all__ = ["Asking", "Trouble", "ask_all"]

_WORKERS = 8


@dataclass(kw_only=True)
class Trouble:
    """Why questions have no reply, by their ids: pictures that cannot be read, prompts that do not fit the model's
    context, and everything else (a server that failed, a file without a line).
    """

    unreadable: dict[str, str] = field(default_factory=dict)
    too_long: dict[str, str] = field(default_factory=dict)
    unanswered: dict[str, str] = field(default_factory=dict)

    def note(self, name: str, error: OpenMolmoError) -> None:
        """Keep what is wrong with a question."""
        about_picture = isinstance(error, ImageError) or (isinstance(error, DataError) and error.field == "image")
        kind = self.unreadable if about_picture else self.unanswered
        (self.too_long if isinstance(error, PromptError) else kind)[name] = error.message


@dataclass(kw_only=True)
class Asking:
    """What was asked now: how many questions; seconds in all, and those in which the model worked."""

    asked: int = 0
    seconds: float = 0.0
    in_model: float = 0.0
    trouble: Trouble = field(default_factory=Trouble)

    @property
    def waiting(self) -> float:
        """The share of the time in which the model waited, 0-1."""
        return 1 - self.in_model / self.seconds if self.seconds else 0.0


def ask_all(jobs: Sequence[Job], model: SuiteModel, journal: Journal, log: RunLog) -> Asking:
    """Ask what the journal has no answer to; ``log`` gets a line for each window."""
    asking, begun = Asking(), time.perf_counter()
    windows = [jobs[start : start + model.window] for start in range(0, len(jobs), model.window)]
    before = sum(job.id in journal.answers for job in jobs)
    with make_progress("waited") as progress:
        bar = progress.add_task("answers", total=len(jobs), completed=before, waited="")
        for ready in _prepared(windows, model, journal):
            good: list[tuple[Job, Any]] = []
            for job, outcome in ready:
                if isinstance(outcome, OpenMolmoError):
                    asking.trouble.note(job.id, outcome)
                else:
                    good.append((job, outcome))
            start = time.perf_counter()
            if good:
                _ask(good, model, journal, asking)
            asking.in_model += time.perf_counter() - start
            asking.seconds = time.perf_counter() - begun
            log.write(asked=len(good), in_model=round(asking.in_model, 3), seconds=round(asking.seconds, 3))
            progress.update(bar, advance=len(ready), waited=f"waiting {asking.waiting:.0%} of the time")
    return asking


def _ask(good: Sequence[tuple[Job, Any]], model: SuiteModel, journal: Journal, asking: Asking) -> None:
    for outcomes in model.answer([prepared for _, prepared in good]):
        answered = []
        for place, outcome in outcomes:
            name = good[place][0].id
            if isinstance(outcome, Said):
                answered.append((name, outcome))
            else:
                asking.trouble.note(name, outcome)
        asking.asked += len(answered)
        journal.add(answered)


Ready = list[tuple[Job, Any]]


def _prepared(windows: Sequence[Sequence[Job]], model: SuiteModel, journal: Journal) -> Iterator[Ready]:
    """Each window's questions without an answer, prepared or with what is wrong; the next one is made meanwhile."""
    left = [[job for job in window if job.id not in journal.answers] for window in windows]
    left = [window for window in left if window]
    # Rows are read by one thread, as their files want it; pictures are opened and cut by several.
    workers = min(_WORKERS, os.cpu_count() or 1)
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(workers) as pool:
        coming: Future[list[tuple[Job, Future[Any] | OpenMolmoError]]] | None = None
        try:
            for number, window in enumerate(left):
                current = coming or reader.submit(_read, window, model, pool)
                started = current.result()
                coming = reader.submit(_read, left[number + 1], model, pool) if number + 1 < len(left) else None
                yield [(job, _outcome(future)) for job, future in started]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _read(
    window: Sequence[Job], model: SuiteModel, pool: ThreadPoolExecutor
) -> list[tuple[Job, Future[Any] | OpenMolmoError]]:
    started: list[tuple[Job, Future[Any] | OpenMolmoError]] = []
    for job in window:
        try:
            question = job.question()
        except OpenMolmoError as error:
            started.append((job, error))
            continue
        started.append((job, pool.submit(model.prepare, job.id, question, job.item.instruction)))
    return started


def _outcome(future: Future[Any] | OpenMolmoError) -> Any:
    if isinstance(future, OpenMolmoError):
        return future
    try:
        return future.result()
    except OpenMolmoError as error:
        return error
