"""Shards of work on many processes, or on many machines by Ray: each is claimed once, and made again when it is lost.

A shard is one call ``function(task)`` that writes whole files or none and gives the same result wherever it runs, so
that a call which died with its worker is simply made again.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import ModuleType
from typing import Literal, TypeVar

import click

from openmolmo.core.errors import RunError
from openmolmo.core.optional import require

__all__ = ["Executor", "executor_option", "run_shards"]

Executor = Literal["processes", "ray"]
EXECUTORS: tuple[Executor, ...] = ("processes", "ray")

executor_option = click.option(
    "--executor",
    default="processes",
    show_default=True,
    type=click.Choice(EXECUTORS),
    help="Processes of this machine, or Ray (RAY_ADDRESS names a cluster).",
)
"""The option by which every command that makes shards is told."""

Task = TypeVar("Task")
Result = TypeVar("Result")

_LIVES = 3
"""How often a shard is given to another worker after one died of it, before it is called the shard's fault."""
_WAITING = 4
"""Shards handed out ahead, for each processor of the cluster: enough that none waits, few enough to keep track of."""
_PATIENCE = 1.0
"""Seconds between looks at what is ready."""


def run_shards(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    executor: Executor = "processes",
    workers: int = 1,
    on_done: Callable[[Result], None] = lambda result: None,
    gpus: float = 0.0,
) -> list[Result]:
    """The results of ``function`` for every task, in the order of the tasks; ``on_done`` gets each as it is ready.

    ``ray``: a local Ray of ``workers`` processors, or the cluster that RAY_ADDRESS names, or the one that this
    process has joined already; every machine must see the same folders. ``gpus``: accelerators (or a share of one) for
    each of Ray's workers. What ``function`` raises is raised here; a
    shard whose worker died is made again, and is a :class:`RunError` when that does not help.
    """
    if executor == "ray":
        return _on_ray(function, tasks, workers, on_done, gpus)
    if workers == 1 or len(tasks) < 2:
        results = []
        for task in tasks:
            results.append(function(task))
            on_done(results[-1])
        return results
    return _in_processes(function, tasks, workers, on_done)


def _in_processes(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int, on_done: Callable[[Result], None]
) -> list[Result]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(tasks)), mp_context=context, initializer=_deaf) as pool:
        futures = [pool.submit(function, task) for task in tasks]
        try:
            for future in as_completed(futures):
                on_done(future.result())
            return [future.result() for future in futures]
        except BrokenProcessPool as error:
            raise RunError(
                "a worker process ended without a word, often because memory ran out",
                fix="run the same command again (whole shards are kept), with fewer --workers if it happens again",
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _deaf() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent decides


def _on_ray(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    workers: int,
    on_done: Callable[[Result], None],
    gpus: float,
) -> list[Result]:
    ray = require("ray", extra="ray")
    with _cluster(ray, workers):
        remote = ray.remote(max_retries=_LIVES, num_cpus=1, num_gpus=gpus)(function)
        ahead = _WAITING * max(1, int(ray.cluster_resources().get("CPU", 1)))
        results: dict[int, Result] = {}
        waiting: dict[object, int] = {}
        left = iter(enumerate(tasks))
        try:
            while len(results) < len(tasks):
                for number, task in left:
                    waiting[remote.remote(task)] = number
                    if len(waiting) >= ahead:
                        break
                # All that is ready after a second: to ask for each one alone would cost a look at all of them.
                done, _ = ray.wait(list(waiting), num_returns=len(waiting), timeout=_PATIENCE)
                for reference in done:
                    result: Result = ray.get(reference)
                    results[waiting.pop(reference)] = result
                    on_done(result)
        except ray.exceptions.RayTaskError as error:  # what the shard itself raised, wrapped
            raise error.cause from error
        except ray.exceptions.RayError as error:
            raise RunError(
                f"a shard was given to {_LIVES + 1} workers, and all of them died ({type(error).__name__})",
                fix="run the same command again (whole shards are kept), on machines with more memory",
            ) from error
        finally:
            for reference in waiting:
                ray.cancel(reference, force=True)
    return [results[number] for number in range(len(tasks))]


@contextmanager
def _cluster(ray: ModuleType, workers: int) -> Iterator[None]:
    if ray.is_initialized():
        yield
        return
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if address := os.environ.get("RAY_ADDRESS"):
        try:
            ray.init(address=address, **quiet)
        except ConnectionError as error:
            raise RunError(f"no Ray answers at {address}", fix="correct or unset RAY_ADDRESS") from error
    else:
        ray.init(num_cpus=workers, include_dashboard=False, **quiet)
    try:
        yield
    finally:
        ray.shutdown()
