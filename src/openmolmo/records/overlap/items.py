"""What is compared: pictures and texts of a data set, or the pictures of a folder, one example at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from openmolmo.core.errors import DataError
from openmolmo.pictures.folders import pictures_in
from openmolmo.records.example import (
    Annotation,
    Caption,
    Counting,
    Dialogue,
    Example,
    ImageRef,
    NotPresent,
    PointExplanation,
    Pointing,
    QuestionAnswer,
    Transcript,
)
from openmolmo.records.folder import open_dataset
from openmolmo.records.manifest import MANIFEST
from openmolmo.records.readable import Unread, readable

__all__ = ["Item", "Side", "open_side"]


@dataclass(frozen=True, slots=True)
class Item:
    """One example: its pictures, and its texts as (role, text) where the role is question, answer, caption, ..."""

    id: str
    pictures: tuple[ImageRef, ...]
    texts: tuple[tuple[str, str], ...] = ()


class Side:
    """One of the two sets, read as a stream; ``unread`` grows by what cannot be read."""

    def __init__(self, path: Path, split: str | None) -> None:
        self.path, self.split, self.unread = path, split, Unread()
        folder = path.is_dir() and not (path / MANIFEST).exists() and not any(path.glob("*.jsonl"))
        self._pictures = pictures_in(path).paths if folder else None
        if self._pictures is not None:
            if not self._pictures:
                raise DataError(f"{path} has neither a data set nor a picture", fix="check the path")
            if split is not None:
                raise DataError(
                    f"{path} is a folder of pictures, which has no split {split}", fix="leave the split out"
                )
            self._dataset = None
        else:
            self._dataset = open_dataset(path, check_shards=False)

    def __len__(self) -> int:
        """Examples, those of other splits too."""
        return len(self._dataset) if self._dataset is not None else len(self._pictures or ())

    def __iter__(self) -> Iterator[Item]:
        if self._dataset is None:
            for path in self._pictures or ():
                yield Item(path.relative_to(self.path).as_posix(), (ImageRef(path=str(path)),))
            return
        for example in readable(self._dataset, self.unread):
            if self.split in (None, example.split):
                yield Item(example.id, example.images, tuple(_texts(example)))


def open_side(path: str | Path, split: str | None = None) -> Side:
    """A data set (of one ``split``) or a folder of pictures. Raises DataError where it is neither."""
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path} does not exist", fix="name a data set, a JSONL file or a folder of pictures")
    return Side(path, split)


def _texts(example: Example) -> Iterator[tuple[str, str]]:
    for annotation in example.annotations:
        yield from ((role, text) for role, text in _of(annotation) if text.strip())


def _of(item: Annotation) -> Iterator[tuple[str, str]]:
    match item:
        case Caption() | Transcript():
            yield item.kind, item.text
        case QuestionAnswer():
            yield "question", item.question
            yield from (("answer", answer) for answer in dict.fromkeys(item.answers or item.options))
        case PointExplanation():
            yield "question", item.question
            yield "answer", item.answer
        case Pointing() | Counting() | NotPresent():
            yield "label", item.label
            if item.question:
                yield "question", item.question
        case Dialogue():
            yield from (("answer" if number % 2 else "question", turn) for number, turn in enumerate(item.turns))
