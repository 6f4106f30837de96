"""Clocks: read a time out of a sentence and compare it on a twelve-hour dial.

``accuracy`` is "within one minute, wrapping at the hour": 11:59 is right for 12:00 and the other
way round, because the hands are one minute apart; 12:59 is wrong for 12:00. ``hour`` and ``minute``
look at each hand alone: the hour must be equal, the minute within one (59 and 0 are neighbours).
``exact`` wants both equal. Seconds are read but not judged. A reply without a time is wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["ClockTime", "read_clock", "score_clock"]

_DIGITS = re.compile(r"(?<![\d:.])(\d{1,2})\s?:\s?(\d{2})(?:\s?:\s?(\d{2}))?(?!\d)")
_O_CLOCK = re.compile(r"(?<![\d:.])(\d{1,2})\s*o['’]?\s?clock", re.IGNORECASE)
_DIAL = 12 * 60


@dataclass(frozen=True, slots=True)
class ClockTime:
    """A time on a twelve-hour dial: hour 1-12, minute 0-59, second 0-59 or None."""

    hour: int
    minute: int
    second: int | None = None

    @property
    def on_dial(self) -> int:
        """Minutes after twelve, 0-719."""
        return self.hour % 12 * 60 + self.minute


def read_clock(text: str) -> ClockTime | None:
    """The first possible time in ``text`` (``10:42``, ``03:07:55``, ``15:07`` = 3:07, ``3 o'clock``) or None."""
    for match in _DIGITS.finditer(text):
        hour, minute, second = (None if group is None else int(group) for group in match.groups())
        assert hour is not None and minute is not None
        if hour <= 24 and minute < 60 and (second is None or second < 60):
            return ClockTime((hour - 1) % 12 + 1, minute, second)
    for match in _O_CLOCK.finditer(text):
        if 0 < int(match[1]) <= 24:
            return ClockTime((int(match[1]) - 1) % 12 + 1, 0)
    return None


def score_clock(predicted: ClockTime | None, true: ClockTime) -> dict[str, float]:
    """``accuracy`` (within a minute), ``exact``, ``hour``, ``minute`` (within one) and ``readable``, each 0 or 1."""
    if predicted is None:
        return dict.fromkeys(("accuracy", "exact", "hour", "minute", "readable"), 0.0)
    apart = abs(predicted.on_dial - true.on_dial)
    minutes = abs(predicted.minute - true.minute)
    return {
        "accuracy": float(min(apart, _DIAL - apart) <= 1),
        "exact": float(apart == 0),
        "hour": float(predicted.hour % 12 == true.hour % 12),
        "minute": float(min(minutes, 60 - minutes) <= 1),
        "readable": 1.0,
    }
