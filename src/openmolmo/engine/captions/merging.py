"""One caption out of one to three transcripts, without a language model: milliseconds, and no fact is made up.

People say different sentences of one picture, so nothing is aligned word by word: the longest transcript is the
spine, and what another one adds is put where it belongs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from openmolmo.core.errors import DataError
from openmolmo.engine.captions.cleaning import clean
from openmolmo.engine.captions.contradictions import Contradiction, contradictions
from openmolmo.engine.captions.language import content_stems, sentences

__all__ = ["MOST", "Merged", "merge_offline", "said_texts"]

MOST = 3
"""Transcripts of one picture, as in the paper."""

NEW_SHARE = 0.34
"""A sentence is put in where at least this share of its content stems is new.

Measured on three transcripts with 16 facts: 15 or 16 are kept, the best single transcript has 8 to 10. What is lost
is one new word among three: ``There are flags hanging over the street`` after ``a sign hangs`` and ``a street``.
"""


@dataclass(frozen=True, kw_only=True)
class Merged:
    """A caption, and how it came to be: enough to make it again.

    ``method`` is ``offline`` or ``llm``, ``version`` of the method; ``model`` and ``prompt_sha256`` are of the
    language model. ``contradictions`` are for a reviewer.
    """

    text: str
    method: str
    version: str
    model: str | None = None
    prompt_sha256: str | None = None
    contradictions: tuple[Contradiction, ...] = ()
    origins: tuple[int, ...] = field(default=())
    """For each sentence of an offline merge the transcript that it is from, counted from 0."""


def said_texts(transcripts: Sequence[str], language: str | None) -> list[str]:
    """The transcripts cleaned; none at all, only empty ones, or too many raise :class:`DataError`."""
    if not 1 <= len(transcripts) <= MOST:
        raise DataError(f"{len(transcripts)} transcripts are given, and one to {MOST} can be merged")
    texts = [clean(text, language=language) for text in transcripts]
    if not any(texts):
        raise DataError("no transcript has a word in it", fix="transcribe the recordings, or type what they say")
    return texts


def merge_offline(transcripts: Sequence[str], *, language: str | None = "en", new_share: float = NEW_SHARE) -> Merged:
    """The longest transcript, with what the others add after the sentence that each is most related to."""
    texts = said_texts(transcripts, language)
    order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))  # the first one of two as long
    merged = [(sentence, order[0]) for sentence in sentences(texts[order[0]])]
    for index in order[1:]:
        for sentence in sentences(texts[index]):
            _insert(merged, sentence, index, new_share)
    return Merged(
        text=" ".join(_closed(sentence) for sentence, _ in merged),
        method="offline",
        version="1",
        contradictions=tuple(contradictions(texts)),
        origins=tuple(origin for _, origin in merged),
    )


def _insert(merged: list[tuple[str, int]], sentence: str, origin: int, new_share: float) -> None:
    stems = content_stems(sentence)
    known = [content_stems(other) for other, _ in merged]
    new = stems - frozenset().union(*known)
    if not stems or len(new) < new_share * len(stems):
        return
    related = [len(stems & other) / (len(stems | other) or 1) for other in known]
    best = max(related, default=0.0)
    if not best:  # it is of something else
        merged.append((sentence, origin))
        return
    place = related.index(best) + 1
    while place < len(merged) and merged[place][1] == origin:  # behind what this speaker added there before
        place += 1
    merged.insert(place, (sentence, origin))


def _closed(sentence: str) -> str:
    return sentence if sentence[-1:] in ".!?…\"'”’)" else f"{sentence}."
