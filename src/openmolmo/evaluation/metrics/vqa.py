"""VQA accuracy: how many of the annotators gave this answer, after the customary normalisation.

The normalisation is that of the VQA v2 evaluation, with the quirks that published numbers rest on: punctuation is
removed where it stands beside a space (or where digits with a comma between them are anywhere in the text) and becomes
a space elsewhere; a period goes unless a digit follows, but only the first 32 of them. The profiles differ in the
count: ``released`` takes min(matches / 3, 1) over all answers, as the published Molmo code does; ``official`` takes
that of the other annotators for each annotator left out, and their mean.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from openmolmo.evaluation.metrics.profile import Profile

__all__ = ["a_okvqa_accuracy", "normalise_vqa", "vqa_accuracy"]

_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_DIGITS_COMMA = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")
_MOST_PERIODS = 32  # the original passes a flag of that value as the count
_DIGITS = ("none zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS = {word: str(value) for value, words in enumerate(_DIGITS) for word in words.split()}
_ARTICLES = frozenset(("a", "an", "the"))
_SHORT_FORMS = (
    "ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd "
    "he'd've he's how'd how'll how's I'd've I'm I've isn't it'd it'd've it'll ma'am might've mightn't mightn't've "
    "must've mustn't needn't not've o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've "
    "somebody'd've somebody'll somebody's someone'd someone'd've someone'll someone's something'd something'd've "
    "something'll that's there'd there'd've there're there's they'd they'd've they'll they're they've 'twas "
    "wasn't we'd've we've weren't what'll what're what's what've when's where'd where's where've who'd who'd've "
    "who'll who's who've why'll why're why's won't would've wouldn't wouldn't've y'all y'all'd've y'all'll you'd "
    "you'd've you'll you're you've"
)
# As each form is written with one apostrophe left out; the last one is the original's own.
_CONTRACTIONS = {
    form[:place] + form[place + 1 :]: form
    for form in _SHORT_FORMS.split()
    for place in range(len(form))
    if form[place] == "'"
} | {"somebody'd": "somebodyd"}


@lru_cache(maxsize=1 << 16)  # the same few answers stand under most questions
def normalise_vqa(text: str) -> str:
    """``"The Two t-shirts."`` -> ``"2 t shirts"``. An answer of articles alone becomes empty."""
    text = text.replace("\n", " ").replace("\t", " ").lower().strip()
    glued = _DIGITS_COMMA.search(text) is not None
    out = text
    for mark in _PUNCTUATION:
        beside_space = f"{mark} " in text or f" {mark}" in text
        out = out.replace(mark, "" if glued or beside_space else " ")
    words = (_NUMBERS.get(word, word) for word in _PERIOD.sub("", out, count=_MOST_PERIODS).lower().split())
    return " ".join(_CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES)


def vqa_accuracy(prediction: str, references: Sequence[str], profile: Profile = "released") -> float:
    """Accuracy (0-1) of one answer; ``references`` are those of the annotators, ten as a rule. None at all: 0."""
    said = normalise_vqa(prediction)
    matches = [normalise_vqa(reference) == said for reference in references]
    if profile == "released":
        return min(sum(matches) / 3, 1.0)
    if not matches:
        return 0.0
    return sum(min((sum(matches) - own) / 3, 1.0) for own in matches) / len(matches)


def a_okvqa_accuracy(prediction: str, references: Sequence[str]) -> float:
    """min(matches / 3, 1) without normalisation but lower case, as A-OKVQA's own evaluation does."""
    said = prediction.lower().strip()
    return min(sum(reference.lower().strip() == said for reference in references) / 3, 1.0)
