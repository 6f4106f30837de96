"""How large a demo is: data, training time, questions."""

from __future__ import annotations

import os
from dataclasses import dataclass

__all__ = ["QUICK", "Plan", "full"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Sizes of one demo.

    ``train`` and ``test``: examples of each generator. ``size``: longer side of the pictures, pixels.
    ``seconds``: time for all training stages together; None takes ``steps`` steps in each, and
    starts no process for data. ``questions`` a task, replies cut at ``max_new_tokens``; ``workers``:
    processes that make data.
    """

    train: dict[str, int]
    test: dict[str, int]
    size: int = 112
    seconds: float | None = None
    steps: int = 0
    questions: int = 100
    max_new_tokens: int = 320
    workers: int = 1


QUICK = Plan(
    train={"scenes": 24, "clocks": 12},
    test={"scenes": 8, "clocks": 6},
    size=96,
    steps=2,
    questions=3,
    max_new_tokens=24,
)
"""Everything once, as small as can be; the numbers it gives mean nothing."""


def full(minutes: float) -> Plan:
    """A demo that trains for so many minutes, with data to match: about one epoch on two cores."""
    scenes = min(max(round(1000 * minutes), 500), 20_000)
    return Plan(
        train={"scenes": scenes, "clocks": scenes * 2 // 5},
        test={"scenes": 150, "clocks": 100},
        seconds=60 * minutes,
        workers=min(2, os.cpu_count() or 1),
    )
