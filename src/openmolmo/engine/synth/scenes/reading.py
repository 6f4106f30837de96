"""Reads captions and transcripts of scenes back into (kind, subject, value) claims.

The reader knows words, not sentences: noun phrases set the subject, and sizes, patterns and places
attach to it (to the next one when the sentence has none yet). So it reads the generator's own
grammar exactly and gets what it can out of cut or malformed text.
"""

from __future__ import annotations

import re

from openmolmo.engine.synth.scenes.backgrounds import TONES
from openmolmo.engine.synth.scenes.vocabulary import COLOURS, PATTERNS, PLACES, PLURALS, SIZES
from openmolmo.engine.synth.sentences import COUNTS, Claim, any_of, walk

__all__ = ["read"]

_SINGULAR = {**{many: one for one, many in PLURALS.items()}, **{one: one for one in PLURALS}}
_GROUNDS = {"grass": "grass", "sand": "sand", "water": "water", "snow": "snow"}


_NUMBER = rf"(?:{any_of(COUNTS)}|\d{{1,4}})"
_ADJECTIVE = any_of([*SIZES, *PATTERNS, "big", *COLOURS])
_SIDE = any_of(place for row in PLACES for place in row)
_TONE = any_of([*TONES, "blue", "orange"])

_TOKENS = re.compile(
    rf"""(?P<relation>\b(?:left|right)\ of\b|\babove\b|\bbelow\b|\bcovers\b|\bin\ front\ of\b)
    |\b(?:at|on|in|to|near|towards?)\ the\ (?P<place>{_SIDE})\b(?!\ of\ (?!the\ (?:picture|image|scene)))
    |\b(?:(?P<number>{_NUMBER}|no|of\ the)\ )?(?P<adjectives>(?:(?:{_ADJECTIVE})(?:,?\ and\ |,?\ ))*)
      (?P<noun>{any_of(_SINGULAR)})\b
    |\b(?P<size>{any_of([*SIZES, "big"])})\b
    |\b(?P<pattern>{any_of(PATTERNS)})\b""",
    re.VERBOSE,
)
_BACKGROUNDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "gradient",
        re.compile(rf"\bbackground (?:that )?(?:fades|fading) from (?P<a>{_TONE}) (?:in)?to (?P<b>{_TONE})\b"),
    ),
    ("outdoor", re.compile(rf"\b(?P<a>blue|orange) sky (?:above|over) (?P<ground>{any_of(_GROUNDS)})\b")),
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
        subject, found = walk(words, subject, _TOKENS, thing=_noun_phrase, attribute=_attribute)
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


def _noun_phrase(match: re.Match[str]) -> tuple[str, list[tuple[str, str]]]:
    words = re.findall(r"[a-z]+", match["adjectives"])
    colours = [word for word in words if word in COLOURS]
    attributes = [("size", "large" if word == "big" else word) for word in words if word in SIZES or word == "big"]
    attributes += [("pattern", word) for word in words if word in PATTERNS]
    noun = _SINGULAR[match["noun"]]
    return f"{colours[-1]} {noun}" if colours else noun, attributes


def _attribute(match: re.Match[str]) -> tuple[str, str]:
    if match["place"]:
        return "place", match["place"]
    if match["size"]:
        return "size", "large" if match["size"] == "big" else match["size"]
    return "pattern", match["pattern"]
