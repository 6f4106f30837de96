"""Where two people said different numbers or colours of the same thing: for a reviewer, who has the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from openmolmo.engine.captions.language import content_stems, sentences, stem, tokens
from openmolmo.words.counts import NUMBER_WORDS

__all__ = ["Contradiction", "contradictions"]

_BASIC = "red orange yellow green blue purple pink brown black white grey beige turquoise gold silver"
_COLOURS = {name: name for name in _BASIC.split()} | {"gray": "grey", "violet": "purple", "golden": "gold"}
_NUMBERS = {word: value for value, word in enumerate(NUMBER_WORDS)} | {"dozen": 12, "thirty": 30, "forty": 40}
_QUALITIES = """
small little big large huge tiny tall short long old new young wooden metal plastic dark light bright
pale different similar left right first second third next side other beautiful pretty nice piece pair
year hour minute percent meter metre foot inch
"""
_PLAIN = frozenset(stem(word) for word in _QUALITIES.split())
"""Words that stand between a number or colour and the thing, or that are no things."""

_COPULA = frozenset({"is", "are", "was", "were", "looks", "look"})


@dataclass(frozen=True, kw_only=True)
class Contradiction:
    """``first`` and ``second`` are the sentences; ``thing`` is the stem of the word that both are about."""

    kind: Literal["number", "colour"]
    thing: str
    first: str
    second: str
    values: tuple[str, str]
    transcripts: tuple[int, int]
    """Which transcripts they are from, counted from 0."""

    def __str__(self) -> str:
        return f"{self.kind} of {self.thing!r}: {self.first!r} but {self.second!r}"


_Key = tuple[Literal["number", "colour"], str]


def contradictions(transcripts: Sequence[str]) -> list[Contradiction]:
    """Pairs of sentences of two transcripts that share a thing and no number, or no colour, of it.

    One who says ``three people`` and later ``two people sit`` does not contradict one who says either.
    """
    said = [_claims(text) for text in transcripts]
    found = []
    for (i, one), (j, other) in combinations(enumerate(said), 2):
        for kind, thing in sorted(one.keys() & other.keys()):
            here, there = one[kind, thing], other[kind, thing]
            if here.keys() & there.keys():
                continue
            (value, first), (different, second) = next(iter(here.items())), next(iter(there.items()))
            found.append(
                Contradiction(
                    kind=kind,
                    thing=thing,
                    first=first,
                    second=second,
                    values=(value, different),
                    transcripts=(i, j),
                )
            )
    return found


def _claims(text: str) -> dict[_Key, dict[str, str]]:
    """For each kind and thing the values that are said of it, each with its first sentence."""
    found: dict[_Key, dict[str, str]] = {}
    for sentence in sentences(text):
        for key, value in _of_sentence(sentence):
            found.setdefault(key, {}).setdefault(value, sentence)
    return found


def _of_sentence(sentence: str) -> Iterator[tuple[_Key, str]]:
    words = tokens(sentence)
    for place, word in enumerate(words):
        if word in _COLOURS:
            thing = _after(words, place) or _before(words, place)
            if thing:
                yield ("colour", thing), _COLOURS[word]
        elif (value := _number(word)) is not None and (thing := _after(words, place)):
            yield ("number", thing), value


def _number(word: str) -> str | None:
    if word in _NUMBERS:
        return str(_NUMBERS[word])
    return word if word.isdecimal() and len(word) < 4 else None  # longer ones are years and plates


def _after(words: Sequence[str], place: int) -> str | None:
    """The first thing after a value; a function word ends the search, but not the ``and`` of two colours."""
    for word in words[place + 1 : place + 5]:
        if word in _COLOURS or word == "and" or _number(word) is not None:
            continue
        if not content_stems(word):
            return None
        if stem(word) not in _PLAIN:
            return stem(word)
    return None


def _before(words: Sequence[str], place: int) -> str | None:
    """The thing of ``the car is bright red``."""
    for back in range(place - 1, max(place - 4, 0), -1):
        if words[back] in _COPULA:
            thing = words[back - 1]
            return stem(thing) if content_stems(thing) and stem(thing) not in _PLAIN else None
    return None
