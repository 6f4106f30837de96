"""Asked to stop (Ctrl-C or SIGTERM): finish the step, save, then leave."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

__all__ = ["StopRequest", "signal_name"]


class StopRequest:
    """While active, the first signal only sets ``number``; a second one interrupts at once.

    Not so when ``patient``: torchrun passes on what a terminal has sent to all processes already.
    """

    def __init__(self, *, patient: bool = False) -> None:
        self._patient = patient
        self.number: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.number is not None and not self._patient:
            raise KeyboardInterrupt
        self.number = number


def signal_name(number: int) -> str:
    """What people call a signal."""
    return "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
