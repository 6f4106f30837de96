"""Reads captions and transcripts of icons back into (kind, subject, value) claims.

As in :mod:`openmolmo.engine.synth.scenes.reading`, the reader knows words, not sentences: a noun sets the subject;
sizes, colours and places attach to it, or to the next one when the sentence has none yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from openmolmo.engine.synth.icons.catalogue import KINDS
from openmolmo.engine.synth.icons.surroundings import read_setting
from openmolmo.engine.synth.scenes.vocabulary import COLOURS, NUMBERS, PLACES

__all__ = ["read"]

Claim = tuple[str, str, str]

SIZES = ("small", "medium", "large")


def _nouns() -> dict[str, str]:
    """Every name, plural and synonym -> the name; a name wins over another thing's synonym."""
    found: dict[str, str] = {"object": "object", "objects": "object"}
    for kind in KINDS.values():
        for word in kind.synonyms:
            found.setdefault(word.lower(), kind.name)
            found.setdefault(f"{word.lower()}s", kind.name)
    for kind in KINDS.values():
        found[kind.plural] = found[kind.name] = kind.name
    return found


_NAMES = _nouns()
_COUNTS = {**{word: number for number, word in enumerate(NUMBERS)}, "a": 1, "an": 1}


def _any(words: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_ADJECTIVE = _any([*SIZES, "big", *COLOURS])
_NUMBER = _any(NUMBERS)
_TOKENS = re.compile(
    rf"""(?P<relation>\b(?:left|right)\ of\b|\babove\b|\bbelow\b|\bcovers\b|\bin\ front\ of\b)
    |\bon\ the\ (?P<shelf>top|middle|bottom)\ shelf\b
    |\bin\ row\ (?P<row>{_NUMBER}|\d),?\ (?:and\ )?column\ (?P<column>{_NUMBER}|\d)\b
    |\b(?:at|on|in|to|near)\ the\ (?P<place>{_any(place for row in PLACES for place in row)})\b(?!\ of\ (?!the\ pict))
    |\b(?:(?P<number>{_any(_COUNTS)}|\d{{1,4}}|no|of\ the)\ )?
      (?P<adjectives>(?:(?:{_ADJECTIVE})(?:,?\ and\ |,?\ ))*)(?P<noun>{_any(_NAMES)})(?![\w'-])
    |\b(?P<size>{_any([*SIZES, "big"])})\b
    |\b(?P<colour>{_any(COLOURS)})\b""",
    re.VERBOSE,
)
_SIGN = re.compile(r"\"([^\"\n]{1,40})\"")
_FILLERS = re.compile(r"\b(?:um+|uh+|er|hmm|well|i mean|you know|let me see|okay|so)\b,?|…|\.\.\.")


def read(text: str) -> set[Claim]:
    """Every claim found in ``text``."""
    claims: set[Claim] = {("text", "sign", words.upper()) for words in _SIGN.findall(text)}
    subject = ""
    plain = _FILLERS.sub(" ", _SIGN.sub(" ", text).lower().replace("grey", "gray"))
    for sentence in re.split(r"[.!?;:\n]+", plain):
        words = re.sub(r"\s+", " ", sentence.replace(" ,", ",")).strip()
        words, found = read_setting(words)
        claims |= found
        subject, found = _read_things(words.replace("middle of the picture", "center"), subject)
        claims |= found
    return claims


def _read_things(sentence: str, subject: str) -> tuple[str, set[Claim]]:
    """Claims of one sentence about things; returns the subject that a following pronoun stands for."""
    claims: set[Claim] = set()
    waiting: list[tuple[str, str]] = []
    joint, fresh = "", True
    for match in _TOKENS.finditer(sentence):
        if match["relation"]:
            joint = match["relation"].replace("in front of", "covers")
            continue
        if match["noun"]:
            if match["number"] == "no":
                continue
            name = _NAMES[match["noun"]]
            claims |= {("object", name, "present"), *((kind, name, value) for kind, value in _looks(match))}
            if joint:
                claims |= {(joint, subject, name)} if subject else set()
                joint = ""
                continue
            subject, fresh = name, False
            claims |= {(kind, name, value) for kind, value in waiting} | _count(match["number"], name)
            waiting = []
            continue
        attribute = _attribute(match)
        if fresh:
            waiting.append(attribute)
        elif subject:
            claims.add((attribute[0], subject, attribute[1]))
    if subject:
        claims |= {(kind, subject, value) for kind, value in waiting}
    return subject, claims


def _looks(match: re.Match[str]) -> list[tuple[str, str]]:
    words = re.findall(r"[a-z]+", match["adjectives"])
    sizes = [("size", "large" if word == "big" else word) for word in words if word in SIZES or word == "big"]
    return sizes + [("colour", word) for word in words if word in COLOURS]


def _count(number: str | None, name: str) -> set[Claim]:
    if number is None or number == "of the":
        return set()
    return {("count", name, str(_COUNTS[number] if number in _COUNTS else int(number)))}


def _attribute(match: re.Match[str]) -> tuple[str, str]:
    if match["place"]:
        return "place", match["place"]
    if match["shelf"]:
        return "shelf", match["shelf"]
    if match["row"]:
        row, column = (_COUNTS.get(match[key], match[key]) for key in ("row", "column"))
        return "cell", f"{row} {column}"
    if match["size"]:
        return "size", "large" if match["size"] == "big" else match["size"]
    return "colour", match["colour"]
