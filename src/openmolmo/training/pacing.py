"""Bringing a run to its end in a given time, however fast the machine is and becomes."""

from __future__ import annotations

import time
from collections import deque

__all__ = ["Pacing"]

_RECENT = 16  # steps from which the pace is told
_UNSURE = 3  # steps, the first being slow ones, before anything is changed
_KEPT = 0.02  # of the time, for the step in progress and the saving after the last


class Pacing:
    """How many steps a run of ``seconds`` has, told anew after each; never more than ``steps``.

    The learning rate falls over these, so that it is at its end when the time is, on a machine that slows down
    in the middle too.
    """

    def __init__(self, seconds: float, steps: int, done: int = 0) -> None:
        self._end = time.monotonic() + seconds * (1 - _KEPT)
        self._most, self._first = steps, done
        self._times: deque[float] = deque([time.monotonic()], maxlen=_RECENT + 1)

    def steps(self, step: int) -> int:
        """The number of steps of the whole run, asked after ``step``; that is ``step`` itself when time is up."""
        now = time.monotonic()
        self._times.append(now)
        if now >= self._end:
            return step
        if step - self._first < _UNSURE:
            return self._most
        pace = (now - self._times[0]) / (len(self._times) - 1)
        return min(self._most, step + int((self._end - now) / pace))
