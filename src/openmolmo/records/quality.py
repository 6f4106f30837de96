"""Finds what spoils a data set and leaves it out, by named rules, each with its count.

The rules of one example (``records/rules.py``: points outside the picture, empty texts, wrong counts, ...) go
by the same names as in ``openmolmo data check``. Further ones look at the whole data set: repeats, pictures that
look alike, too many points, too many questions about what is not there.

An annotation that breaks a rule is left out; an example without any annotation left goes with it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.progress import track
from openmolmo.core.rng import derive
from openmolmo.records.codec import annotation_to_dict
from openmolmo.records.example import Annotation, Counting, Example, ImageRef, NotPresent, PointExplanation, Pointing
from openmolmo.records.folder import open_dataset
from openmolmo.records.pictures import picture_bytes, picture_size
from openmolmo.records.quality_hash import LookAlikes, signature
from openmolmo.records.rules import RULES, breaches
from openmolmo.records.shards import write_dataset
from openmolmo.records.stats import stats_of

__all__ = ["QUALITY_RULES", "QualityReport", "QualitySettings", "filter_dataset", "keep_good"]

QUALITY_RULES = {
    **RULES,
    "unreadable": "the picture of an example can be opened",
    "too_many_points": "an annotation has no more points than allowed: longer ones do not fit into a sequence",
    "repeat": "the same picture has the same annotation only once",
    "near_duplicate": "a picture does not look like an earlier one that has another file",
    "unbalanced": "of the questions about labels, only so many are about what is not there",
}
"""Every rule by name; the last two work only when they are given a value."""

_FIELD = re.compile(r"annotations\[(\d+)\]")


@dataclass(frozen=True, kw_only=True)
class QualitySettings:
    """What to look for. ``max_points`` of one annotation; ``near`` bits (of 128) in which pictures that look alike
    may differ; ``not_present``: the largest share of questions about labels that are not there, 0 to 1."""

    rules: tuple[str, ...] = tuple(QUALITY_RULES)
    max_points: int = 40
    near: int | None = None
    not_present: float | None = None

    def __post_init__(self) -> None:
        for name in self.rules:
            if name not in QUALITY_RULES:
                raise ConfigError(f"rules={name!r} is no rule", fix=f"known: {', '.join(QUALITY_RULES)}")
        if self.not_present is not None and not 0 <= self.not_present < 1:
            raise ConfigError(f"not_present={self.not_present} must be at least 0 and less than 1")
        if self.max_points < 1:
            raise ConfigError(f"max_points={self.max_points} must be at least 1")


@dataclass(kw_only=True)
class QualityReport:
    """What was looked at and what was left out: annotations and whole examples by rule, and some of each."""

    path: str = ""
    examples: int = 0
    annotations: int = 0
    kept_examples: int = 0
    kept_annotations: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    removed_examples: Counter[str] = field(default_factory=Counter)
    some: dict[str, list[str]] = field(default_factory=dict)
    """For each rule the first few cases, as "example: what"."""

    def add(self, rule: str, example: str, what: str, *, annotations: int, whole: bool) -> None:
        """Count one case."""
        self.removed[rule] += annotations
        self.removed_examples[rule] += whole
        cases = self.some.setdefault(rule, [])
        if len(cases) < 3:
            cases.append(f"{example}: {what}")

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {**vars(self), "removed": dict(self.removed), "removed_examples": dict(self.removed_examples)}


def filter_dataset(path: str | Path, out: Path | None, settings: QualitySettings | None = None) -> QualityReport:
    """Look through a data set; with ``out`` also write what is good as shards into that folder.

    Rows that cannot be read at all are a :class:`DataError`: ``openmolmo data check`` lists them.
    """
    dataset = open_dataset(path)
    if len(dataset) == 0:
        raise DataError(f"{path} has no examples", rule="empty", fix="there is nothing to filter: check the path")
    settings = settings or QualitySettings()
    report = QualityReport(path=str(path))
    keep = _share_to_keep(dataset, settings)
    good = keep_good(track(dataset, "filtering", total=len(dataset)), settings, report, keep_not_present=keep)
    if out is None:
        for _ in good:
            pass
    else:
        write_dataset(out, good, made_by={"filtered": str(path), "rules": list(settings.rules)})
    return report


def keep_good(
    examples: Iterable[Example], settings: QualitySettings, report: QualityReport, *, keep_not_present: float = 1.0
) -> Iterator[Example]:
    """The examples without what breaks a rule; counts go into ``report`` as the stream is read.

    ``keep_not_present``: the share of questions about absent things to keep, chosen by the example's id and the label.
    """
    sieve = _Sieve(settings, report, keep_not_present)
    for example in examples:
        report.examples += 1
        report.annotations += len(example.annotations)
        kept = sieve.pass_on(example)
        if kept is not None:
            report.kept_examples += 1
            report.kept_annotations += len(kept.annotations)
            yield kept


class _Sieve:
    """What has been seen so far, and the decision about the next example."""

    def __init__(self, settings: QualitySettings, report: QualityReport, keep_not_present: float) -> None:
        self.settings, self.report, self.share = settings, report, keep_not_present
        self._seen: set[bytes] = set()
        self._pictures: dict[bytes, str | None] = {}
        self._alike = LookAlikes(settings.near) if settings.near is not None else None

    def pass_on(self, example: Example) -> Example | None:
        """The example as it may stay, or None."""
        picture = self._picture(example)
        if picture is None:
            return None
        bad = self._broken(example)
        if bad is None:
            return None
        kept = [item for number, item in enumerate(example.annotations) if number not in bad]
        kept = [item for item in kept if self._stays(example, item, picture)]
        if not kept:
            self.report.removed_examples["(no annotation left)"] += 1
            return None
        if len(kept) == len(example.annotations):
            return example
        return example.replace(annotations=tuple(kept))

    def _drop(self, rule: str, example: Example, what: str) -> None:
        self.report.add(rule, example.id, what, annotations=len(example.annotations), whole=True)

    def _broken(self, example: Example) -> set[int] | None:
        """Which annotations break a rule of one example; None if the example as a whole does."""
        bad: set[int] = set()
        for breach in breaches(example):
            if breach.rule not in self.settings.rules:
                continue
            place = _FIELD.match(breach.field)
            if place is None:
                self._drop(breach.rule, example, f"{breach.field}: {breach.message}")
                return None
            number = int(place[1])
            if number not in bad:
                bad.add(number)
                what = f"{breach.field}: {breach.message}"
                self.report.add(breach.rule, example.id, what, annotations=1, whole=False)
        return bad

    def _picture(self, example: Example) -> bytes | None:
        """A key for the pictures; None if the example goes because of one. Looks at pixels only where a rule needs
        it."""
        keys: list[bytes] = []
        for image in example.images:
            key = self._key(example, image)
            if key is None:
                return None
            keys.append(key)
        return b"".join(keys)

    def _key(self, example: Example, image: ImageRef) -> bytes | None:
        try:
            data = picture_bytes(image)
            if data is None:
                return (image.url or "").encode()
            key = hashlib.sha256(data).digest()
            if key not in self._pictures:
                if "unreadable" in self.settings.rules or self._alike is not None:
                    picture_size(data)
                self._pictures[key] = self._lookalike(example, data)
        except DataError as error:
            if "unreadable" in self.settings.rules:
                self._drop("unreadable", example, error.reason)
                return None
            return example.id.encode()
        other = self._pictures[key]
        if other is not None and not example.more_images:
            self._drop("near_duplicate", example, f"looks like {other}")
            return None
        return key

    def _lookalike(self, example: Example, data: bytes) -> str | None:
        """The earlier example whose picture looks like this one; several pictures are alike on purpose."""
        if example.more_images or self._alike is None or "near_duplicate" not in self.settings.rules:
            return None
        mark = signature(data)
        other = self._alike.find(mark)
        if other is None:
            self._alike.add(mark, example.id)
        return other

    def _stays(self, example: Example, item: Annotation, picture: bytes) -> bool:
        """The rules about one annotation that need more than itself."""
        rules, report = self.settings.rules, self.report
        points = _points(item)
        if "too_many_points" in rules and points > self.settings.max_points:
            report.add("too_many_points", example.id, f"{points} points", annotations=1, whole=False)
            return False
        if "repeat" in rules and not self._is_new(item, picture):
            report.add("repeat", example.id, f"a {item.kind} that this picture has already", annotations=1, whole=False)
            return False
        if "unbalanced" in rules and isinstance(item, NotPresent) and not self._chosen(example, item):
            report.add("unbalanced", example.id, item.label, annotations=1, whole=False)
            return False
        return True

    def _chosen(self, example: Example, item: NotPresent) -> bool:
        return self.share >= 1 or derive(0, "balance", example.id, item.label).random() < self.share

    def _is_new(self, item: Annotation, picture: bytes) -> bool:
        text = json.dumps(annotation_to_dict(item), sort_keys=True)
        key = hashlib.blake2b(picture + b"\0" + text.encode(), digest_size=16).digest()
        known = key in self._seen
        self._seen.add(key)
        return not known


def _points(item: Annotation) -> int:
    match item:
        case Pointing() | Counting():
            return len(item.points)
        case PointExplanation():
            return sum(map(len, item.points))
    return 0


def _share_to_keep(dataset: Iterable[Example], settings: QualitySettings) -> float:
    """The share of questions about absent things that may stay, from a first look at all labels."""
    if settings.not_present is None or "unbalanced" not in settings.rules:
        return 1.0
    plain = getattr(dataset, "without_images", None)
    stats = stats_of(plain() if plain is not None else dataset)
    absent = sum(row[2] for row in stats.labels.values())
    there = sum(row[0] for row in stats.labels.values()) - absent
    allowed = settings.not_present / (1 - settings.not_present) * there
    return min(1.0, allowed / absent) if absent else 1.0
