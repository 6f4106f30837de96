"""What is left of an annotation without the part that breaks a rule, and rows joined that ask one question.

five points, the last one outside the picture   ->   four points
a count of five with such a point               ->   the count, without its points
masks that do not fill their size               ->   the points, without masks
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator

from openmolmo.records.example import Annotation, Counting, Example, NotPresent, Point, PointExplanation, Pointing
from openmolmo.records.notes import question_key
from openmolmo.records.quality_report import QualityReport
from openmolmo.records.rules import violations

__all__ = ["Joiner", "mend"]

_POINT = re.compile(r"points\[(\d+)\](?:\[(\d+)\])?\.[xy]$")
_MASK = re.compile(r"masks(\[\d+\])?$")


def mend(item: Annotation, broken: Iterable[str]) -> Annotation | None:
    """The annotation without its parts ``broken`` (fields, as ``points[3].x``); None if nothing good is left."""
    points: set[tuple[int, int]] = set()
    for field in broken:
        if place := _POINT.match(field):
            points.add((int(place[1]), int(place[2] or 0)))
        elif not _MASK.match(field) or not isinstance(item, (Pointing, Counting)):
            return None
        else:
            item = dataclasses.replace(item, masks=())
    if not points:
        return item
    match item:
        case Pointing():
            good = [number for number in range(len(item.points)) if (number, 0) not in points]
            masks = [item.masks[number] for number in good] if len(item.masks) == len(item.points) else []
            kept = tuple(item.points[number] for number in good)
            return dataclasses.replace(item, points=kept, masks=tuple(masks)) if good else None
        case Counting():
            # One of the things counted has no place: the count stands, but these points would contradict it.
            return dataclasses.replace(item, points=(), masks=())
        case PointExplanation():
            groups = tuple(
                tuple(point for place, point in enumerate(group) if (number, place) not in points)
                for number, group in enumerate(item.points)
            )
            return dataclasses.replace(item, points=groups) if all(groups) else None
    return None


class Joiner:
    """Gives the first row that asks a question about a picture's label the points of all of them.

    ``rows`` are read once before; :meth:`join` then takes the same rows in the same order.
    """

    def __init__(self, rows: Iterable[Example]) -> None:
        self._points: dict[tuple[str, str, str], list[Point]] = {}
        self._times: dict[tuple[str, str, str], int] = {}
        for _, item, key in _questions(rows):
            self._times[key] = self._times.get(key, 0) + 1
            known = self._points.setdefault(key, [])
            known += [point for point in getattr(item, "points", ()) if point not in known]

    def join(self, example: Example, report: QualityReport) -> Example | None:
        """The example with the points of the others, and without what an earlier one has taken over."""
        if not _is_sound(example):
            return example
        kept: list[Annotation] = []
        for item in example.annotations:
            key = question_key(example, item)
            if key is None or self._times.get(key, 1) == 1:
                kept.append(item)
            elif self._times[key] > 0 and (isinstance(item, Pointing) or not self._points[key]):
                kept.append(self._whole(item, key))
                self._times[key] = -1
            else:
                report.add("repeat", example.id, f"joined with another row about {key[1]!r}", annotations=1)
        if tuple(kept) == example.annotations:
            return example
        return example.replace(annotations=tuple(kept)) if kept else None

    def _whole(self, item: Annotation, key: tuple[str, str, str]) -> Annotation:
        assert isinstance(item, (Pointing, NotPresent))
        points = tuple(self._points[key])
        if isinstance(item, NotPresent) or item.points == points:
            return item
        return dataclasses.replace(item, points=points, masks=())


def _is_sound(example: Example) -> bool:
    """Whether it stays, but for points and masks: a row that goes as a whole must not take others' points with it."""
    return all(violation.rule in ("percent", "mask") for violation in violations(example))


def _questions(rows: Iterable[Example]) -> Iterator[tuple[Example, Annotation, tuple[str, str, str]]]:
    for example in filter(_is_sound, rows):
        for item in example.annotations:
            if (key := question_key(example, item)) is not None:
                yield example, item, key
