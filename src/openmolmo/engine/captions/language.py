"""Sentences, content words and their stems, for English: just enough to compare what two people said."""

from __future__ import annotations

import re

__all__ = ["content_stems", "sentences", "stem", "tokens"]

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*")
_END = re.compile(r"(?<=[.!?…])[\"'”’)]*\s+(?=\S)|\n+")
_SHORT_FORM = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|No|vs|etc|e\.g|i\.e)\.$", re.IGNORECASE)

_TELL_NOTHING = """
a an the this that these those there here it its he him his she her hers they them their we us our i me my you
your and or but so if then than as of in on at by for with from to into onto up down over under out off about
is are was were be been being am do does did done has have had having will would can could may might should
must not no nor what which who whom whose where when why how all any both each some such only own same too very
just also because while until again further once more most other another s t re ve ll d m it's there's
that's i'm i've can't don't doesn't isn't aren't looks look like seems seem see appears appear sort kind bit
picture image photo photograph maybe probably really quite well now get got going
"""
_FUNCTION = frozenset(_TELL_NOTHING.split())
"""Words that tell nothing new of a picture."""

_IRREGULAR = {
    "people": "person", "men": "man", "women": "woman", "children": "child", "feet": "foot", "teeth": "tooth",
    "leaves": "leaf", "shelves": "shelf", "knives": "knife", "mice": "mouse", "geese": "goose", "sheep": "sheep",
}  # fmt: skip


def sentences(text: str) -> list[str]:
    """The text cut after full stops, question and exclamation marks, and at line ends."""
    found: list[str] = []
    for part in _END.split(text):
        part = part.strip()
        if found and _SHORT_FORM.search(found[-1]):
            found[-1] = f"{found[-1]} {part}"
        elif part:
            found.append(part)
    return found


def tokens(text: str) -> list[str]:
    """Words and numbers, in lower case."""
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


def stem(word: str) -> str:
    """A word without its commonest endings: ``standing``, ``stands`` and ``stand`` are one."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    word = word.removesuffix("'s")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return stem(word[:-1])
    for ending in ("ing", "ed", "ly"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            doubled = len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz"
            return word[:-1] if doubled else word.removesuffix("e")
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def content_stems(text: str) -> frozenset[str]:
    """Stems of the words that tell something."""
    return frozenset(stem(word) for word in tokens(text) if word not in _FUNCTION)
