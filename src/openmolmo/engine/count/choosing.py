"""Which class of a picture is counted, and why a picture is left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from openmolmo.core.errors import ConfigError
from openmolmo.engine.count.detectors import Box
from openmolmo.engine.count.finding import LEAST_SCORE, Looked

__all__ = ["Chosen", "Refusal", "Rules", "choose", "plural"]

_SAME = 0.6
"""Boxes of a class that overlap by more of their union are two findings of one thing."""
_IRREGULAR = {
    "person": "people", "man": "men", "woman": "women", "child": "children", "mouse": "mice", "goose": "geese",
    "foot": "feet", "tooth": "teeth", "sheep": "sheep", "fish": "fish", "deer": "deer", "knife": "knives",
    "leaf": "leaves", "loaf": "loaves", "shelf": "shelves", "scissors": "scissors", "skis": "skis",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Rules:
    """``sure``: least score of a box that counts. A class with a box between ``doubtful`` and ``sure`` is not counted.

    ``most``: greatest count. ``zeros``: pictures in which nothing at all was found give a count of zero.
    """

    sure: float = 0.8
    doubtful: float = 0.4
    most: int = 10
    zeros: bool = True

    def __post_init__(self) -> None:
        if not LEAST_SCORE <= self.doubtful <= self.sure <= 1:
            raise ConfigError(
                f"doubtful={self.doubtful} and sure={self.sure} do not fit",
                fix=f"{LEAST_SCORE} <= doubtful <= sure <= 1",
            )
        if self.most < 1:
            raise ConfigError(f"most is {self.most}, must be at least 1")


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What is counted in a picture: a class in singular, and its boxes from the upper left."""

    label: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Refusal:
    """Why a picture gives no count."""

    reason: str


def choose(looked: Looked, rules: Rules, labels: Sequence[str]) -> Chosen | Refusal:
    """The class with most sure boxes, or why there is none; ``labels`` is what the detector can find."""
    if looked.error:
        return Refusal(f"cannot be read ({looked.error})")
    sure: dict[str, list[Box]] = defaultdict(list)
    doubtful = set()
    for box in sorted(looked.boxes, key=lambda box: -box.score):
        if any(_overlap(box, other) > _SAME for other in sure[box.label]):
            continue
        if box.score >= rules.sure:
            sure[box.label].append(box)
        elif box.score >= rules.doubtful:
            doubtful.add(box.label)
    counts = {label: len(boxes) for label, boxes in sure.items() if boxes}
    if not counts:
        return _nothing(looked, rules, labels, doubtful)
    label = max(counts, key=lambda name: (counts[name], sum(box.score for box in sure[name]), name))
    if label in doubtful:
        return Refusal("some boxes are doubtful")
    if counts[label] > rules.most:
        return Refusal(f"more than {rules.most}")
    return Chosen(label=label, boxes=tuple(sorted(sure[label], key=lambda box: (box.top, box.left))))


def _nothing(looked: Looked, rules: Rules, labels: Sequence[str], doubtful: set[str]) -> Chosen | Refusal:
    if doubtful:
        return Refusal("some boxes are doubtful")
    if not rules.zeros or not labels:
        return Refusal("nothing was found")
    absent = sorted(labels)
    return Chosen(label=absent[int(looked.sha256[:8], 16) % len(absent)], boxes=())


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0-1."""
    wide = min(one.right, other.right) - max(one.left, other.left)
    tall = min(one.bottom, other.bottom) - max(one.top, other.top)
    if wide <= 0 or tall <= 0:
        return 0.0
    areas = sum((box.right - box.left) * (box.bottom - box.top) for box in (one, other))
    return wide * tall / (areas - wide * tall)


def plural(label: str) -> str:
    """``wine glass`` -> ``wine glasses``."""
    head, space, noun = label.rpartition(" ")
    if noun in _IRREGULAR:
        return f"{head}{space}{_IRREGULAR[noun]}"
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{label}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{label[:-1]}ies"
    return f"{label}s"
