"""Texts of the test set, found again: which of their runs of words does the training set have?

A text is cut into words (letters and digits, capitals or not), and every run of ``words`` of them is looked for. Texts
of fewer words are looked for as a whole, and counted apart: "what is in the picture" is nobody's secret.
"""

from __future__ import annotations

import bisect
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["TextIndex", "TextSeen", "runs_of", "words_of"]

_WORD = re.compile(r"\w+")
_AT_ONCE = 200_000  # runs that are looked up together
_SHORT = "\0"  # before the words of a short text, so that it meets short texts only


@dataclass(frozen=True, slots=True)
class TextSeen:
    """One text of the test set: its example, role and words; the share of its runs that the training set has, 0-1, and
    a training example with one of them."""

    example: str
    role: str
    text: str
    short: bool
    share: float
    found_in: str | None


def words_of(text: str) -> list[str]:
    """Its words, in small letters."""
    return _WORD.findall(text.casefold())


def runs_of(text: str, words: int) -> list[str]:
    """Every run of ``words`` words; a shorter text as a whole, marked; none of a text without a word."""
    found = words_of(text)
    if not found:
        return []
    if len(found) < words:
        return [_SHORT + " ".join(found)]
    return [" ".join(found[start : start + words]) for start in range(len(found) - words + 1)]


class TextIndex:
    """The runs of all texts of the test set; training texts are then looked up as a stream."""

    def __init__(self, words: int) -> None:
        self.words = words
        self._texts: list[tuple[str, str, str]] = []
        self._hashes: list[NDArray[np.uint64]] = []
        self._keys: NDArray[np.uint64] | None = None
        self._waiting: list[int] = []
        self._starts: list[int] = []  # where among those waiting the runs of each training text begin
        self._owners: list[str] = []

    def add(self, example: str, role: str, text: str) -> None:
        """Remember a text of the test set."""
        assert self._keys is None, "the test set is read first"
        runs = runs_of(text, self.words)
        if runs:
            self._texts.append((example, role, text))
            self._hashes.append(np.fromiter(map(_hash, runs), np.uint64, len(runs)))

    def look_up(self, example: str, text: str) -> None:
        """Compare a training text."""
        if self._keys is None:
            self._close()
        self._starts.append(len(self._waiting))
        self._owners.append(example)
        self._waiting.extend(map(_hash, runs_of(text, self.words)))
        if len(self._waiting) >= _AT_ONCE:
            self._flush()

    def result(self) -> Iterator[TextSeen]:
        """Every text of the test set, in order."""
        if self._keys is None:
            self._close()
        self._flush()
        assert self._keys is not None
        for (example, role, text), hashes in zip(self._texts, self._hashes, strict=True):
            places = np.searchsorted(self._keys, hashes)
            owners = self._found[places]
            known = owners[owners >= 0]
            where = self._names[int(known[0])] if len(known) else None
            short = len(hashes) == 1 and len(words_of(text)) < self.words
            yield TextSeen(example, role, text, short, len(known) / len(hashes), where)

    def _close(self) -> None:
        self._keys = np.unique(np.concatenate(self._hashes)) if self._hashes else np.empty(0, np.uint64)
        self._found = np.full(len(self._keys), -1, np.int64)
        self._names: list[str] = []

    def _flush(self) -> None:
        assert self._keys is not None
        if self._waiting and len(self._keys):
            hashes = np.array(self._waiting, np.uint64)
            places = np.minimum(np.searchsorted(self._keys, hashes), len(self._keys) - 1)
            for place in np.flatnonzero((self._keys[places] == hashes) & (self._found[places] < 0)):
                self._found[places[place]] = self._name(int(place))
        self._waiting, self._starts, self._owners = [], [], []

    def _name(self, place: int) -> int:
        """The number of the example that the run at ``place`` of those waiting is of."""
        name = self._owners[bisect.bisect_right(self._starts, place) - 1]
        if not self._names or self._names[-1] != name:
            self._names.append(name)
        return len(self._names) - 1


def _hash(run: str) -> int:
    return int.from_bytes(hashlib.blake2b(run.encode(), digest_size=8).digest(), "little")
