"""What a model answers: its text, and the points and the count that can be read in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from openmolmo.records.example import Point
from openmolmo.words.counts import read_count
from openmolmo.words.points import PointGroup, read_points

__all__ = ["UNLIKE", "Answer", "FoundPoint", "read_answer", "worst"]

UNLIKE = 0.5
"""Above this ``out_of_world`` a picture is unlike what the model knows."""


@dataclass(frozen=True, slots=True)
class FoundPoint:
    """A point the model gave: percent of width and height (0-100), and the pixel it falls in.

    ``label`` is what stands in the sentence, ``alt`` what is pointed at (mostly the same); ``image`` is the picture
    that the point is in, from 0. ``confidence`` (0-1) is how sure the model was of it, where its tokens' probabilities
    are known (:mod:`openmolmo.words.confidence`); points that differ in nothing else are equal.
    """

    label: str
    x: float
    y: float
    x_pixel: int
    y_pixel: int
    alt: str = ""
    image: int = 0
    confidence: float | None = field(default=None, compare=False)

    @property
    def point(self) -> Point:
        """The same place as records have it."""
        return Point(self.x, self.y, self.image)


@dataclass(frozen=True, slots=True)
class Answer:
    """The text a model wrote and what can be read in it.

    ``count`` is the total the text states, else the number of points, else None. ``finished`` is
    False when the text was cut at the token limit; its complete points are still there. ``dropped`` is
    how many more points the text has that lie in no picture: outside 0-100 percent, or in one that is not there.
    ``out_of_world`` (0-1) says how unlike the pictures (the strangest of them) are to those that the model knows; one
    known picture in a hundred is above 0.5. None: the model does not tell. Answers that
    differ in nothing else are equal.
    """

    text: str
    points: tuple[FoundPoint, ...] = ()
    count: int | None = None
    finished: bool = True
    dropped: int = 0
    out_of_world: float | None = field(default=None, compare=False)

    @property
    def unlike(self) -> bool:
        """Whether a picture is unlike what the model knows; False where it does not tell."""
        return self.out_of_world is not None and self.out_of_world > UNLIKE

    def to_json(self) -> dict[str, Any]:
        """JSON values: text, points (percent and pixels), count, finished, dropped.

        Points have ``alt`` where it is not the label, ``image`` where it is not the first picture, and ``confidence``
        (0-1) where it is known. ``out_of_world`` (0-1) is there where the model tells it.
        """
        strange = {} if self.out_of_world is None else {"out_of_world": round(self.out_of_world, 3)}
        points = [
            {"label": p.label, "x": p.x, "y": p.y, "x_pixel": p.x_pixel, "y_pixel": p.y_pixel}
            | ({"alt": p.alt} if p.alt not in ("", p.label) else {})
            | ({"image": p.image} if p.image else {})
            | ({} if p.confidence is None else {"confidence": round(p.confidence, 3)})
            for p in self.points
        ]
        return {
            "text": self.text,
            "points": points,
            "count": self.count,
            "finished": self.finished,
            "dropped": self.dropped,
            **strange,
        }


def read_answer(
    text: str, sizes: Sequence[tuple[int, int]] = (), *, finished: bool = True, counted: bool = True
) -> Answer:
    """Read points and count out of a reply; never raises. ``sizes``: (width, height) in pixels of each picture.

    Points in a picture that is not there are dropped; without any picture their pixels are 0. ``counted`` is
    False for descriptions, where the first number is no count of anything asked for.
    """
    groups = read_points(text)
    points = tuple(
        _found(group, point, sizes[point.image] if sizes else (1, 1))
        for group in groups
        for point in group.points
        if point.image < max(len(sizes), 1)
    )
    dropped = sum(len(group.points) + group.dropped for group in groups) - len(points)
    return Answer(text.strip(), points, read_count(text) if counted else None, finished, dropped)


def worst(scores: Iterable[float | None]) -> float | None:
    """``out_of_world`` of several pictures: that of the strangest."""
    return max((score for score in scores if score is not None), default=None)


def _found(group: PointGroup, point: Point, size: tuple[int, int]) -> FoundPoint:
    x, y = _pixel(point.x, size[0]), _pixel(point.y, size[1])
    return FoundPoint(group.label, point.x, point.y, x, y, group.alt, point.image)


def _pixel(percent: float, side: int) -> int:
    return min(max(int(percent / 100 * side), 0), side - 1)
