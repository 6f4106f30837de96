"""The driver: hands pictures to workers, keeps the ledger, weeds out duplicates, writes the data set.

Workers are processes that read the ledger; only this process writes it, so nothing is ever half done: a run that was
killed is finished by the same call. A worker whose picture does not end ends itself, and that picture has failed. Which
pictures there are, and their bytes, depend on the plan and the versions of the tools, not on the number of workers.
"""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from openmolmo.core.children import end_with_parent
from openmolmo.core.config import to_dict
from openmolmo.core.errors import DataError
from openmolmo.core.files import disk_full_as_error, only_writer
from openmolmo.core.progress import make_progress
from openmolmo.engine.docs.authors import AUTHORS
from openmolmo.engine.docs.base import TOOLS, Spec
from openmolmo.engine.docs.duplicates import duplicates
from openmolmo.engine.docs.item import Addresses, Workshop, addresses
from openmolmo.engine.docs.ledger import LEDGER, Ledger, Row
from openmolmo.engine.docs.plan import ATTEMPTS, DocsPlan
from openmolmo.engine.docs.shards import write_shards
from openmolmo.engine.docs.summary import Summary, summarize
from openmolmo.records.manifest import MANIFEST, Manifest

__all__ = ["PATIENCE", "DocsResult", "make_documents"]

_SAME = ("kinds", "seed", "split", "languages", "noise", "questions", "author")  # settings that a folder keeps
PATIENCE = 240.0
"""Seconds for one drawing in a worker; more than any tool takes that has a time limit of its own."""

Task = tuple[Spec, int]


@dataclass(frozen=True, kw_only=True)
class DocsResult:
    """The finished data set; ``made``: pictures of this run; ``summary``: the table of all."""

    folder: Path
    manifest: Manifest
    made: int
    summary: Summary


def make_documents(plan: DocsPlan, out: Path, *, workers: int = 0, patience: float = PATIENCE) -> DocsResult:
    """Make the pictures of a plan in ``out``, or what is missing of them, by ``workers`` processes.

    A drawing that takes more than ``patience`` seconds is ended with its process. With 0 workers all is made in this
    process, which is quicker for a few pictures, but waits for a drawing that hangs in a library.
    A picture that fails is tried again (see ``plan.ATTEMPTS``); one that never succeeds is in the ledger with its
    errors and not in the data set. A folder that holds something else is a :class:`DataError`.
    """
    AUTHORS.get(plan.author)  # an unknown one is told before anything is made
    _refuse_foreign(out)
    _refuse_other(plan, out)
    out.mkdir(parents=True, exist_ok=True)
    with only_writer(out), disk_full_as_error(out), contextlib.closing(Ledger(out / LEDGER)) as ledger:
        run = _Run(plan, out, ledger, workers, patience)
        chosen = run.finish()
        manifest = write_shards(plan, out, ledger, chosen)
        summary = summarize(plan, ledger, chosen, run.attempts)
        summary.save(out)
    return DocsResult(folder=out, manifest=manifest, made=run.made, summary=summary)


