"""Worker processes of a loader: each owns some streams and makes their batches ahead of time."""

from __future__ import annotations

import multiprocessing
import queue
import signal
import sys
from multiprocessing.process import BaseProcess
from typing import Any

from openmolmo.core.errors import OpenMolmoError, RunError
from openmolmo.data.mixture import Mixture, MixtureConfig
from openmolmo.data.streams import LoaderConfig, Stream, StreamBatch, TrainProcessor

__all__ = ["Spec", "WorkerPool"]

Spec = tuple[MixtureConfig, int, TrainProcessor, LoaderConfig]
"""What a worker builds its streams from: mixture, seed, processor, loader settings."""

_START_METHOD = "fork" if sys.platform == "linux" else "spawn"
"""A forked worker starts at once and knows the plug-ins registered in this process."""

_POLL_SECONDS = 1.0
"""How often either side looks whether the other is still alive."""


class WorkerPool:
    """``config.workers`` processes, to which streams are dealt out in the order of their turns.

    ``streams`` are the numbers and states of the streams to serve, the one whose turn is next first.
    """

    def __init__(
        self, spec: Spec, streams: list[tuple[int, dict[str, Any]]], *, start_method: str = _START_METHOD
    ) -> None:
        config = spec[3]
        self._worker = {number: place % config.workers for place, (number, _) in enumerate(streams)}
        context = multiprocessing.get_context(start_method)
        self._queues: list[Any] = []
        self._processes: list[BaseProcess] = []
        for worker in range(config.workers):
            mine = [(number, state) for number, state in streams if self._worker[number] == worker]
            results = context.Queue(maxsize=config.prefetch)
            arguments = (spec, mine, results)
            process = context.Process(target=_work, args=arguments, daemon=True, name=f"loader-{worker}")  # type: ignore[attr-defined]
            process.start()
            # Only the worker keeps the writing end: when it is killed in the middle of a batch, the pipe ends here, and
            # this process does not wait for the rest of it for ever.
            results._writer.close()  # type: ignore[attr-defined]
            self._queues.append(results)
            self._processes.append(process)

    def get(self, number: int) -> StreamBatch:
        """The next batch of stream ``number``; streams must be asked for in turn.

        Raises what the worker raised, or RunError if it ended without a word.
        """
        worker = self._worker[number]
        while True:
            try:
                item = self._queues[worker].get(timeout=_POLL_SECONDS)
            except queue.Empty:
                if self._processes[worker].is_alive():
                    continue
                raise self._ended(worker) from None
            except (EOFError, OSError):
                raise self._ended(worker) from None
            if isinstance(item, OpenMolmoError):
                raise item
            stream, made = item
            assert stream == number, f"batch of stream {stream} came where stream {number} was due"
            assert isinstance(made, StreamBatch)
            return made

    def _ended(self, worker: int) -> RunError:
        process = self._processes[worker]
        process.join(timeout=_POLL_SECONDS)
        return RunError(
            f"loader process {worker} ended unexpectedly (exit code {process.exitcode})",
            fix="it may have run out of memory: use fewer workers or rows, then --resume",
        )

    def close(self) -> None:
        """End the processes and drop what they had made ahead."""
        for process in self._processes:
            process.kill()  # they do not listen to SIGTERM, and nothing of theirs is kept
        for process in self._processes:
            process.join()
        for results in self._queues:
            results.close()
            results.cancel_join_thread()


def _work(spec: Spec, streams: list[tuple[int, dict[str, Any]]], results: Any) -> None:
    """Body of a worker: make the batches of its streams in turn until told to end."""
    for one in (signal.SIGINT, signal.SIGTERM):  # they reach all processes of a job; the parent decides
        signal.signal(one, signal.SIG_IGN)
    import torch

    torch.set_num_threads(1)
    mixture_config, seed, processor, config = spec
    try:
        mixture = Mixture(mixture_config, seed)
        mine = []
        for number, state in streams:
            stream = Stream(number, mixture, processor, config)
            stream.load_state(state)
            mine.append(stream)
        while True:
            for stream in mine:
                if not _put(results, (stream.number, stream.make())):
                    results.cancel_join_thread()
                    return
    except OpenMolmoError as error:
        _put(results, error)


def _put(results: Any, item: object) -> bool:
    """Hand over an item; False when nobody is there to take it any more."""
    parent = multiprocessing.parent_process()
    while parent is None or parent.is_alive():
        try:
            results.put(item, timeout=_POLL_SECONDS)
            return True
        except queue.Full:
            continue
    return False
