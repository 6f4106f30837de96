"""How the readers of drawn pictures walk along a sentence: a noun sets the subject, attributes attach to it.

A reader knows words, not sentences. Its pattern has the groups ``relation``, ``number``, ``noun`` and whatever its
attributes need; an attribute belongs to the noun before it, or to the next one when the sentence has none yet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from openmolmo.engine.synth.scenes.vocabulary import NUMBERS

__all__ = ["COUNTS", "Claim", "any_of", "walk"]

Claim = tuple[str, str, str]
"""(kind, subject, value)."""

COUNTS = {**{word: number for number, word in enumerate(NUMBERS)}, "a": 1, "an": 1}


def any_of(words: Iterable[str]) -> str:
    """A pattern of any of the words, the longest first."""
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


def walk(
    sentence: str,
    subject: str,
    tokens: re.Pattern[str],
    *,
    thing: Callable[[re.Match[str]], tuple[str, Sequence[tuple[str, str]]]],
    attribute: Callable[[re.Match[str]], tuple[str, str]],
) -> tuple[str, set[Claim]]:
    """Claims of one sentence about things; returns also the subject that a following pronoun stands for.

    ``thing`` names the noun of a match, with the attributes before it.
    """
    claims: set[Claim] = set()
    waiting: list[tuple[str, str]] = []
    joint, fresh = "", True
    for match in tokens.finditer(sentence):
        if match["relation"]:
            joint = match["relation"].replace("in front of", "covers")
            continue
        if match["noun"]:
            if match["number"] == "no":
                continue
            name, attributes = thing(match)
            claims.add(("object", name, "present"))
            claims |= {(kind, name, value) for kind, value in attributes}
            if joint:
                if subject:
                    claims.add((joint, subject, name))
                joint = ""
                continue
            subject, fresh = name, False
            claims |= {(kind, name, value) for kind, value in waiting} | _count(match["number"], name)
            waiting = []
            continue
        kind, value = attribute(match)
        if fresh:
            waiting.append((kind, value))
        elif subject:
            claims.add((kind, subject, value))
    if subject:
        claims |= {(kind, subject, value) for kind, value in waiting}
    return subject, claims


def _count(number: str | None, name: str) -> set[Claim]:
    if number is None or number == "of the":
        return set()
    return {("count", name, str(COUNTS[number] if number in COUNTS else int(number)))}
