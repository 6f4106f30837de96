"""Reading a count, or the absence of one, out of a reply. Never raises."""

from __future__ import annotations

import re

from openmolmo.words.points import read_points

__all__ = ["NUMBER_WORDS", "is_nothing_there", "read_count"]

_LOW = "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen"
_UNITS = (*_LOW.split("|"), "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
NUMBER_WORDS = (*_UNITS, "twenty")
"""Number words in order, zero to twenty."""
_WORDS = {word: value for value, word in enumerate(_UNITS)} | {word: 20 + 10 * i for i, word in enumerate(_TENS)}
_WORD = rf"(?:(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(_UNITS[1:10])}))?|{'|'.join(sorted(_UNITS, key=len)[::-1])})"
_DIGITS = r"\d{1,9}(?:,\d{3}){0,3}"
_VALUE = rf"({_DIGITS}|{_WORD})"

_TOTAL = re.compile(rf"\btotal (?:count )?(?:of|is|:)\s*{_VALUE}(?![\d.]\d|\w)", re.IGNORECASE)
# A number that says how many: no time of day, date, price, share or measure.
_UNIT = (
    r"percent|per cent|dollars?|euros?|pounds?|cents?|yen|[ap]\.?m\b|o['’]clock|hours?|minutes?|seconds?|days?|weeks?"
    r"|months?|(?:milli|centi|kilo)?met(?:er|re)s?|mm|cm|km|m|inch(?:es)?|f(?:ee|oo)t|miles?|(?:kilo)?grams?|kg|g"
    r"|lit(?:er|re)s?|degrees?|(?:jan|febr)uary|march|april|may|june|july|august|(?:septem|octo|novem|decem)ber"
)
_MANY = rf"{_VALUE}(?![.,:/\-–]\d|\w|\s*[%‰°$€£¥]|[\s-]*(?:{_UNIT})\b)"
_BEFORE = r"(?:(?:about|around|approximately|roughly|exactly|only|just|at least|a total of)\s+)?"
_SHORT = re.compile(
    rf"[\s\"'“(*]*(?:(?:yes|no|so)[,:.]\s*)?{_BEFORE}{_MANY}(?:\s+[^\W\d]+){{0,3}}[\s\"'”)*.!]*", re.IGNORECASE
)
_STATED = re.compile(
    rf"(?:\bthere\s+(?:are|is|were|was|appear to be|seem to be)|\bthere['’]s|\bi\s+(?:can\s+)?(?:see|count(?:ed)?)"
    rf"|\b(?:answer|count|number)(?:\s+of\s+[^\W\d]+(?:\s+[^\W\d]+){{0,3}})?\s*(?:\bis|:|=))\s*{_BEFORE}{_MANY}",
    re.IGNORECASE,
)
_NOTHING = re.compile(
    r"\bthere (?:are|is|were|was)(?:n['’]t any| not any| none| no)\b"
    r"|\b(?:is|are)(?:n['’]t| not) (?:any |present |visible |shown )?in (?:the|this) (?:image|picture|photo)"
    r"|^\s*(?:none|nothing|no)\b[^,\w]*$",
    re.IGNORECASE,
)


def is_nothing_there(text: str) -> bool:
    """Whether a reply says that the thing is not there (and points at nothing)."""
    return _NOTHING.search(text) is not None and not read_points(text)


def read_count(text: str) -> int | None:
    """The count a reply states: its total; else its points counted; else none = 0; else how many it says there are.

    ``shows a total of 3``, ``There are none.``, ``7``, ``3 red cups.``, ``There are twenty-one.``; None when the reply
    is no count: times, dates, prices, percentages, names with numbers in them, sentences about something else.
    """
    if total := _TOTAL.search(text):
        return _value(total[1])
    groups = read_points(text)
    if groups:
        return sum(len(group.points) + group.dropped for group in groups)  # one outside was pointed at too
    if _NOTHING.search(text):
        return 0
    # An element too broken to give points must not lend its coordinates as a count.
    plain = re.sub(r"<[^>]*>?", " ", text)
    stated = _SHORT.fullmatch(plain) or _STATED.search(plain)
    return None if stated is None else _value(stated[1])


def _value(text: str) -> int:
    if text[0].isdigit():
        return int(text.replace(",", ""))
    return sum(_WORDS[word] for word in re.split(r"[- ]", text.lower()))
