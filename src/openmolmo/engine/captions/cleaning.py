"""Spoken text made readable: sounds of thinking and words said twice go, nothing else changes."""

from __future__ import annotations

import re

from openmolmo.engine.captions.language import sentences, tokens

__all__ = ["clean"]

_FILLERS = {
    "en": r"um+|uh+|uhm+|erm?|hm+|mhm|ah|you know|i mean",
    "de": r"ä+h+m*|ö+h+m*|hm+|mhm|sozusagen",
}  # by language: "um" and "er" are words of German
_UNFINISHED = re.compile(r"(?<!\S)[^\W\d_]+[-–—](?=\s|$)\s*")
"""A word broken off: ``a re- a red car``."""
_LONGEST_REPEAT = 5


def clean(text: str, *, language: str | None = "en") -> str:
    """The text without fillers of ``language``, broken words, immediate repeats and sentences said before.

    ``Um, there is there is a a red, uh, car.`` becomes ``There is a red car.`` Of a language that is not known only
    repeats go. Numbers said twice stay: a plate may read ``7 7``.
    """
    fillers = _FILLERS.get((language or "")[:2].lower())
    kept: list[str] = []
    said: set[tuple[str, ...]] = set()
    for sentence in sentences(text):
        if fillers:
            sentence = _without(sentence, fillers)
        sentence = _tidy(_once(_UNFINISHED.sub("", sentence)))
        words = tuple(tokens(sentence))
        if words and words not in said:
            said.add(words)
            kept.append(sentence)
    return " ".join(kept)


def _without(sentence: str, fillers: str) -> str:
    """A filler between commas takes both along; ``it is a, um, car`` reads ``it is a car``."""
    sentence = re.sub(rf",?\s*(?<![\w'-])(?:{fillers})(?![\w'-])\s*,", " ", sentence, flags=re.IGNORECASE)
    return re.sub(rf"(?<![\w'-])(?:{fillers})(?![\w'-])", "", sentence, flags=re.IGNORECASE)


def _once(sentence: str) -> str:
    """Runs of one to five words that follow themselves are said once, with the last one's punctuation."""
    words = sentence.split()
    keys = [re.sub(r"[^\w']", "", word.lower()) for word in words]
    place = 0
    while place < len(words):
        for size in range(min(_LONGEST_REPEAT, (len(words) - place) // 2), 0, -1):
            first, second = keys[place : place + size], keys[place + size : place + 2 * size]
            if first == second and all(first) and not any(key.isdigit() for key in first):
                del words[place : place + size], keys[place : place + size]
                break
        else:
            place += 1
            continue
        place = max(0, place - _LONGEST_REPEAT)  # what is left may now repeat something longer
    return " ".join(words)


def _tidy(sentence: str) -> str:
    sentence = re.sub(r"\s+", " ", sentence)
    sentence = re.sub(r"\s+([,.;:!?…])", r"\1", sentence)
    sentence = re.sub(r"[,;:\s]+([.!?…])", r"\1", sentence)
    sentence = re.sub(r",(?:\s*,)+", ",", sentence).strip(" ,;:")
    return sentence[:1].upper() + sentence[1:]
