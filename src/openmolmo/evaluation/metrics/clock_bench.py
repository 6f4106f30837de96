"""Clocks as the published evaluation reads them: the number before the first colon and the one behind it.

A reply without such numbers is wrong (the published code stops there, or goes on with the numbers of the question
before). ``synthetic`` is its mode for drawn clocks: 24 hours by "PM", three minutes of tolerance, seconds too.
"""

from __future__ import annotations

__all__ = ["score_clock_reply"]

_WRAPPED = 12 * 60 - 1


def score_clock_reply(
    reply: str, hour: int, minute: int, second: int = -1, *, synthetic: bool = False
) -> dict[str, float | None]:
    """0 or 1 each, None where it is not asked: ``overall_exact``, ``overall_close`` (within a minute, or three), those
    of the hands, and ``correctly_declines_to_answer`` where the picture shows no time (all three are -1).
    """
    reply = reply.strip()
    hour, minute = (hour, minute) if synthetic else (0 if hour == 12 else hour, 0 if minute == 60 else minute)
    names = ("hour_correct", "minute_correct", "second_correct", "minute_close", "second_close", "all_correct")
    scores: dict[str, float | None] = dict.fromkeys((*names, "all_close", "correctly_declines_to_answer"))
    if max(hour, minute, second) < 0:
        declined = float(":" not in reply)
        return scores | dict.fromkeys(("correctly_declines_to_answer", "overall_close", "overall_exact"), declined)
    tolerance = 3 if synthetic else 1
    parts = reply.split(":")
    said_hour = _hour(parts[0], afternoon="PM" in reply, synthetic=synthetic)
    said_minute = _first(parts, 1)
    if not synthetic and said_minute == 60:
        said_minute = 0
    hour_right = said_hour is not None and (said_hour == hour or (hour == 0 and said_hour == 12))
    minute_right = said_minute == minute
    apart = None if said_minute is None else abs(said_minute - minute)
    minute_close = apart is not None and (apart <= tolerance or (not synthetic and apart == 59))
    right, close = hour_right and minute_right, hour_right and minute_close
    if second != -1:
        said_second = _first(parts, 2)
        second_right = said_second == second
        second_close = said_second is not None and abs(said_second - second) <= tolerance
        scores |= {"second_correct": float(second_right), "second_close": float(second_close)}
        right, close = right and second_right, close and second_close
    elif not synthetic and said_hour is not None and said_minute is not None:
        close = close or abs(hour * 60 + minute - (said_hour * 60 + said_minute)) == _WRAPPED
    return scores | {
        "hour_correct": float(hour_right),
        "minute_correct": float(minute_right),
        "minute_close": float(minute_close),
        **dict.fromkeys(("all_correct", "overall_exact"), float(right)),
        **dict.fromkeys(("all_close", "overall_close"), float(close)),
    }


def _hour(text: str, *, afternoon: bool, synthetic: bool) -> int | None:
    words = text.split()
    try:
        hour = int(words[-1])
    except (ValueError, IndexError):
        return None
    if synthetic:
        return hour + 12 if afternoon else hour
    return hour - 12 if hour >= 12 else hour


def _first(parts: list[str], place: int) -> int | None:
    try:
        return int(parts[place].split()[0])
    except (ValueError, IndexError):
        return None
