"""How large a demo is: data, training time, questions. All of it follows from the machine's pace."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from openmolmo.apps.demo.pace import Pace

__all__ = ["QUICK", "SEEING_SHARE", "Plan", "full", "too_short"]

SEEING_SHARE = 0.4
"""Of the training time; answering has the rest."""

_FEWEST_PICTURES, _MOST_PICTURES = 400, 20_000
_MAKING_SHARE = 0.2  # of the training time, at most, goes into making data
_JUDGING_SECONDS = 120.0
_WELL = 2.0  # times the time after which it has learnt to look
_SHORTEST, _LONGEST = 300.0, 420.0  # seconds of training
_EARLY = 0.9  # of the time needed: a little less is not worth a warning


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Sizes of one demo.

    ``train`` and ``test``: pictures of the micro world. ``seconds``: time for both training stages together; None
    takes ``steps`` steps in each, and starts no process for data. ``questions`` a task at most, as many as
    ``judging`` seconds allow; replies cut at ``max_new_tokens``. ``workers``: processes that make data. ``pace``
    is what was measured, None where nothing depends on it.
    """

    train: int
    test: int
    seconds: float | None = None
    steps: int = 0
    questions: int = 100
    judging: float | None = None
    max_new_tokens: int = 160
    workers: int = 1
    pace: Pace | None = None

    @property
    def short_of(self) -> float | None:
        """Seconds of training that would be needed, where that is clearly more than there are."""
        if self.pace is None or self.seconds is None or self.seconds >= _EARLY * self.pace.needed:
            return None
        return self.pace.needed


QUICK = Plan(train=24, test=8, steps=2, questions=3, max_new_tokens=24)
"""Everything once, as small as can be; the numbers it gives mean nothing."""


def full(minutes: float | None, pace: Pace) -> Plan:
    """A demo that trains for so many minutes at this pace: about one epoch of data, if that is made soon enough.

    None: as long as this machine needs to learn well, but neither much shorter nor longer than a demo may take.
    """
    seconds = min(max(_WELL * pace.needed, _SHORTEST), _LONGEST) if minutes is None else 60 * minutes
    workers = min(2, os.cpu_count() or 1)
    learnt = pace.answering * seconds * (1 - SEEING_SHARE)
    made = pace.making * workers * seconds * _MAKING_SHARE
    return Plan(
        train=round(min(max(min(learnt, made), _FEWEST_PICTURES), _MOST_PICTURES)),
        test=120,
        seconds=seconds,
        judging=_JUDGING_SECONDS,
        workers=workers,
        pace=pace,
    )


def too_short(plan: Plan) -> str:
    """That the time is too short for this machine, and what would be enough."""
    assert plan.seconds is not None and plan.short_of is not None
    minutes = math.ceil(plan.short_of / 60)
    return (
        f"{plan.seconds / 60:.3g} minutes of training are too short here to learn to look: at this pace it takes about "
        f"{minutes} (--minutes {minutes})"
    )
