"""How sure a model was of each point it gave, from the probabilities of the tokens that it is written with.

A point is right when there *is* one more of what was asked for, and when it lies *on* it. The model decides the first
where it opens a group of points, or goes on after a point instead of closing the group. It decides the second digit by
digit. So the confidence of a point is

    P(another point)  x  sqrt(P(x) P(y)),    P(x) = P(its first digit) * P(its second digit) ^ 0.1

- **Another point**: the tokens between the last point's coordinates and this one's; of the first point of a group, the
  token with the group's first character. A point's confidence does not take in that of the points before it.
- **The first digit** says in which tenth of the picture the point is. So does the decimal point of ``4.2``: it stands
  where a digit would have made it forty-something.
- **The second digit** counts a tenth of that, as it moves the point a tenth as far. What one would want is the mass of
  all values *near* the chosen one, but the chosen token's alone is known; a model that is sure to within two percent
  spreads this digit over several values, all of them hits.
- **Tenths of a percent** by the same rule a hundredth: nothing.
- **The root**, because x and y hesitate for the same reason, and often between places that are all right: which of
  several things to name next, or 39 and 41 for one that lies at 40. Their product would count the one doubt twice.

Tokens that hold several characters share their log-probability equally among them. benchmarks/point_confidence.py
measures how well all this is calibrated; docs/log.md has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from openmolmo.records.example import Point
from openmolmo.words.answer import Answer
from openmolmo.words.points import read_points

__all__ = ["SECOND_DIGIT", "with_confidence"]

SECOND_DIGIT = 0.1
"""What the log-probability of the second digit counts, beside 1 of the first."""
_AXIS = 0.5
"""What the log-probability of a coordinate counts, beside 1 of there being another point."""


def with_confidence(
    answer: Answer, tokens: Sequence[tuple[str, float]], *, second_digit: float = SECOND_DIGIT
) -> Answer:
    """The answer with the confidence of every point; ``tokens``: (text, natural log-probability) of the whole reply.

    The tokens' texts must together begin with the answer's text, but for spaces before it (what a stop string cut off
    may follow); where they do not, or a token's log-probability is no number, the points concerned have none.
    Never raises.
    """
    if not answer.points:
        return answer
    whole = "".join(text for text, _ in tokens)
    start = len(whole) - len(whole.lstrip())
    if not whole.startswith(answer.text, start):
        return answer
    sums = _sums(tokens)[start:]
    opening = [value for text, value in tokens for _ in text][start:]
    end = start + len(answer.text)
    end += len(whole[end:]) - len(whole[end:].lstrip())  # a space shows that a number before it is complete
    known = _confidences(whole[start:end], sums, opening, second_digit)
    points, left = [], iter(known)
    for found in answer.points:  # those of pictures that are not there have been dropped from the answer
        match = next((one for one in left if one[0] == found.point), None)
        points.append(found if match is None else replace(found, confidence=match[1]))
    return replace(answer, points=tuple(points))


def _sums(tokens: Sequence[tuple[str, float]]) -> list[float]:
    """Sum of the log-probabilities before each character, and before the end."""
    shares = (value / len(text) for text, value in tokens for _ in text)
    return list(accumulate(shares, initial=0.0))


def _confidences(
    text: str, sums: Sequence[float], opening: Sequence[float], second_digit: float
) -> list[tuple[Point, float | None]]:
    """Every point of the text, in the order in which an answer has them; ``opening``: of each character's token."""
    found = []
    for group in read_points(text):
        ends = sorted(y_place[1] for _, y_place in group.written)
        for point, (x_place, y_place) in zip(group.points, group.written, strict=True):
            first = min(x_place[0], y_place[0])
            before = max((end for end in ends if end <= first), default=None)
            going_on = opening[group.start] if before is None else _total(sums, before, first)
            value = going_on + _AXIS * sum(_number(text, sums, place, second_digit) for place in (x_place, y_place))
            found.append((point, min(1.0, math.exp(value)) if math.isfinite(value) else None))
    return found


def _number(text: str, sums: Sequence[float], place: tuple[int, int], second_digit: float) -> float:
    start = place[0] + (text[place[0]] in "+-")
    second = start + 1
    value = _total(sums, start, min(second, place[1]))
    if second < place[1]:
        value += (second_digit if text[second].isdigit() else 1.0) * _total(sums, second, second + 1)
    return value


def _total(sums: Sequence[float], start: int, end: int) -> float:
    return sums[min(end, len(sums) - 1)] - sums[min(start, len(sums) - 1)]
