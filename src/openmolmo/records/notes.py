"""What ``data check`` notes about a whole data set: no fault, but hardly what anybody meant."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from openmolmo.core.console import counted
from openmolmo.records.example import Annotation, Counting, Example, Made, NotPresent, Point, PointExplanation, Pointing
from openmolmo.records.names import same_label

__all__ = ["Notes", "question_key"]

_FEW_POINTS = 3
"""So many points must all lie in 0-1 before anybody is told that they may be fractions."""


class Notes:
    """Looks at one example after the other; :meth:`told` says what was seen."""

    def __init__(self) -> None:
        self.urls = 0
        self.hidden: Counter[str] = Counter()  # pictures of which transparency hides what they are about
        self._unknown: Counter[str] = Counter()
        self._points = 0
        self._largest = 0.0
        # Hashes, not the annotations: a set may have millions. The first answer to a question, and where it stands.
        self._first: dict[int, tuple[int, str]] = {}
        self._several: dict[int, tuple[str, list[str]]] = {}

    def add(self, example: Example, place: str) -> None:
        """One more example, and what its place is called."""
        self.urls += sum(image.data is None and image.path is None for image in example.images)
        for item in example.annotations:
            self._unknown[item.kind] += Made.UNKNOWN in example.provenance.made.get(item.kind, ())
            for point in _points(item):
                self._points += 1
                self._largest = max(self._largest, abs(point.x), abs(point.y))
            if isinstance(item, (Pointing, NotPresent)) and (key := question_key(example, item)) is not None:
                answer, first = self._first.setdefault(hash(key), (hash(item), place))
                if answer != hash(item):
                    self._several.setdefault(hash(key), (item.label, [first]))[1].append(place)

    def told(self) -> Iterator[str]:
        """One line a thing."""
        if kinds := [f"{count} {kind}" for kind, count in sorted(self._unknown.items()) if count]:
            first = next(kind for kind in sorted(self._unknown) if self._unknown[kind])
            yield (
                f"how these were made is unknown, and `openmolmo data audit` will refuse them: {', '.join(kinds)}; "
                f"say it in dataset.json, e.g. {json.dumps({'made': {first: 'person-written'}})}"
            )
        if self._points >= _FEW_POINTS and self._largest <= 1:
            yield (
                f"all {self._points} points lie between 0 and 1 percent, in the corner: if these are fractions, "
                "multiply them by 100"
            )
        if self._several:
            label, places = next(iter(self._several.values()))
            have = "has" if len(self._several) == 1 else "have"
            yield (
                f"{counted(len(self._several), 'question')} about a label {have} several answers that contradict each "
                "other: "
                f"e.g. {label!r} in {', '.join(places[:4])}; one row should have all points of a "
                "label, and `openmolmo data filter` joins them"
            )
        if self.urls:
            some = "1 picture is only a URL and was"
            yield f"{some if self.urls == 1 else f'{self.urls} pictures are only URLs and were'} not looked at"
        if self.hidden:
            count = "1 picture is" if len(self.hidden) == 1 else f"{len(self.hidden)} pictures are"
            yield (
                f"transparency hides what {count} about: a model sees the colours under it, not what a viewer shows "
                f"(`openmolmo data show` shows what it sees): {', '.join(list(self.hidden)[:5])}"
            )


def question_key(example: Example, item: Annotation) -> tuple[str, str, str] | None:
    """The picture, the label and the style of a plain question about a label; None of anything else.

    Two annotations with one key are asked in the same words, and should have one answer.
    """
    if not isinstance(item, (Pointing, NotPresent)) or item.question is not None or not example.images:
        return None
    pictures = [image.sha256 or image.path or image.url for image in example.images]
    known = [picture for picture in pictures if picture is not None]
    return ("\n".join(known), same_label(item.label), item.style) if len(known) == len(pictures) else None


def _points(item: Annotation) -> Iterator[Point]:
    match item:
        case Pointing() | Counting():
            yield from item.points
        case PointExplanation():
            for group in item.points:
                yield from group
