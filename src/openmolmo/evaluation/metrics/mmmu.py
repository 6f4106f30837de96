"""MMMU: the benchmark's own reading of free replies to multiple choice and to open questions.

A reply to a multiple choice that names no option is a random one in the benchmark's script. Here it is said
(:data:`UNREAD`), and the profile ``official`` scores what such a guess earns on average, 1 / options.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from openmolmo.evaluation.metrics.profile import Profile

__all__ = ["UNREAD", "mmmu_score", "read_letter", "read_open"]

UNREAD = "RANDOM"
_STRIPPED = ",.!?;:'"
_SHORT = 5  # words; in longer replies the texts of options are sought too
_CUES = ("could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result ")
_NUMBERS = (
    re.compile(r"-?\b\d{1,3}(?:,\d{3})+\b"),
    re.compile(r"-?\d+(?:\.\d+)?[eE][+-]?\d+"),
    re.compile(r"-?(?:\d+\.\d+|\.\d+|\d+\b)(?![eE][+-]?\d+)(?![,\d])"),
)

Value = str | float


def read_letter(reply: str, options: Sequence[str]) -> str | None:
    """The letter that a reply names last: as ``(B)``, else as a word, else by the option's text; None: none."""
    for mark in _STRIPPED:
        reply = reply.strip(mark)
    reply = f" {reply} "
    letters = string.ascii_uppercase[: len(options)]
    for form in ("({})", " {} "):
        places = {letter: reply.rfind(form.format(letter)) for letter in letters if form.format(letter) in reply}
        if places:
            return max(places, key=lambda letter: places[letter])
    if len(reply.split()) <= _SHORT:
        return None
    lower = reply.lower()
    places = {letter: lower.rfind(text.lower()) for letter, text in zip(letters, options, strict=True)}
    named = {letter: place for letter, place in places.items() if place >= 0}
    return max(named, key=lambda letter: named[letter]) if named else None


def read_open(reply: str) -> list[Value]:
    """What an open reply may mean: the ends of sentences behind words such as "is", and the numbers in them."""
    ends = _ends(reply.strip().strip(".").lower())
    texts = [*ends, *(number for end in ends for number in _numbers(end))]
    return list(dict.fromkeys(value for text in texts for value in _values(text)))


def mmmu_score(
    prediction: str, references: Sequence[str], options: Sequence[str] | None, profile: Profile = "released"
) -> float | None:
    """1 or 0. ``options`` of a multiple choice, None for an open question.

    A reply that chooses nothing: None in ``released`` (the caller draws), 1 / options in ``official``.
    """
    if options is None:
        return float(_matches(read_open(prediction), [value for answer in references for value in _values(answer)]))
    given = [option for option in options if option]
    letter = read_letter(prediction, given)
    if letter is not None:
        return float(letter in references)
    return None if profile == "released" else 1 / max(1, len(given))


def _matches(said: Sequence[Value], true: Sequence[Value]) -> bool:
    texts = [value for value in true if isinstance(value, str)]
    return any(any(text in value for text in texts) if isinstance(value, str) else value in true for value in said)


def _ends(reply: str) -> list[str]:
    parts = re.split(r"\.\s(?=[A-Z])|\n", reply)
    found = []
    for number, part in enumerate(parts):
        cues = (*_CUES, "=") if number == len(parts) - 1 else _CUES
        tails = [part.split(cue)[-1].strip() for cue in cues if cue in part]
        # The first cue that leaves something, then any that leaves less.
        shortest = ""
        for tail in tails:
            if not shortest or len(tail) < len(shortest):
                shortest = tail
        if shortest and shortest not in tuple(_STRIPPED):
            found.append(shortest)
    return found or [reply]


def _numbers(text: str) -> list[str]:
    return [number for pattern in _NUMBERS for number in pattern.findall(text)]


def _values(text: str) -> list[Value]:
    text = text.strip()
    try:
        return [round(float(text.replace(",", "")), 2)]
    except ValueError:
        text = text.lower()
    return [f" {text}", f"{text} "] if len(text) == 1 else [text]  # a single letter stands in any word
