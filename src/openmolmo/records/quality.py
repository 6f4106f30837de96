"""Finds what spoils a data set and leaves it out, by named rules, each with its count.

The rules of one example (``records/rules.py``: points outside the picture, empty texts, wrong counts, ...) go
by the same names as in ``openmolmo data check``. Further ones look at the whole data set: repeats, pictures that
look alike, too many points, too many questions about what is not there.

A point, a mask or an annotation that breaks a rule is left out; an example without any annotation left goes with it.
Rows that cannot be read are counted under ``form``; rows of a JSONL file that ask one question about one picture are
joined.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from openmolmo.core.console import counted
from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.progress import track
from openmolmo.core.rng import derive
from openmolmo.records.codec import annotation_to_dict
from openmolmo.records.example import Annotation, Counting, Example, ImageRef, NotPresent, PointExplanation, Pointing
from openmolmo.records.folder import open_dataset
from openmolmo.records.jsonl import JsonlDataset
from openmolmo.records.pictures import picture_bytes, picture_size
from openmolmo.records.quality_hash import LookAlikes, signature
from openmolmo.records.quality_mend import Joiner, mend
from openmolmo.records.quality_report import QualityReport
from openmolmo.records.readable import Unread, readable
from openmolmo.records.rules import RULES, Violation, violations
from openmolmo.records.shards import write_dataset
from openmolmo.records.stats import stats_of

__all__ = ["QUALITY_RULES", "QualityReport", "QualitySettings", "filter_dataset", "keep_good"]

QUALITY_RULES = {
    **RULES,
    "form": "a row can be read",
    "size": "the size on record is the picture's; otherwise the picture's own is kept",
    "unreadable": "the picture of an example can be opened",
    "too_many_points": "an annotation has no more points than allowed: longer ones do not fit into a sequence",
    "repeat": "the same picture has the same annotation only once",
    "near_duplicate": "a picture does not look like an earlier one that has another file",
    "unbalanced": "of the questions about labels, only so many are about what is not there",
}
"""Every rule by name; the last two work only when they are given a value."""

_FIELD = re.compile(r"annotations\[(\d+)\]\.?")


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


def filter_dataset(path: str | Path, out: Path | None, settings: QualitySettings | None = None) -> QualityReport:
    """Look through a data set; with ``out`` also write what is good as shards into that folder.

    Rows that cannot be read at all count as left out by the rule ``form``.
    """
    dataset = open_dataset(path, check_shards=False)
    if len(dataset) == 0:
        raise DataError(f"{path} has no examples", rule="empty", fix="there is nothing to filter: check the path")
    settings = settings or QualitySettings()
    report = QualityReport(path=str(path))
    keep = _share_to_keep(readable(dataset, Unread(), images=False), settings)
    unread = Unread()
    examples = track(readable(dataset, unread), "filtering", total=len(dataset))
    if isinstance(dataset, JsonlDataset) and "repeat" in settings.rules:
        examples = _joined(examples, Joiner(readable(dataset, Unread())), report)
    good = keep_good(examples, settings, report, keep_not_present=keep)
    if out is None:
        for _ in good:
            pass
    else:
        write_dataset(out, good, made_by={"filtered": str(path), "rules": list(settings.rules)})
    for case in unread.cases:
        report.add("form", "(a row)", case, whole=True)
    return report


def _joined(examples: Iterable[Example], joiner: Joiner, report: QualityReport) -> Iterator[Example]:
    for example in examples:
        whole = joiner.join(example, report)
        if whole is not None:
            yield whole
        else:
            report.removed_examples["(no annotation left)"] += 1


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
        self._sizes: dict[bytes, tuple[int, int]] = {}
        self._alike = LookAlikes(settings.near) if settings.near is not None else None

    def pass_on(self, example: Example) -> Example | None:
        """The example as it may stay, or None."""
        picture = self._picture(example)
        if picture is None:
            return None
        example = self._sized(example, picture)
        whole = self._mended(example)
        if whole is None:
            return None
        kept = [item for item in whole if self._stays(example, item, picture)]
        if not kept:
            self.report.removed_examples["(no annotation left)"] += 1
            return None
        if tuple(kept) == example.annotations:
            return example
        return example.replace(annotations=tuple(kept))

    def _drop(self, rule: str, example: Example, what: str) -> None:
        self.report.add(rule, example.id, what, annotations=len(example.annotations), whole=True)

    def _mended(self, example: Example) -> list[Annotation] | None:
        """The annotations without what breaks a rule of one example; None if the example as a whole does."""
        broken: dict[int, list[Violation]] = {}
        for violation in violations(example):
            if violation.rule not in self.settings.rules:
                continue
            place = _FIELD.match(violation.field)
            if place is None:
                self._drop(violation.rule, example, f"{violation.field}: {violation.message}")
                return None
            broken.setdefault(int(place[1]), []).append(violation)
        kept = []
        for number, item in enumerate(example.annotations):
            found = broken.get(number, [])
            mended = mend(item, [_FIELD.sub("", violation.field) for violation in found]) if found else item
            if mended is not None:
                kept.append(mended)
            for violation in found if mended is not None else found[:1]:
                what = f"{violation.field}: {violation.message}"
                lost = mended is None
                self.report.add(violation.rule, example.id, what, annotations=int(lost), parts=int(not lost))
        return kept

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
            if image.sha256 not in (None, key.hex()):
                raise DataError(f"the picture's sha256 is {key.hex()}, the record says {image.sha256}")
            if key not in self._pictures:
                if "unreadable" in self.settings.rules or self._alike is not None:
                    self._sizes[key] = picture_size(data)
                self._pictures[key] = self._lookalike(example, data)
        except DataError as error:  # whatever the rules are: what is kept has its picture
            self._drop("unreadable", example, error.reason)
            return None
        other = self._pictures[key]
        if other is not None and not example.more_images:
            self._drop("near_duplicate", example, f"looks like {other}")
            return None
        return key

    def _sized(self, example: Example, picture: bytes) -> Example:
        """With the picture's own size where the record says another: points are percent, and stay where they are."""
        image, size = example.image, self._sizes.get(picture)
        if image is None or size is None or "size" not in self.settings.rules:
            return example
        if image.width in (None, size[0]) and image.height in (None, size[1]):
            return example
        what = f"the picture is {size[0]} x {size[1]}, the record says {image.width} x {image.height}"
        self.report.add("size", example.id, what, parts=1)
        return example.replace(image=dataclasses.replace(image, width=size[0], height=size[1]))

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
            report.add("too_many_points", example.id, counted(points, "point"), annotations=1)
            return False
        if "repeat" in rules and not self._is_new(item, picture):
            report.add("repeat", example.id, f"a {item.kind} that this picture has already", annotations=1)
            return False
        if "unbalanced" in rules and isinstance(item, NotPresent) and not self._chosen(example, item):
            report.add("unbalanced", example.id, item.label, annotations=1)
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


def _share_to_keep(examples: Iterable[Example], settings: QualitySettings) -> float:
    """The share of questions about absent things that may stay, from a first look at all labels."""
    if settings.not_present is None or "unbalanced" not in settings.rules:
        return 1.0
    stats = stats_of(examples)
    absent = sum(row[2] for row in stats.labels.values())
    there = sum(row[0] for row in stats.labels.values()) - absent
    allowed = settings.not_present / (1 - settings.not_present) * there
    return min(1.0, allowed / absent) if absent else 1.0