def _refuse_foreign(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file, must be a folder", fix="choose another --out")
    if out.exists() and any(out.iterdir()) and not (out / LEDGER).exists():
        raise DataError(f"{out} is not empty and holds no {LEDGER}", fix="choose another --out, or empty that folder")


def _refuse_other(plan: DocsPlan, out: Path) -> None:
    """A finished data set is never replaced by one of other settings. It may grow: more pictures, more tools."""
    if not (out / MANIFEST).exists():
        return
    before, now = Manifest.load(out).made_by, to_dict(plan)
    for key in (*_SAME, "count", "tools"):
        had, wanted = before.get(key, now[key]), now[key]
        grown = key in ("count", "tools") and (had <= wanted if key == "count" else set(had) <= set(wanted))
        if had != wanted and not grown:
            raise DataError(
                f"{out} holds documents made with {key}={had!r}, asked for is {wanted!r}",
                field=key,
                fix=f"use {key}={had!r}, or choose another --out",
            )


class _Run:
    """One run over a ledger. ``attempts``: for each picture the attempts that were looked at."""

    def __init__(self, plan: DocsPlan, out: Path, ledger: Ledger, workers: int, patience: float) -> None:
        self._plan, self._out, self._ledger, self._workers = plan, out, ledger, workers
        self._patience = patience
        self._versions = {name: TOOLS.get(name).version() for name in plan.tools}
        self.made = 0
        self.attempts: dict[int, list[Addresses]] = {}

    def finish(self) -> dict[int, str]:
        """Make everything; the address of the questions of each picture that is in the data set, by index."""
        specs = self._plan.specs()
        attempt = dict.fromkeys(range(len(specs)), 0)
        chosen: dict[int, str] = {}
        with make_progress() as progress:
            bar = progress.add_task("making documents", total=len(specs))
            open_ = list(attempt)
            while open_:
                self._make([(specs[index], attempt[index]) for index in open_], lambda: progress.advance(bar))
                open_ = []
                for index in range(len(specs)):
                    where = addresses(self._plan, specs[index], attempt[index], self._versions)
                    self.attempts.setdefault(index, [])
                    if where not in self.attempts[index]:
                        self.attempts[index].append(where)
                    chosen[index] = where.questions
                for index in self._to_redo(chosen):
                    del chosen[index]
                    if attempt[index] + 1 < ATTEMPTS:
                        attempt[index] += 1
                        open_.append(index)
                progress.update(bar, completed=len(specs) - len(open_))
        return chosen

    def _to_redo(self, chosen: dict[int, str]) -> list[int]:
        """Pictures that failed, or that an earlier one is like."""
        states = self._ledger.states(chosen.values())
        failed = [index for index, where in chosen.items() if states.get(where) != "done"]
        whole = {index: where for index, where in sorted(chosen.items()) if index not in set(failed)}
        return sorted([*failed, *duplicates(self._ledger, whole)])

    def _make(self, tasks: Sequence[Task], on_done: Callable[[], None]) -> None:
        there = self._ledger.done("questions")
        missing = [
            (spec, attempt)
            for spec, attempt in tasks
            if addresses(self._plan, spec, attempt, self._versions).questions not in there
        ]
        for _ in range(len(tasks) - len(missing)):
            on_done()
        for rows in _rows(self._plan, self._out / LEDGER, missing, self._workers, self._patience):
            self._ledger.put(rows)
            self.made += 1
            on_done()


def _rows(plan: DocsPlan, ledger: Path, tasks: Sequence[Task], workers: int, patience: float) -> Iterator[list[Row]]:
    if not workers:
        workshop = Workshop(plan, ledger)
        try:
            for spec, attempt in tasks:
                yield workshop.make(spec, attempt)
        finally:
            workshop.close()
        return
    left = list(tasks)
    while left:  # a worker that dies takes its picture with it; the others are made by a fresh pool
        left, suspects = yield from _pool(plan, ledger, left, min(workers, len(left)), patience)
        for task in suspects:
            started = time.monotonic()
            _, died = yield from _pool(plan, ledger, [task], 1, patience)
            if died:
                yield _died(plan, task, patience if time.monotonic() - started >= patience else None)


def _pool(
    plan: DocsPlan, ledger: Path, tasks: Sequence[Task], workers: int, patience: float
) -> Generator[list[Row], None, tuple[list[Task], list[Task]]]:
    """Rows of finished pictures; returns the tasks that were not begun and those under way when a worker died."""
    context = multiprocessing.get_context("spawn")
    waiting = list(reversed(tasks))
    under_way: dict[Future[list[Row]], Task] = {}
    told = (plan, ledger, patience)
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=told) as pool:
        try:
            while waiting or under_way:
                while waiting and len(under_way) < 2 * workers:
                    task = waiting.pop()
                    under_way[pool.submit(_make_one, *task)] = task
                finished, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for future in finished:
                    rows = future.result()
                    del under_way[future]
                    yield rows
        except BrokenProcessPool:
            return list(reversed(waiting)), list(under_way.values())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return [], []


_workshop: Workshop


def _start(plan: DocsPlan, ledger: Path, patience: float) -> None:
    global _workshop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent decides
    os.environ["OMP_NUM_THREADS"] = "1"
    end_with_parent()
    _workshop = Workshop(plan, ledger, guard=lambda: _ended_in_time(patience))


@contextlib.contextmanager
def _ended_in_time(seconds: float) -> Iterator[None]:
    """End this process where the block takes longer, even inside a library that lets no other thread run."""
    with Path(os.devnull).open("w") as nowhere:
        faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


def _make_one(spec: Spec, attempt: int) -> list[Row]:
    return _workshop.make(spec, attempt)


def _died(plan: DocsPlan, task: Task, late: float | None) -> list[Row]:
    """The rows of a picture whose process died, alone and again; ``late``: because it took more seconds than that."""
    spec, attempt = task
    versions = {name: TOOLS.get(name).version() for name in plan.tools}
    where = addresses(plan, spec, attempt, versions)
    why = "ended without a word" if late is None else f"did not end within {late:g} seconds"
    error = f"{spec.tool}: the process that drew it {why}"
    return [
        Row(address=place, step=step, item=spec.index, attempt=attempt, state="failed", error=error, output={})
        for step, place in (("render", where.render), ("questions", where.questions))
    ]
