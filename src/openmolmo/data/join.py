"""Pictures and annotations as shards: joined by picture, without repeats, with nothing on both sides of a split.

    report = join(source, Path("points"), store=ImageStore("pixmo"), validation=0.01, held_out=hashes)

Two passes: the first finds the hash of every example's picture, the second writes one example for each picture.
The same picture under several addresses is one picture. Only the hashes are held in memory.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.files import sha256_bytes, sha256_file
from openmolmo.core.progress import track
from openmolmo.engine.download.store import ImageStore
from openmolmo.pictures import header_size
from openmolmo.records.codec import annotation_to_dict, provenance_to_dict
from openmolmo.records.example import Annotation, Example, ImageRef, Made, Provenance, Split
from openmolmo.records.folder import open_dataset
from openmolmo.records.pictures import unreadable_as_fault
from openmolmo.records.shards import write_dataset

__all__ = ["Examples", "JoinReport", "join", "read_held_out", "split_of"]

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_RANK: dict[str, int] = {"train": 0, "validation": 1, "test": 2}
_NAMES: tuple[Split, ...] = ("train", "validation", "test")


class Examples(Protocol):
    """Anything with a length and examples by index: a data set folder, a JSONL file, a published set."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Example: ...


@dataclass(kw_only=True)
class JoinReport:
    """What came in, what went out, and what was left out."""

    rows: int = 0
    examples: int = 0
    pictures: int = 0
    annotations: int = 0
    repeats: int = 0
    """Annotations that their picture had already."""
    missing: int = 0
    """Examples whose picture is not there."""
    held_out: int = 0
    """Examples whose picture is held out."""
    splits: Counter[str] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {**vars(self), "splits": dict(self.splits)}


def join(
    source: Examples,
    out: Path,
    *,
    store: ImageStore | None = None,
    validation: float | None = None,
    held_out: frozenset[str] = frozenset(),
    rows_per_shard: int = 1024,
) -> JoinReport:
    """Write ``source`` as a data set folder and say what happened.

    ``store`` has the pictures of URLs. ``validation``: this share of the pictures, chosen by their hash, is for
    validation and the rest for training, whatever the examples say; pictures for testing stay so. Without it the
    examples' own splits are kept, and a picture that stands on several sides goes to the strictest (test, then
    validation). ``held_out``: hashes and URLs of pictures to leave out (see :func:`read_held_out`).

    Raises:
        ConfigError: ``validation`` is not in [0, 1).
        DataError: a picture that should be there is not the one on record, or nothing is left.
    """
    if validation is not None and not 0 <= validation < 1:
        raise ConfigError(f"validation={validation} must be at least 0 and less than 1")
    report = JoinReport(rows=len(source))
    plan = _Plan(store, held_out, report)
    for index in track(range(len(source)), "hashing", total=len(source)):
        plan.add(index, source[index])
    if not plan.groups:
        raise DataError(
            f"nothing is left of {report.rows} examples: {report.missing} without a picture, "
            f"{report.held_out} held out",
            fix="fetch the pictures first: openmolmo download",
        )
    examples = _joined(source, plan, validation, report)
    made_by = {"joined": getattr(source, "name", ""), "rows": report.rows, "validation": validation}
    write_dataset(out, examples, rows_per_shard=rows_per_shard, made_by=made_by)
    return report


def split_of(digest: str, validation: float) -> Split:
    """Where a picture belongs, by its hash alone: the same on every machine and in every data set."""
    return "validation" if int(digest[:8], 16) / 2**32 < validation else "train"


def read_held_out(paths: Iterable[Path], store: ImageStore | None = None) -> frozenset[str]:
    """Hashes and URLs of pictures to hold out: of data sets, and of text files with one hash or URL a line."""
    found: set[str] = set()
    for path in paths:
        if path.suffix == ".txt":
            lines = (line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines())
            found.update(line.lower() if _SHA256.fullmatch(line) else line for line in lines if line)
            continue
        for example in open_dataset(path):
            for image in example.images:
                found.update(filter(None, (_digest(image, store), image.url)))
    return frozenset(found)


