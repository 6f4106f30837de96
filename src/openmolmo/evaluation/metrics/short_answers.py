"""Short answers: exact match after the normalisation customary for visual question answering.

Lower case, articles and punctuation dropped, number words as digits, contractions without their
apostrophe. An answer is right when it equals any of the reference answers; that is not the agreement
with several people's answers by which VQAv2 and its like are scored when they are published.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from openmolmo.words.counts import NUMBER_WORDS

__all__ = ["normalise", "score_short_answer"]

_NUMBERS = {word: str(value) for value, word in enumerate(NUMBER_WORDS)} | {"none": "0"}
_ARTICLES = {"a", "an", "the"}
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")
_DECIMAL_POINT = re.compile(r"(?<!\d)\.|\.(?!\d)")
_PUNCTUATION = re.compile(r"[^\w\s.%]")


def normalise(text: str) -> str:
    """``"The Two red-stars."`` -> ``"2 red stars"``."""
    text = _THOUSANDS.sub("", text.lower().strip().replace("’", "'"))
    text = re.sub(r"(?<=\w)'(?=\w)", "", text)
    text = _DECIMAL_POINT.sub(" ", _PUNCTUATION.sub(" ", text))
    words = (_NUMBERS.get(word, word) for word in text.split())
    return " ".join(word for word in words if word not in _ARTICLES)


def score_short_answer(predicted: str, answers: Sequence[str]) -> dict[str, float]:
    """``accuracy``: 1 when the reply equals one of the reference ``answers`` after normalisation."""
    said = normalise(predicted)
    return {"accuracy": float(bool(said) and any(said == normalise(answer) for answer in answers))}
