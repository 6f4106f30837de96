"""How often somebody may ask: a bucket of tokens each, filled evenly; nobody else's pace is touched."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Pace"]

MOST = 10_000
"""Buckets kept; the one that was longest unused goes first, so that many addresses cannot fill the memory."""


@dataclass
class Pace:
    """Buckets by (what, who)."""

    clock: Callable[[], float] = time.monotonic
    _buckets: OrderedDict[tuple[str, str], tuple[float, float]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, what: str, who: str, *, per_minute: float, burst: float | None = None) -> float:
        """Take one token of ``who``'s; 0.0, or the seconds until there is one again (nothing is taken then)."""
        size = per_minute if burst is None else burst
        rate = per_minute / 60.0
        with self._lock:
            now = self.clock()
            tokens, then = self._buckets.pop((what, who), (size, now))
            tokens = min(size, tokens + (now - then) * rate)
            allowed = tokens >= 1.0
            self._buckets[what, who] = (tokens - 1.0 if allowed else tokens, now)
            if len(self._buckets) > MOST:
                self._buckets.popitem(last=False)
        return 0.0 if allowed else (1.0 - tokens) / rate
