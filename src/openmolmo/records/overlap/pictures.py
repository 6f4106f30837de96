"""Pictures of the test set, found again: the same file, the same address, or one that looks alike."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from openmolmo.core.errors import DataError
from openmolmo.core.files import sha256_bytes
from openmolmo.records.example import ImageRef
from openmolmo.records.pictures import picture_bytes, unreadable_as_fault
from openmolmo.records.quality_hash import LookAlikes, Signature, signature

__all__ = ["KINDS", "PictureIndex", "Seen"]

KINDS = {"file": "the same file", "address": "the same address", "alike": "looks alike"}
"""How two pictures can be one, the surest first."""

_PLAIN = 8  # bits of a signature that are set, under which a picture has too little in it to be told from others
_RECENT = 4096  # pictures whose signature is remembered: questions about one picture follow one another


@dataclass(slots=True)
class Seen:
    """One picture of the test set, and the training example that has it, by kind."""

    examples: list[str] = field(default_factory=list)
    found: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str | None:
        """The surest kind in which it was found."""
        return next((kind for kind in KINDS if kind in self.found), None)


class PictureIndex:
    """The pictures of the test set; its size, not that of the training set, is what memory is needed for.

    ``near``: bits, of 128, in which pictures that look alike may differ; None compares files and addresses only.
    """

    def __init__(self, near: int | None) -> None:
        self.seen: list[Seen] = []
        self.plain = self.elsewhere = 0
        self.unreadable: list[str] = []
        self._files: dict[str, int] = {}
        self._addresses: dict[str, int] = {}
        self._alike = LookAlikes(near) if near is not None else None
        self._recent: OrderedDict[str, Signature | None] = OrderedDict()

    def add(self, example: str, image: ImageRef) -> int | None:
        """Remember a picture of the test set; its number, or None where it cannot be read."""
        try:
            digest, data = _digest(image)
        except DataError as error:
            self.unreadable.append(f"{example}: {error.reason}")
            return None
        key = digest or image.url or ""
        number = self._files.get(key) if digest else self._addresses.get(key)
        if number is None:
            number = len(self.seen)
            self.seen.append(Seen())
            if digest is not None:
                self._files[digest] = number
            mark = self._signature(key, data, example)
            if mark is not None and self._alike is not None:
                self._alike.add(mark, str(number))
        if image.url is not None:
            self._addresses.setdefault(image.url, number)
        self.seen[number].examples.append(example)
        return number

    def look_up(self, example: str, image: ImageRef) -> bool:
        """Compare a training picture; False where it cannot be read."""
        try:
            digest, data = _digest(image)
        except DataError as error:
            self.unreadable.append(f"{example}: {error.reason}")
            return False
        if digest in self._files:
            self.seen[self._files[digest]].found.setdefault("file", example)
            return True
        if image.url in self._addresses:
            self.seen[self._addresses[image.url]].found.setdefault("address", example)
        mark = self._signature(digest or "", data, example)
        if mark is not None and self._alike is not None:
            for name in self._alike.find_all(mark):
                self.seen[int(name)].found.setdefault("alike", example)
        return True

    def _signature(self, key: str, data: bytes | None, example: str) -> Signature | None:
        """None where there is nothing to compare: no data, no wish to, or a picture that is all but plain."""
        if self._alike is None:
            return None
        if data is None:
            self.elsewhere += 1
            return None
        if key in self._recent:
            self._recent.move_to_end(key)
            return self._recent[key]
        mark: Signature | None = None
        try:
            with unreadable_as_fault():
                mark = signature(data)
        except DataError as error:
            self.unreadable.append(f"{example}: {error.reason}")
        if mark is not None and mark.bits.bit_count() < _PLAIN:
            self.plain += 1
            mark = None
        self._recent[key] = mark
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)
        return mark


def _digest(image: ImageRef) -> tuple[str | None, bytes | None]:
    """(hash, data) of the file; the hash on record where the picture is elsewhere."""
    data = picture_bytes(image)
    if data is None:
        return image.sha256, None
    return sha256_bytes(data), data
