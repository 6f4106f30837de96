"""Which questions are dropped, and why."""

from __future__ import annotations

import re
from collections import Counter

from openmolmo.engine.caption_qa.talk import Talk

__all__ = ["REASONS", "Keeper", "content_words"]

REASONS = {
    "empty": "a question or an answer is empty",
    "caption_says": "it speaks of the caption or description, which nobody sees beside the picture",
    "told": "the question tells its own answer",
    "near_duplicate": "the same picture was asked nearly the same before",
    "unanswerable": "the judge says that the caption does not answer it",
    "wrong": "the judge says that the caption answers it otherwise",
    "not_judged": "the judge gave no verdict",
    "failed": "the language model gave no questions",
    "too_long": "a question of more than 80 words or an answer of more than 250",
}
"""By name; a run counts each."""

_ALIKE = 0.75
"""Share of common words of meaning from which two questions are one."""

_OF_THE_CAPTION = re.compile(
    r"\bcaptions?\b|\btranscripts?\b|\b(?:the|this|that|given|provided|above) (?:description|passage|narrat\w+)\b"
    r"|\b(?:described|mentioned|specified|stated|indicated) (?:as|in|by|to be)\b"
    r"|\b(?:is|are|was|were|as)(?: not|n't)? (?:\w+ )?(?:described|mentioned|specified|stated)\b"
    r"|\b(?:does|do)(?: not|n't) (?:mention|specify|say|state|describe)\b"
    r"|\baccording to the (?:text|information|description)\b|\bbased on the (?:text|information|description)\b",
    re.IGNORECASE,
)
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by can could do does for from has have how image in is it its many much of on one or "
        "over photo picture see seen shown that the there these they this to was we were what when where which who "
        "whose why with you your",
    )
)


def content_words(text: str) -> frozenset[str]:
    """Words that carry meaning, without their commonest endings."""
    words = re.findall(r"[^\W_]+", text.casefold())
    return frozenset(re.sub(r"(?<=\w{3})(?:ing|ed|es|s)$", "", word) for word in words if word not in _COMMON)


class Keeper:
    """Keeps what may stay of one picture's talks, and counts the rest by reason."""

    def __init__(self, dropped: Counter[str]) -> None:
        self.dropped = dropped
        self.kept: list[Talk] = []
        self._asked: list[frozenset[str]] = []

    def add(self, talk: Talk) -> bool:
        """Keep the talk, or count why not."""
        reason = self._fault(talk)
        if reason is not None:
            self.dropped[reason] += 1
            return False
        self.kept.append(talk)
        self._asked += [content_words(question) for question, _ in talk.turns]
        return True

    def _fault(self, talk: Talk) -> str | None:
        for question, answer in talk.turns:
            if not content_words(question) or not re.search(r"\w", answer):
                return "empty"
            if len(question.split()) > 80 or len(answer.split()) > 250:
                return "too_long"
            if _OF_THE_CAPTION.search(question) or _OF_THE_CAPTION.search(answer):
                return "caption_says"
            if _told(question, answer):
                return "told"
        return "near_duplicate" if self._known(talk) else None

    def _known(self, talk: Talk) -> bool:
        """Whether it asks what was asked before: every turn for a single question, the whole for a conversation."""
        alike = [any(_alike(content_words(question), other) for other in self._asked) for question, _ in talk.turns]
        repeats = len({content_words(question) for question, _ in talk.turns}) < len(talk.turns)
        return all(alike) or repeats


def _told(question: str, answer: str) -> bool:
    """A short answer stands in the question, which offers no choice."""
    words = answer.casefold().split()
    if len(words) > 4 or re.search(r"\b(?:or|yes|no)\b", f"{question} {answer}", re.IGNORECASE):
        return False
    said = re.escape(answer.casefold().strip(" .!?\"'"))
    return bool(re.search(rf"(?<!\w){said}(?!\w)", question.casefold()))


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    numbers = ({word for word in words if word.isdigit()} for words in (one, other))
    if next(numbers) != next(numbers):
        return False
    return len(one & other) >= _ALIKE * len(one | other)
