"""The time that a clock shows, and where its hands stand."""

from __future__ import annotations

import math
from dataclasses import dataclass

from openmolmo.engine.synth.clocks.dice import Dice

__all__ = ["Moment", "random_moment"]


@dataclass(frozen=True, slots=True)
class Moment:
    """``hour`` 0-23, ``minute`` 0-59, ``second`` 0-59 or None when the clock shows no seconds."""

    hour: int
    minute: int
    second: int | None = None

    @property
    def hour12(self) -> int:
        """The hour as a dial has it: 1-12."""
        return (self.hour - 1) % 12 + 1

    def hand_angles(self) -> tuple[float, float, float | None]:
        """Angles of the hour, minute and second hand, radians clockwise from 12.

        Hands move steadily: the hour hand with the minutes, the minute hand with the seconds.
        """
        second = self.second or 0
        minutes = self.minute + second / 60
        hour = 2 * math.pi * ((self.hour % 12) + minutes / 60) / 12
        shown = None if self.second is None else 2 * math.pi * second / 60
        return hour, 2 * math.pi * minutes / 60, shown

    def text(self, *, hours24: bool = False) -> str:
        """``HH:MM`` or ``HH:MM:SS``, two digits each; hours 01-12, or 00-23 with ``hours24``."""
        hour = self.hour if hours24 else self.hour12
        tail = "" if self.second is None else f":{self.second:02d}"
        return f"{hour:02d}:{self.minute:02d}{tail}"


def random_moment(dice: Dice, *, seconds: bool) -> Moment:
    """Any time of day, all equally likely."""
    return Moment(dice.whole(0, 23), dice.whole(0, 59), dice.whole(0, 59) if seconds else None)
