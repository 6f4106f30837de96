"""Reads captions and transcripts of scenes back into (kind, subject, value) claims.

The reader knows words, not sentences: noun phrases set the subject, and sizes, patterns and places
attach to it (to the next one when the sentence has none yet). So it reads the generator's own
grammar exactly and gets what it can out of cut or malformed text.
"""

from __future__ import annotations

import re

from openmolmo.engine.synth.scenes.backgrounds import TONES
from openmolmo.engine.synth.scenes.vocabulary import COLOURS, NUMBERS, PATTERNS, PLACES, PLURALS, SIZES

__all__ = ["read"]

Claim = tuple[str, str, str]

_SINGULAR = {**{many: one for one, many in PLURALS.items()}, **{one: one for one in PLURALS}}
_COUNTS = {**{word: number for number, word in enumerate(NUMBERS)}, "a": 1, "an": 1}
_GROUNDS = {"grass": "grass", "sand": "sand", "water": "water", "snow": "snow"}


def _any(words: object) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))  # type: ignore[call-overload]


_NUMBER = rf"(?:{_any(_COUNTS)}|\d{{1,4}})"
_ADJECTIVE = _any([*SIZES, *PATTERNS, "big", *COLOURS])
_SIDE = _any(place for row in PLACES for place in row)
_TONE = _any([*TONES, "blue", "orange"])

_TOKENS = re.compile(
    rf"""(?P<relation>\b(?:left|right)\ of\b|\babove\b|\bbelow\b|\bcovers\b|\bin\ front\ of\b)
    |\b(?:at|on|in|to|near|towards?)\ the\ (?P<place>{_SIDE})\b(?!\ of\ (?!the\ (?:picture|image|scene)))
    |\b(?:(?P<number>{_NUMBER}|no|of\ the)\ )?(?P<adjectives>(?:(?:{_ADJECTIVE})(?:,?\ and\ |,?\ ))*)
      (?P<noun>{_any(_SINGULAR)})\b
    |\b(?P<size>{_any([*SIZES, "big"])})\b
    |\b(?P<pattern>{_any(PATTERNS)})\b""",
    re.VERBOSE,
)
_BACKGROUNDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "gradient",
        re.compile(rf"\bbackground (?:that )?(?:fades|fading) from (?P<a>{_TONE}) (?:in)?to (?P<b>{_TONE})\b"),
    ),
    ("outdoor", re.compile(rf"\b(?P<a>blue|orange) sky (?:above|over) (?P<ground>{_any(_GROUNDS)})\b")),
    (
        "",
        re.compile(
            rf"\b(?P<kind>plain|grainy|blurred)(?:,? (?P<a>{_TONE}))? background\b"
            rf"|\bbackground is (?P<kind2>plain|grainy|blurred)(?: and)?(?: (?P<b>{_TONE}))?\b"
        ),
    ),
    ("", re.compile(rf"\b(?P<a>{_TONE}) background\b|\bbackground is (?P<b>{_TONE})\b")),
)
_STYLES = (
    ("flat", re.compile(r"\b(?:without|no) outlines\b|\bflat\b")),
    ("outlined", re.compile(r"\boutlines?\b")),
    ("shadowed", re.compile(r"\bshadows?\b")),
)
_FILLERS = re.compile(r"\b(?:um+|uh+|er|hmm|like|well|i mean|you know|let me see|sort of|kind of|okay|so)\b,?|…|\.\.\.")


def read(text: str) -> set[Claim]:
    """Every claim found in ``text``."""
    claims: set[Claim] = set()
    subject = ""
    plain = _FILLERS.sub(" ", text.lower().replace("grey", "gray").replace("middle", "center"))
    for sentence in re.split(r"[.!?;:\n]+", plain):
        words = re.sub(r"\s+", " ", sentence.replace(" ,", ",")).strip()
        words, found = _read_background(words)
        claims |= found
        words, found = _read_style(words)
        claims |= found
        subject, found = _read_things(words, subject)
        claims |= found
    return claims


def _read_background(sentence: str) -> tuple[str, set[Claim]]:
    claims: set[Claim] = set()
    for name, pattern in _BACKGROUNDS:
        for match in pattern.finditer(sentence):
            groups = match.groupdict()
            kind = name or groups.get("kind") or groups.get("kind2")
            if kind:
                claims.add(("background", "background", kind))
            claims |= {("tone", "background", tone) for key in "ab" if (tone := groups.get(key))}
            if ground := groups.get("ground"):
                claims.add(("ground", "background", ground))
        sentence = pattern.sub(" ", sentence)
    return sentence, claims


def _read_style(sentence: str) -> tuple[str, set[Claim]]:
    for style, pattern in _STYLES:
        if pattern.search(sentence):
            return " ", {("style", "picture", style)}
    return sentence, set()


def _read_things(sentence: str, subject: str) -> tuple[str, set[Claim]]:
    """Claims of one sentence about objects; returns the subject that a following pronoun stands for."""
    claims: set[Claim] = set()
    waiting: list[tuple[str, str]] = []
    joint, fresh = "", True
    for match in _TOKENS.finditer(sentence):
        if match["relation"]:
            joint = match["relation"].replace("in front of", "covers")
            continue
        if match["noun"]:
            name, attributes = _noun_phrase(match)
            if match["number"] == "no":
                continue
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
        attribute = _attribute(match)
        if fresh:
            waiting.append(attribute)
        elif subject:
            claims.add((attribute[0], subject, attribute[1]))
    if subject:
        claims |= {(kind, subject, value) for kind, value in waiting}
    return subject, claims


def _noun_phrase(match: re.Match[str]) -> tuple[str, list[tuple[str, str]]]:
    words = re.findall(r"[a-z]+", match["adjectives"])
    colours = [word for word in words if word in COLOURS]
    attributes = [("size", "large" if word == "big" else word) for word in words if word in SIZES or word == "big"]
    attributes += [("pattern", word) for word in words if word in PATTERNS]
    noun = _SINGULAR[match["noun"]]
    return f"{colours[-1]} {noun}" if colours else noun, attributes


def _count(number: str | None, name: str) -> set[Claim]:
    if number is None or number == "of the":
        return set()
    return {("count", name, str(_COUNTS[number] if number in _COUNTS else int(number)))}


def _attribute(match: re.Match[str]) -> tuple[str, str]:
    if match["place"]:
        return "place", match["place"]
    if match["size"]:
        return "size", "large" if match["size"] == "big" else match["size"]
    return "pattern", match["pattern"]
