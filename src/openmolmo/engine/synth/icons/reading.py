"""Reads captions and transcripts of icons back into (kind, subject, value) claims.

As in :mod:`openmolmo.engine.synth.scenes.reading`, the reader knows words, not sentences: a noun sets the subject;
sizes, colours and places attach to it, or to the next one when the sentence has none yet.
"""

from __future__ import annotations

import re

from openmolmo.engine.synth.icons.catalogue import KINDS
from openmolmo.engine.synth.icons.surroundings import read_setting
from openmolmo.engine.synth.scenes.vocabulary import COLOURS, NUMBERS, PLACES
from openmolmo.engine.synth.sentences import COUNTS, Claim, any_of, walk

__all__ = ["read"]

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


_ADJECTIVE = any_of([*SIZES, "big", *COLOURS])
_NUMBER = any_of(NUMBERS)
_TOKENS = re.compile(
    rf"""(?P<relation>\b(?:left|right)\ of\b|\babove\b|\bbelow\b|\bcovers\b|\bin\ front\ of\b)
    |\bon\ the\ (?P<shelf>top|middle|bottom)\ shelf\b
    |\bin\ row\ (?P<row>{_NUMBER}|\d),?\ (?:and\ )?column\ (?P<column>{_NUMBER}|\d)\b
    |\b(?:at|on|in|to|near)\ the\ (?P<place>{any_of(place for row in PLACES for place in row)})\b(?!\ of\ (?!the\ pict))
    |\b(?:(?P<number>{any_of(COUNTS)}|\d{{1,4}}|no|of\ the)\ )?
      (?P<adjectives>(?:(?:{_ADJECTIVE})(?:,?\ and\ |,?\ ))*)(?P<noun>{any_of(_NAMES)})(?![\w'-])
    |\b(?P<size>{any_of([*SIZES, "big"])})\b
    |\b(?P<colour>{any_of(COLOURS)})\b""",
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
        subject, found = walk(
            words.replace("middle of the picture", "center"), subject, _TOKENS, thing=_thing, attribute=_attribute
        )
        claims |= found
    return claims


def _thing(match: re.Match[str]) -> tuple[str, list[tuple[str, str]]]:
    return _NAMES[match["noun"]], _looks(match)


def _looks(match: re.Match[str]) -> list[tuple[str, str]]:
    words = re.findall(r"[a-z]+", match["adjectives"])
    sizes = [("size", "large" if word == "big" else word) for word in words if word in SIZES or word == "big"]
    return sizes + [("colour", word) for word in words if word in COLOURS]


def _attribute(match: re.Match[str]) -> tuple[str, str]:
    if match["place"]:
        return "place", match["place"]
    if match["shelf"]:
        return "shelf", match["shelf"]
    if match["row"]:
        row, column = (COUNTS.get(match[key], match[key]) for key in ("row", "column"))
        return "cell", f"{row} {column}"
    if match["size"]:
        return "size", "large" if match["size"] == "big" else match["size"]
    return "colour", match["colour"]
