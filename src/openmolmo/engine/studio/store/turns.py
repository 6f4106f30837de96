"""SQLite has one writer at a time. Here writers wait their turn, so that nobody waits much longer than the others.

SQLite's own waiting sleeps longer each time (up to 100 ms), so that who waits longest asks least often and may starve
for seconds. Threads of one process stand in a queue; processes ask again at short, equal intervals.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Turns", "insist"]

_ASK_AGAIN_SECONDS = 0.002


class Turns:
    """First come, first served. A turn is politeness: who waited ``seconds`` in vain goes on without one."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def one(self, seconds: float) -> Iterator[None]:
        """This thread's turn, for the block."""
        mine = self._wait(seconds)
        try:
            yield
        finally:
            if mine:
                self._pass_on()

    def _wait(self, seconds: float) -> bool:
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            called = threading.Event()
            self._waiting.append(called)
        if called.wait(seconds):
            return True
        with self._guard:
            if called.is_set():  # called between the two lines above
                return True
            self._waiting.remove(called)
        return False

    def _pass_on(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False


def insist(begin: Callable[[], object], seconds: float) -> None:
    """Call ``begin`` until no other process is writing; its error after ``seconds``."""
    end = time.monotonic() + seconds
    while True:
        try:
            begin()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        else:
            return
        time.sleep(_ASK_AGAIN_SECONDS)
