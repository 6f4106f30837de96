"""Validation of a whole data set: every fault with its file, row, field and rule."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.core.files import sha256_bytes
from openmolmo.core.progress import track
from openmolmo.pictures import Facts
from openmolmo.records.dataset import ParquetDataset
from openmolmo.records.example import Example, ImageRef
from openmolmo.records.folder import open_dataset
from openmolmo.records.jsonl import JsonlDataset
from openmolmo.records.notes import Notes
from openmolmo.records.pictures import picture_bytes, picture_facts
from openmolmo.records.rules import violations

__all__ = ["CheckReport", "Fault", "check_dataset"]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault. ``row``: the line (from 1) of a JSONL file, the row (from 0) of a Parquet shard."""

    file: str
    row: int | None
    field: str | None
    rule: str
    message: str


@dataclass(kw_only=True)
class CheckReport:
    """What was found; ``faults`` holds the first ones, ``fault_count`` counts all."""

    path: str
    limit: int
    examples: int = 0
    annotations: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    fault_count: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """No fault."""
        return self.fault_count == 0

    def add(self, fault: Fault) -> None:
        """Count a fault, and keep it while there is room."""
        self.fault_count += 1
        if len(self.faults) < self.limit:
            self.faults.append(fault)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {"ok": self.ok, **dataclasses.asdict(self), "annotations": dict(self.annotations)}


def check_dataset(path: str | Path, *, limit: int = 50, pictures: bool = True) -> CheckReport:
    """Check everything under ``path`` and keep the first ``limit`` faults.

    ``pictures=False`` leaves the pictures unopened. A path that is no data set at all raises
    :class:`DataError`; everything else is a fault in the report.
    """
    dataset = open_dataset(path, check_shards=False)
    report = CheckReport(path=str(path), limit=limit)
    seen: dict[str, str] = {}
    notes = Notes()
    for index, place, example in _examples(dataset, report):
        report.examples += 1
        for item in example.annotations:
            report.annotations[item.kind] += 1
        notes.add(example, f"{place['file']} row {place['row']}")
        for violation in violations(example):
            name = dataset.field_name(index, violation.field) if isinstance(dataset, JsonlDataset) else violation.field
            report.add(Fault(**place, field=name, rule=violation.rule, message=violation.message))
        if example.id in seen:
            message = f"{example.id!r} is also the id of {seen[example.id]}"
            report.add(Fault(**place, field="id", rule="unique", message=message))
        seen.setdefault(example.id, f"{place['file']} row {place['row']}")
        for number, image in enumerate(example.images):
            if pictures and (image.data is not None or image.path is not None):
                for fault in _picture_faults(image, place, notes.hidden):
                    report.add(fault if number == 0 else _later(fault, number))
    if len(dataset) == 0:
        report.add(Fault(file=_name(dataset), row=None, field=None, rule="empty", message="the data set has no rows"))
    report.notes = list(notes.told())
    return report


def _examples(
    dataset: ParquetDataset | JsonlDataset, report: CheckReport
) -> Iterator[tuple[int, dict[str, Any], Example]]:
    """Every example that can be read, with its index and place; what cannot be read becomes a fault."""
    bad = _bad_shards(dataset, report) if isinstance(dataset, ParquetDataset) else set()
    for index in track(range(len(dataset)), "checking"):
        file, row = dataset.locate(index)
        if file.name in bad:
            continue
        place = {"file": file.name, "row": row}
        try:
            yield index, place, dataset[index]
        except DataError as error:
            if error.row is None:  # the shard, not the row: one fault is enough
                bad.add(file.name)
            report.add(_from_error(error, place if error.row is not None else {"file": file.name, "row": None}))


def _bad_shards(dataset: ParquetDataset, report: CheckReport) -> set[str]:
    """Shards whose rows cannot be read; shards with a wrong hash only are still looked into."""
    bad = set()
    for shard in track(dataset.manifest.shards, "hashing"):
        try:
            dataset.verify_shard(shard)
        except DataError as error:
            report.add(_from_error(error, {"file": shard.name, "row": None}))
            if error.rule != "hash":
                bad.add(shard.name)
    return bad


def _from_error(error: DataError, place: dict[str, Any]) -> Fault:
    return Fault(**place, field=error.field, rule=error.rule or "form", message=error.reason)


def _later(fault: Fault, number: int) -> Fault:
    """A fault of a picture after the first."""
    field = f"images[{number}]" if fault.field in (None, "image") else f"images[{number}].{fault.field}"
    return dataclasses.replace(fault, field=field)


def _picture_faults(image: ImageRef, place: dict[str, Any], hidden: Counter[str]) -> Iterator[Fault]:
    try:
        digest, facts = _facts_of(image.data) if image.data is not None else _facts_of_file(image.path or "")
    except DataError as error:
        yield _from_error(error, place)
        return
    width, height = facts.width, facts.height
    if facts.hidden:
        hidden[image.path or f"{place['file']} row {place['row']}"] += 1
    if image.sha256 not in (None, digest):
        message = f"the picture's sha256 is {digest}, the record says {image.sha256}"
        yield Fault(**place, field="sha256", rule="hash", message=message)
    for side, found, said in (("width", width, image.width), ("height", height, image.height)):
        if said not in (None, found):
            message = f"the picture is {width} x {height}, the record says {side} {said}"
            yield Fault(**place, field=side, rule="size", message=message)


def _facts_of(data: bytes) -> tuple[str, Facts]:
    return sha256_bytes(data), picture_facts(data)


@lru_cache(maxsize=4096)
def _facts_of_file(path: str) -> tuple[str, Facts]:
    """Remembered, since many rows of a JSONL file may speak of one picture."""
    data = picture_bytes(ImageRef(path=path))
    assert data is not None
    return _facts_of(data)


def _name(dataset: ParquetDataset | JsonlDataset) -> str:
    return "manifest.json" if isinstance(dataset, ParquetDataset) else dataset.path.name
