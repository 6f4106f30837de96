"""Worker processes of the driver: spawned, stopped quickly, and gone when their parent is gone.

The generator travels as a pickle, so it must be defined in a module that can be imported.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path

from openmolmo.core.children import end_with_parent
from openmolmo.core.errors import ConfigError, RunError
from openmolmo.engine.synth.base import Generator
from openmolmo.engine.synth.plan import SynthPlan, make_shard
from openmolmo.records.manifest import ShardInfo

__all__ = ["run_tasks"]


class _Stopped(Exception):
    """The parent asked this worker to stop."""


@dataclass
class _Worker:
    """What a worker process keeps between shards."""

    generator: Generator
    plan: SynthPlan
    out: Path
    done: Synchronized[int]
    stop: Event

    def on_example(self) -> None:
        if self.stop.is_set():
            raise _Stopped
        with self.done.get_lock():
            self.done.value += 1


_worker: _Worker


def run_tasks(
    generator: Generator,
    plan: SynthPlan,
    out: Path,
    todo: list[int],
    *,
    workers: int,
    on_progress: Callable[[int], None],
) -> dict[int, ShardInfo]:
    """Make the shards of ``todo`` in ``workers`` processes; ``on_progress`` gets the examples made so far.

    On an error or Ctrl-C the other workers stop at their next example and leave whole shards only.
    """
    context = multiprocessing.get_context("spawn")
    done, stop = context.Value("q", 0), context.Event()
    with ProcessPoolExecutor(
        min(workers, len(todo)),
        mp_context=context,
        initializer=_start,
        initargs=(_pickled(generator), plan, out, done, stop),
    ) as pool:
        try:
            with _interrupts_ignored():
                futures = {pool.submit(_make_one, shard): shard for shard in todo}
            pending: set[Future[ShardInfo]] = set(futures)
            while pending:
                finished, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                on_progress(done.value)
            return {shard: future.result() for future, shard in futures.items()}
        except BrokenProcessPool as error:
            raise RunError(
                "a worker process ended without a word, often because memory ran out",
                fix="run the same command again (whole shards are kept), with fewer --workers if it happens again; "
                'in a script of your own, call it under: if __name__ == "__main__"',
            ) from error
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Processes started in the block are born deaf to Ctrl-C, before they can set that themselves."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _pickled(generator: Generator) -> bytes:
    try:
        return pickle.dumps(generator)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ConfigError(
            f"generator {generator.name!r} cannot be sent to worker processes: {error}",
            fix="define it at the top of a module, or use one worker",
        ) from error


def _start(pickled: bytes, plan: SynthPlan, out: Path, done: Synchronized[int], stop: Event) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent decides
    end_with_parent()
    # One OpenCV thread a worker: the processes already use every core. Read when cv2 is imported.
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")
    _worker = _Worker(pickle.loads(pickled), plan, out, done, stop)


def _make_one(shard: int) -> ShardInfo:
    return make_shard(_worker.generator, _worker.plan, _worker.out, shard, on_example=_worker.on_example)
