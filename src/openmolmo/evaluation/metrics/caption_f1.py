"""Caption F1 out of a judge's labels: recall of the reference's statements, precision of the caption's own.

A judge gives one label a line: which statements of the reference the caption states (Stated, Not Stated), and which of
its own agree with the transcripts (Consistent, Inconsistent). :func:`read_stated` and :func:`read_consistent` read the
lines as the authors' public script does, with its quirks: a line that cannot be read leaves the count, "Not Stated."
with a period counts as stated, and so does "Not Consistent" as consistent. :func:`strict_labels` wants one clear label
for every statement, and says otherwise what is wrong, so that the judge can be asked again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from openmolmo.core.errors import DataError

__all__ = ["CaptionCounts", "Labels", "aggregate", "read_consistent", "read_stated", "strict_labels"]

_FIRST = 10
_NOT_STATED = re.compile(r".*\bnot st[a-z]+$", re.IGNORECASE)
# Misspellings that judges were seen to make; the mark before a word is anything but a letter.
_WRONG = re.compile(
    r".*[^a-z](i?inconsis?ten(?:t|cy)?|incorrect|inconsistence|iconsistent|inconsisent|incomplete|contradictory).*",
    re.IGNORECASE,
)
_RIGHT = re.compile(r".*[^a-z](consistent(?:ly)?|constistent|correct).*", re.IGNORECASE)
_STRICT = re.compile(
    r"(?:(?P<number>\d+)\s*[.):]|[-*])\s*\**(?P<label>not stated|stated|inconsistent|consistent)\**\.?", re.IGNORECASE
)


@dataclass(frozen=True)
class Labels:
    """One entry a line: True (stated, or consistent), False, or None where the line could not be read."""

    values: tuple[bool | None, ...]

    @property
    def read(self) -> int:
        """Lines that could be read."""
        return sum(value is not None for value in self.values)

    @property
    def positive(self) -> int:
        """Lines that say stated or consistent."""
        return sum(value is True for value in self.values)

    @property
    def share(self) -> float | None:
        """Positive lines among those read; None where none was read."""
        return self.positive / self.read if self.read else None

    def share_of_first(self, most: int = _FIRST) -> float | None:
        """The same with both numbers cut at ``most``: recall@10."""
        return min(self.positive, most) / min(self.read, most) if self.read else None


@dataclass(frozen=True, kw_only=True)
class CaptionCounts:
    """What a judge said of one picture's caption: statements of the reference and of the caption, and the good ones."""

    reference: int
    covered: int
    stated: int
    consistent: int


def read_stated(output: str) -> Labels:
    """Labels of a judge that was asked which statements are stated."""
    return Labels(tuple(_stated(line) for line in _lines(output)))


def read_consistent(output: str) -> Labels:
    """Labels of a judge that was asked which statements are consistent."""
    return Labels(tuple(_consistent(line) for line in _lines(output)))


def strict_labels(output: str, statements: int) -> Labels:
    """As many labels as there are statements, in their order.

    Raises DataError, which says what the answer has instead, where a line is no label or their number differs.
    """
    values = []
    for place, line in enumerate(_lines(output), 1):
        found = _STRICT.fullmatch(line)
        if found is None or (found["number"] and int(found["number"]) != place):
            raise DataError(f"line {place} of the judge's answer is no label of statement {place}: {line[:80]!r}")
        values.append(found["label"].lower() in ("stated", "consistent"))
    if len(values) != statements:
        raise DataError(f"the judge gave {len(values)} labels for {statements} statements")
    return Labels(tuple(values))


def aggregate(pictures: Sequence[CaptionCounts]) -> dict[str, float]:
    """Means over pictures in percent: ``recall``, ``consistency`` (precision), ``recall_at_10``, and F1 in both ways.

    ``avg`` is the mean of recall and consistency, which the authors' script reports; ``f1_of_means`` is F1 of the two
    means, ``mean_of_f1`` the mean of each picture's F1. Pictures without a statement on one side leave that mean.
    """
    recalls = [one.covered / one.reference for one in pictures if one.reference]
    first = [min(one.covered, _FIRST) / min(one.reference, _FIRST) for one in pictures if one.reference]
    precisions = [one.consistent / one.stated for one in pictures if one.stated]
    whole = [one for one in pictures if one.reference and one.stated]
    each = [_f1(one.covered / one.reference, one.consistent / one.stated) for one in whole]
    recall, precision = _mean(recalls), _mean(precisions)
    means = {
        "recall": recall,
        "consistency": precision,
        "recall_at_10": _mean(first),
        "avg": (recall + precision) / 2,
        "f1_of_means": _f1(recall, precision),
        "mean_of_f1": _mean(each),
    }
    return {name: 100 * value for name, value in means.items()}


def _lines(output: str) -> list[str]:
    return [line.strip() for line in output.split("\n") if line.strip()]


def _stated(line: str) -> bool | None:
    if _NOT_STATED.fullmatch(line):
        return False
    return True if " stated" in line.lower() else None


def _consistent(line: str) -> bool | None:
    wrong, right = _WRONG.fullmatch(line) is not None, _RIGHT.fullmatch(line) is not None
    return None if wrong == right else right


def _f1(recall: float, precision: float) -> float:
    return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
