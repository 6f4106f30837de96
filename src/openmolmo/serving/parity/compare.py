"""Two replies to one question: how far they say the same, and how far apart they point."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from openmolmo.core.errors import OpenMolmoError
from openmolmo.evaluation.metrics.pointing import match_points, score_points
from openmolmo.serving.parity.asked import Question
from openmolmo.serving.parity.backends.base import Reply
from openmolmo.words.answer import Answer, read_answer

__all__ = ["Difference", "Gap", "Pair", "compare"]

_Units = Sequence[int] | Sequence[str]
_WORD = re.compile(r"\s*(?:\w+|[^\w\s])|\s+")


@dataclass(frozen=True, slots=True)
class Gap:
    """By how much a backend preferred its own token to the other's, in natural logarithms (of odds: the logits'
    difference). Not ``exact``: at least so much, for the other's is not among its likeliest tokens."""

    value: float
    exact: bool

    def __str__(self) -> str:
        return f"{'' if self.exact else '> '}{self.value:.3g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where two replies part: the place of the first unit that differs, both units, both gaps where they are known."""

    place: int
    a: str
    b: str
    gap_a: Gap | None = None
    gap_b: Gap | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One question with both outcomes.

    ``unit``: tokens where both backends tell theirs, else words; ``agreed`` of ``length`` units of the longer reply
    stand before the first that differs. ``distances``: of matched points, in percent of the picture's width;
    ``near`` of them are within the radius, of at most ``most`` points that either reply has.
    """

    question: Question
    a: Reply | OpenMolmoError
    b: Reply | OpenMolmoError
    answer_a: Answer | None = None
    answer_b: Answer | None = None
    unit: str = "tokens"
    agreed: int = 0
    length: int = 0
    first: Difference | None = None
    distances: tuple[float, ...] = ()
    near: int = 0
    most: int = 0

    @property
    def failed(self) -> bool:
        """Whether either backend has no reply."""
        return self.answer_a is None or self.answer_b is None

    @property
    def same(self) -> bool:
        """Whether both said the same, to the end."""
        return not self.failed and self.first is None

    @property
    def same_count(self) -> bool:
        """Whether both counted the same."""
        return self.answer_a is not None and self.answer_b is not None and self.answer_a.count == self.answer_b.count


def compare(
    question: Question,
    a: Reply | OpenMolmoError,
    b: Reply | OpenMolmoError,
    radius: float,
    spell: Callable[[int], str] = str,
) -> Pair:
    """The pair; ``radius`` (percent of the picture's width): how near two points are the same; ``spell`` writes a token
    for people."""
    answer_a, answer_b = _answer(question, a), _answer(question, b)
    if isinstance(a, OpenMolmoError) or isinstance(b, OpenMolmoError):
        return Pair(question=question, a=a, b=b, answer_a=answer_a, answer_b=answer_b)
    assert answer_a is not None and answer_b is not None
    by_ids = a.ids is not None and b.ids is not None
    units_a, units_b = _units(a, by_ids), _units(b, by_ids)
    first = _first(units_a, units_b)
    found_a, found_b = ([point.point for point in answer.points] for answer in (answer_a, answer_b))
    aspects = [height / width for width, height in question.sizes] or [1.0]
    matched = match_points(found_b, found_a, aspect=aspects)
    score = score_points(found_b, found_a, radius=radius, aspect=aspects)
    return Pair(
        question=question,
        a=a,
        b=b,
        answer_a=answer_a,
        answer_b=answer_b,
        unit="tokens" if by_ids else "words",
        agreed=max(len(units_a), len(units_b)) if first is None else first,
        length=max(len(units_a), len(units_b)),
        first=None if first is None else _difference(first, a, b, units_a, units_b, spell),
        distances=tuple(distance for _, _, distance in matched if distance != float("inf")),
        near=sum(score.right),
        most=max(len(found_a), len(found_b)),
    )


def _answer(question: Question, said: Reply | OpenMolmoError) -> Answer | None:
    if isinstance(said, OpenMolmoError):
        return None
    return read_answer(said.text, question.sizes, finished=said.finished, counted=question.counted)


def _units(reply: Reply, by_ids: bool) -> _Units:
    """Tokens; or words, and the end as one more, since going on is another answer than ending."""
    if by_ids:
        assert reply.ids is not None
        return reply.ids
    return [*_WORD.findall(reply.text.strip()), *(["(end)"] if reply.finished else [])]


def _first(a: _Units, b: _Units) -> int | None:
    shorter = min(len(a), len(b))
    place = next((i for i in range(shorter) if a[i] != b[i]), shorter)
    return None if place == len(a) == len(b) else place


def _difference(
    place: int, a: Reply, b: Reply, units_a: _Units, units_b: _Units, spell: Callable[[int], str]
) -> Difference:
    def said(unit: int | str | None) -> str:
        return "(nothing)" if unit is None else unit if isinstance(unit, str) else spell(unit)

    one, other = (units[place] if place < len(units) else None for units in (units_a, units_b))
    return Difference(
        place=place,
        a=said(one),
        b=said(other),
        gap_a=_gap(a, place, one, other),
        gap_b=_gap(b, place, other, one),
    )


def _gap(reply: Reply, place: int, own: int | str | None, others: int | str | None) -> Gap | None:
    if reply.tops is None or place >= len(reply.tops) or not isinstance(own, int) or not isinstance(others, int):
        return None
    top = reply.tops[place]
    if own not in top:
        return None
    return Gap(top[own] - top.get(others, min(top.values())), others in top)
