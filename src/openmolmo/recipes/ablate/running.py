"""Processes that work through the queue until everything is decided or the time is over."""

from __future__ import annotations

import multiprocessing
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from openmolmo.core.children import end_with_parent
from openmolmo.core.errors import RunError, StoppedError
from openmolmo.core.executors import Executor, run_shards
from openmolmo.core.progress import say
from openmolmo.recipes.ablate.queue import Plan, in_order, state_of, work
from openmolmo.recipes.ablate.resolve import Run
from openmolmo.recipes.ablate.results import RESULT, read_result
from openmolmo.recipes.ablate.work import carry_out

__all__ = ["run_plans"]

_LOOK = 1.0  # seconds between looks at what is done
_LIVES = 2  # processes begun anew for each that was lost
_GRACE = 120.0  # seconds for saving when the time is over


@dataclass(frozen=True, kw_only=True)
class _Orders:
    plans: tuple[Plan, ...]
    root: Path
    until: float | None
    carry: Callable[[Run, Path], bool] = carry_out

    def is_over(self) -> bool:
        return self.until is not None and time.time() >= self.until


def run_plans(
    plans: Sequence[Plan],
    root: Path,
    *,
    workers: int = 1,
    seconds: float | None = None,
    executor: Executor = "processes",
    carry: Callable[[Run, Path], bool] = carry_out,
) -> None:
    """Work through the plans with ``workers`` processes for so many ``seconds`` at most.

    ``carry`` makes the result of one run; other processes must be able to import it.

    What is in progress when the time is over is saved, and goes on next time; on Ray it is brought to its end. Raises
    RunError where workers are lost again and again.
    """
    until = None if seconds is None else time.time() + seconds
    orders = _Orders(plans=tuple(plans), root=root.resolve(), until=until, carry=carry)
    teller = _Teller(orders)
    if executor == "ray":
        run_shards(_obey, [orders] * workers, executor="ray", workers=workers)
        teller.look()
        return
    logs = orders.root / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    crew = [_begin(orders, logs, number) for number in range(workers)]
    lives = _LIVES * workers
    try:
        while any(one.is_alive() for one in crew):
            time.sleep(_LOOK)
            if teller.look() and _none_left(orders):  # only a result decides, and what is decided costs bootstraps
                break
            if orders.is_over():
                break
            for number, one in enumerate(crew):
                if one.exitcode:  # killed, or an error of ours: what it had begun goes on from what it saved
                    lives -= 1
                    if lives < 0:
                        raise RunError(
                            f"workers end again and again, the last with code {one.exitcode}",
                            fix=f"look at the end of {logs / _log(number)}; run the same command again to go on",
                        )
                    crew[number] = _begin(orders, logs, number)
    finally:
        _end(crew)
        teller.look()


def _none_left(orders: _Orders) -> bool:
    states = (state_of(run, orders.root) for run in in_order(orders.plans, orders.root))
    return all(state not in ("waiting", "running") for state in states)


def _begin(orders: _Orders, logs: Path, number: int) -> BaseProcess:
    for name in ("OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):  # read when their packages are imported, there
        os.environ.setdefault(name, "1")
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_work_alone, args=(orders, logs / _log(number)), name=f"ablate {number}")
    process.start()
    return process


def _log(number: int) -> str:
    return f"{platform.node()}-{number}.log"


def _end(crew: Sequence[BaseProcess]) -> None:
    for one in crew:
        if one.is_alive():
            one.terminate()
    for one in crew:
        one.join(_GRACE)
        if one.is_alive():
            one.kill()
            one.join()


def _work_alone(orders: _Orders, log: Path) -> None:
    """The work of a process of its own: what it says goes into a file."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent decides
    stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    try:
        _obey(orders)
    except StoppedError as error:
        say(error.message)
        sys.exit(0)


def _obey(orders: _Orders) -> None:
    work(orders.plans, orders.root, stop=orders.is_over, carry=orders.carry)


class _Teller:
    """Says what has come to an end, each run once; True where something has."""

    def __init__(self, orders: _Orders) -> None:
        self._orders = orders
        self._left = self._unfinished()

    def look(self) -> bool:
        left, before = self._unfinished(), len(self._left)
        for run in self._left:
            if run not in left:
                result = read_result(self._orders.root / run.folder / RESULT)
                score = "diverged" if result.diverged else f"{run.metric} {result.score(run.metric):.3f}"
                say(f"  {run.title}: {score}")
        self._left = left
        return len(left) < before

    def _unfinished(self) -> list[Run]:
        runs = [run for plan in self._orders.plans for run in plan.runs]
        return [run for run in runs if not (self._orders.root / run.folder / RESULT).is_file()]
