"""How fast one host may be asked. Pure bookkeeping: times are arguments, nothing sleeps here."""

from __future__ import annotations

import datetime
import email.utils

__all__ = ["Pace", "retry_after_seconds"]

_FIRST_INTERVAL = 0.05
_MAX_INTERVAL = 60.0
_EASE = 0.97  # of the interval is left after a success
_STEP = 16  # successes in a row that allow one more request at a time
_BACKOFF = 2.0  # seconds to stay away after a 429 that does not say how long


class Pace:
    """Requests at a time and the time between their starts; halved and doubled when a host says 429.

    Additive increase, multiplicative decrease, as in TCP. ``strikes``: how often in a row it slowed down
    without a success in between; ``silences``: requests in a row that got no answer at all.
    """

    def __init__(self, most: int) -> None:
        self.most = self.allowed = most
        self.interval = 0.0
        self.resume_at = 0.0
        self.strikes = self.silences = self.in_flight = 0
        self._next_start = 0.0
        self._slowed_at = float("-inf")
        self._row = 0

    def wait(self, now: float) -> float:
        """Seconds until the next request may start."""
        return max(0.0, self.resume_at - now, self._next_start - now)

    def start(self, now: float) -> None:
        """A request starts."""
        self._next_start = now + self.interval
        self.in_flight += 1

    def answered(self) -> None:
        """The host gave an answer other than "too many requests"; after many of them it may be asked faster."""
        self.strikes = self.silences = 0
        self.interval = 0.0 if self.interval < 1e-3 else self.interval * _EASE
        self._row += 1
        if self._row >= _STEP:
            self._row = 0
            self.allowed = min(self.most, self.allowed + 1)

    def silent(self) -> None:
        """The host gave no answer: a time-out or a broken connection."""
        self.silences += 1

    def limited(self, now: float, started: float, retry_after: float | None) -> None:
        """The host said 429, or named a time to come back.

        Requests that had started before the last slow-down could not have known of it: they do not count twice.
        """
        self.silences = 0
        self.resume_at = max(self.resume_at, now + (_BACKOFF * 2**self.strikes if retry_after is None else retry_after))
        if started < self._slowed_at:
            return
        self._slowed_at, self._row = now, 0
        self.strikes += 1
        self.allowed = max(1, self.allowed // 2)
        self.interval = min(_MAX_INTERVAL, max(_FIRST_INTERVAL, 2 * self.interval))


def retry_after_seconds(text: str | None, now: datetime.datetime | None = None) -> float | None:
    """The header Retry-After, in seconds or as a date, as seconds from now; None if absent or unreadable."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    return max(0.0, (when - (now or datetime.datetime.now(datetime.UTC))).total_seconds())