class _Plan:
    """Which examples make one: those with the same picture (by hash) and the same origin."""

    def __init__(self, store: ImageStore | None, held_out: frozenset[str], report: JoinReport) -> None:
        self.store, self._held_out, self._report = store, held_out, report
        self.groups: dict[bytes, list[int]] = {}
        self._rank: dict[str, int] = {}
        self._linked: dict[str, str] = {}  # a picture -> one that some example shows beside it

    def add(self, index: int, example: Example) -> None:
        """Note where one example belongs."""
        digests = [_digest(image, self.store) for image in example.images]
        known = {mark for image, own in zip(example.images, digests, strict=True) for mark in _marks(image, own)}
        if self._held_out and not self._held_out.isdisjoint(known):
            self._report.held_out += 1
            return
        found = [digest for digest in digests if digest is not None]
        if len(found) < len(digests):
            self._report.missing += 1
            return
        for digest in found:
            stands = self.together(digest)
            self._rank[stands] = max(self._rank.get(stands, 0), _RANK[example.split])
            one, other = self.together(found[0]), self.together(digest)
            if one != other:
                self._linked[max(one, other)] = min(one, other)
                self._rank[min(one, other)] = max(self._rank[one], self._rank[other])
        self.groups.setdefault(_key(example, found, index), []).append(index)

    def together(self, digest: str) -> str:
        """The picture that stands for all that must be on one side of a split with this one."""
        while digest in self._linked:
            digest = self._linked[digest]
        return digest

    def rank(self, digest: str, split: str) -> int:
        """The highest rank of all of them; that of ``split`` for what is no picture."""
        return self._rank.get(self.together(digest), _RANK[split])


def _marks(image: ImageRef, digest: str | None) -> tuple[str | None, ...]:
    return digest, image.url, image.sha256


def _key(example: Example, digests: Sequence[str], index: int) -> bytes:
    """Examples are joined only if all but their annotations is the same."""
    origin = provenance_to_dict(example.provenance)
    del origin["made"]
    parts = [" ".join(digests) or f"text {index}", json.dumps([origin, example.facts], sort_keys=True)]
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).digest()


def _digest(image: ImageRef, store: ImageStore | None) -> str | None:
    """The hash of a picture that is there; None if it is not."""
    if image.data is not None:
        return sha256_bytes(image.data)
    if image.path is not None:
        path = Path(image.path)
        if not path.is_file():
            return None
        return path.stem if store is not None and store.holds(path) else sha256_file(path)
    return store.sha256(image.url) if store is not None and image.url is not None else None


def _joined(source: Examples, plan: _Plan, validation: float | None, report: JoinReport) -> Iterator[Example]:
    for numbers in track(plan.groups.values(), "writing", total=len(plan.groups)):
        examples = [source[number] for number in numbers]
        first = examples[0]
        images = [_filled(image, plan.store) for image in first.images]
        digest = plan.together(images[0].sha256 or "") if images else sha256_bytes(first.id.encode())
        rank = plan.rank(digest, first.split)
        split = _NAMES[rank] if validation is None or rank == _RANK["test"] else split_of(digest, validation)
        annotations = _distinct(examples)
        report.examples += 1
        report.pictures += len(images)
        report.annotations += len(annotations)
        report.repeats += sum(len(example.annotations) for example in examples) - len(annotations)
        report.splits[split] += 1
        yield first.replace(images=images, annotations=annotations, provenance=_origin(examples), split=split)


def _filled(image: ImageRef, store: ImageStore | None) -> ImageRef:
    """The picture with its bytes, size and hash; damage since the download is a :class:`DataError`."""
    data = image.data
    if data is None:
        path = Path(image.path) if image.path is not None else store and image.url and store.path(image.url)
        assert path
        data = path.read_bytes()
    digest = sha256_bytes(data)
    if image.sha256 not in (None, digest):
        said = f"the picture has sha256 {digest}, the record says {image.sha256}"
        raise DataError(said, file=image.path or image.url, field="sha256", rule="hash")
    with unreadable_as_fault():
        width, height = header_size(data)  # the store has decoded it once already
    return dataclasses.replace(image, data=data, path=None, width=width, height=height, sha256=digest)


def _distinct(examples: list[Example]) -> tuple[Annotation, ...]:
    """All annotations in order, each once."""
    seen: dict[str, Annotation] = {}
    for example in examples:
        for item in example.annotations:
            seen.setdefault(json.dumps(annotation_to_dict(item), sort_keys=True), item)
    return tuple(seen.values())


def _origin(examples: list[Example]) -> Provenance:
    """The common origin. A kind that was made in several ways has all of them, so that the audit sees the worst."""
    made: dict[str, tuple[Made, ...]] = {}
    for example in examples:
        for kind, ways in example.provenance.made.items():
            known = made.get(kind, ())
            made[kind] = (*known, *(how for how in ways if how not in known))
    return dataclasses.replace(examples[0].provenance, made=made)
