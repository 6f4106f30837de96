"""Offline questions: gaps in sentences of a caption, and plain questions where a phrase allows no other reading.

English only. Nothing is understood here: words that can only be a colour, a count, something quoted or a noun are
found by their neighbours, and what is doubtful is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

import numpy as np

from openmolmo.engine.caption_qa.keeping import content_words
from openmolmo.engine.caption_qa.talk import Talk

__all__ = ["cloze_talks"]

GAP = "____"

_COLOURS = (
    "beige|black|blue|bronze|brown|burgundy|cream|crimson|cyan|gold|golden|gray|green|grey|ivory|lavender|magenta|maroon|"
    "navy|olive|orange|pink|purple|red|silver|tan|teal|turquoise|violet|white|yellow"
)
_NUMBERS = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"  # one is mostly no count
_MANY = "people|men|women|children|deer|fish|geese|sheep"
_FOLLOWS = (
    "a|above|across|against|among|and|are|around|at|atop|before|behind|below|beside|between|by|can|during|for|from|had|has|"
    "have|he|her|his|in|inside|into|is|it|its|lies|near|next|of|off|on|onto|or|outside|over|rests|she|sits|stands|"
    "surrounded|that|the|their|they|through|to|toward|towards|under|underneath|upon|was|wearing|were|where|which|while|"
    "who|with|without"
)
_NO_THINGS = re.compile(
    "area|back|background|bit|bottom|case|cent(?:er|re)|colou?r|corner|couple|direction|distance|edge|end|example|"
    "foreground|front|group|half|image|kind|left|lot|middle|number|object|pair|part|photo|photograph|picture|piece|place|"
    "point|portion|rest|right|row|same|scene|series|set|shot|side|sort|space|spot|style|top|type|use|variety|view|way"
)
_WORD = r"[A-Za-z][A-Za-z'-]*"
_NEXT = rf"(?=\s+(?:{_FOLLOWS})\b|\s*[,.;:!?]|\s*$)"
_THING = rf"(?!(?:{_FOLLOWS})\b)"  # "the olive is" has no colour
_COLOUR = re.compile(rf"\b(?P<gap>{_COLOURS})\s+(?P<noun>{_THING}{_WORD}){_NEXT}", re.IGNORECASE)
_IS_COLOUR = re.compile(
    rf"\b(?:is|are|looks?|was|were)\s+(?:{_WORD}\s+and\s+)?(?P<gap>{_COLOURS})\b(?P<noun>){_NEXT}", re.IGNORECASE
)
_COUNT = re.compile(
    rf"\b(?P<gap>{_NUMBERS})\s+(?P<noun>{_THING}(?:{_WORD}\s+)?(?:{_WORD}s|{_MANY})){_NEXT}", re.IGNORECASE
)
_QUOTE = re.compile(r"[\"“](?P<gap>[^\"“”]{2,60})[\"”]")
_NOUN = re.compile(rf"\b(?:a|an|the)\s+(?:{_WORD}\s+)?(?P<gap>{_WORD}){_NEXT}", re.IGNORECASE)
_PATTERNS = (("quote", _QUOTE), ("colour", _COLOUR), ("colour", _IS_COLOUR), ("count", _COUNT), ("noun", _NOUN))
_SENTENCE = re.compile(r"(?<=[.!?])[\"”]?\s+(?=[A-Z\"“])")

_GAP_WORDINGS = {
    "colour": ("Which color belongs in the gap? {s}", "Fill in the color: {s}", "Complete the sentence: {s}"),
    "count": ("Which number belongs in the gap? {s}", "Fill in the number: {s}", "Complete the sentence: {s}"),
    "quote": ("Which writing belongs in the gap? {s}", "Read the picture and fill in the gap: {s}"),
    "noun": ("Which word belongs in the gap? {s}", "Fill in the missing word: {s}", "Complete the sentence: {s}"),
}
_PLAIN_WORDINGS = {
    "colour": ("What color is the {noun}?", "Which color does the {noun} have?"),
    "count": ("How many {noun} are there?", "How many {noun} can be seen?"),
}


def cloze_talks(rng: np.random.Generator, caption: str) -> list[Talk]:
    """Talks of one question each, every gap of the caption once, in an order drawn from ``rng``."""
    found = [talk for sentence in _SENTENCE.split(caption) for talk in _of_sentence(rng, sentence.strip(), caption)]
    return [found[number] for number in rng.permutation(len(found))]


def _of_sentence(rng: np.random.Generator, sentence: str, caption: str) -> Iterator[Talk]:
    if not 4 <= len(sentence.split()) <= 40 or GAP in sentence:
        return
    taken: list[tuple[int, int]] = []
    for how, pattern in _PATTERNS:
        for match in pattern.finditer(sentence):
            start, end = match.span("gap")
            if any(start < other_end and other_start < end for other_start, other_end in taken):
                continue
            if how != "quote" and _inside_quotes(sentence, start):
                continue
            question = _question(rng, how, match, sentence, caption)
            if question is not None:
                taken.append((start, end))
                answer = match["gap"] if how == "quote" else match["gap"].lower()
                yield Talk(turns=((question, answer.strip(" ,.")),), how=how, style="vqa2")


def _question(rng: np.random.Generator, how: str, match: re.Match[str], sentence: str, caption: str) -> str | None:
    """The question for one gap; None where it would be unfair."""
    gap = match["gap"]
    if how == "noun" and (not _is_noun(gap) or _all_of(gap, caption) > 1):
        return None
    if how in _PLAIN_WORDINGS and rng.random() < 0.6 and _is_plain(how, match["noun"], caption):
        return _one_of(rng, _PLAIN_WORDINGS[how]).format(noun=match["noun"].lower())
    start, end = match.span("gap")
    left = f"{sentence[:start]}{GAP}{sentence[end:]}"
    if how == "noun":
        left = re.sub(rf"\b[Aa]n? (?={GAP})", lambda found: "A(n) " if found[0][0] == "A" else "a(n) ", left)
    others = content_words(left)
    if len(others) < 3 or content_words(gap) & others:
        return None  # nothing to go by, or it stands in the sentence once more
    return _one_of(rng, _GAP_WORDINGS[how]).format(s=left)


def _is_plain(how: str, noun: str, caption: str) -> bool:
    """Whether the caption speaks of one such thing only, in one phrase."""
    if not noun:
        return False
    last = noun.split()[-1].lower()
    if not _is_noun(last if how == "colour" else last.removesuffix("s")):
        return False
    return _all_of(last, caption) == 1 and (how == "count" or not last.endswith("s") or last.endswith("ss"))


def _all_of(word: str, caption: str) -> int:
    """How often a word or its plural stands in the caption."""
    stem = re.escape(word.lower().removesuffix("s"))
    return len(re.findall(rf"\b{stem}(?:s|es)?\b", caption.lower()))


def _is_noun(word: str) -> bool:
    return word.lower() in _nouns() and not _NO_THINGS.fullmatch(word.lower())


def _inside_quotes(sentence: str, place: int) -> bool:
    before = sentence[:place]
    return before.count('"') % 2 == 1 or before.count("“") > before.count("”")


def _one_of(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


@cache
def _nouns() -> frozenset[str]:
    """Names of things that can be seen, our own list."""
    text = files("openmolmo.engine.caption_qa").joinpath("nouns.txt").read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())
