"""The questions of a benchmark, and where their pictures are: those are read again when a question is asked.

What is missing or cannot be used is listed, never left out in silence.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.files import sha256_bytes
from openmolmo.core.rng import derive
from openmolmo.data.sources.base import SOURCES
from openmolmo.data.sources.published import PublishedSet
from openmolmo.data.sources.published_source import PublishedSource, SourceRow
from openmolmo.data.sources.reading import size_of
from openmolmo.evaluation.benchmarks.base import Asked, Benchmark, RequestSettings
from openmolmo.evaluation.tasks.base import Question
from openmolmo.records.example import ImageRef, Split

__all__ = ["Item", "Loaded", "Places", "load_questions"]

_HELD = 64  # rows with their pictures that are kept: the next question is about the same picture more often than not


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where data are: ``data`` has a folder for each published set (None: the hub), ``images`` the fetched pictures."""

    data: Path | None = None
    images: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A question, the row that it comes from (``part`` of the benchmark, index in it, place in the row), how it is
    asked of a model without tags, and its published number. Its pictures have sizes and hashes, no bytes.
    """

    question: Question
    part: int
    row: int
    place: int
    instruction: str
    key: str | int | None = None

    @property
    def hidden(self) -> bool:
        """Whether the answer is with a server."""
        return self.question.truth is None


@dataclass(kw_only=True)
class Loaded:
    """The questions of one benchmark: ``faults`` are rows that cannot be used, ``missing`` whole parts that are not
    there, ``lost`` rows whose picture was never fetched; ``settings`` as they are in force. ``files``: pictures of
    rows (part, index) that are files, for which no row need be read again.
    """

    benchmark: Benchmark
    split: Split
    settings: RequestSettings
    items: list[Item] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    lost: int = 0
    limit: int | None = None
    sources: dict[int, PublishedSource] = field(default_factory=dict)
    files: dict[tuple[int, int], ImageRef] = field(default_factory=dict)
    _held: dict[tuple[int, int], SourceRow] = field(default_factory=dict)

    @property
    def expected(self) -> int | None:
        """The number of questions that the split has."""
        return self.benchmark.splits[self.split]

    def images(self, item: Item) -> tuple[ImageRef, ...]:
        """A question's pictures, with bytes or path. DataError of the field ``image`` where they cannot be made."""
        if self.settings.pictures == "first" and (item.part, item.row) in self.files:
            return (self.files[item.part, item.row],)
        row = self._held.get((item.part, item.row))
        if row is None:
            row = self._held[item.part, item.row] = self.sources[item.part].row(item.row)
            if len(self._held) > _HELD:
                self._held.pop(next(iter(self._held)))
        if self.settings.pictures == "all":
            asked = next(itertools.islice(self.benchmark.ask(row, self.settings), item.place, None))
            if asked.images:
                return asked.images
        image = row.picture()
        if image is None:
            raise DataError("the row has no picture", row=row.number, field="image")
        return (image,)


def load_questions(
    benchmark: Benchmark,
    places: Places,
    *,
    split: Split | None = None,
    settings: RequestSettings | None = None,
    limit: int | None = None,
) -> Loaded:
    """Read a benchmark's rows; of more than ``limit`` questions as many drawn at random, always the same.

    Raises DataError where the set is not there or has not the columns that it should have.
    """
    chosen = split or benchmark.split
    if chosen not in benchmark.splits:
        raise ConfigError(f"{benchmark.name} has no split {chosen!r}", fix=f"known: {', '.join(benchmark.splits)}")
    loaded = Loaded(benchmark=benchmark, split=chosen, settings=settings or benchmark.settings, limit=limit)
    fault: DataError | None = None
    for number, part in enumerate(benchmark.parts or (None,)):
        try:
            loaded.sources[number] = source = _open(benchmark, chosen, part, places)
        except DataError as error:
            fault = error
            loaded.missing[part or chosen] = error.message
            continue
        loaded.lost += source.dropped.get("picture not fetched", 0)
    if not loaded.sources:
        assert fault is not None
        raise fault
    _read(loaded)
    return loaded


def _open(benchmark: Benchmark, split: Split, part: str | None, places: Places) -> PublishedSource:
    declared = SOURCES.get(benchmark.source)
    assert isinstance(declared, PublishedSet), f"{benchmark.source} is no published set"
    options: dict[str, Any] = {"split": split, "form": benchmark.form, "config": part, "grouped": False}
    if places.data is not None:
        options["path"] = str(places.data / benchmark.source)
    elif benchmark.repo is not None:
        options["repo"] = benchmark.repo
    if places.images is not None and any(layout.url is not None for layout in declared.layouts):
        options["images"] = str(places.images)
    return declared(**options)


def _read(loaded: Loaded) -> None:
    rows = [(part, row) for part, source in loaded.sources.items() for row in range(len(source))]
    order = range(len(rows))
    if loaded.limit is not None and loaded.limit < len(rows):
        order = np.sort(derive(0, "limit", loaded.benchmark.name).permutation(len(rows))[: loaded.limit]).tolist()
    for place in order:
        part, row = rows[place]
        try:
            loaded.items += _items(loaded, part, row)
        except DataError as error:
            if error.rule == "column names" or not _is_one_of_many(error):
                raise
            loaded.faults.append(error.message)
        if loaded.limit is not None and len(loaded.items) >= loaded.limit:
            del loaded.items[loaded.limit :]
            break


def _is_one_of_many(error: DataError) -> bool:
    """Whether it is the row that is at fault, not the whole set."""
    return error.field != "boxes" and error.rule != "fetched"


def _items(loaded: Loaded, part: int, index: int) -> list[Item]:
    row = loaded.sources[part].row(index)
    image, alike, file = _light(row)
    if file is not None:
        loaded.files[part, index] = file
    try:
        asked = list(loaded.benchmark.ask(row, loaded.settings))
    except (KeyError, TypeError, ValueError, IndexError) as error:  # values that the columns' types let through
        raise DataError(f"row {row.number} cannot be asked: {type(error).__name__} {error}", row=row.number) from error
    first = f"{row.reading.config}-" if row.reading.config else ""
    tail = f"-{row.part:02d}" if row.layout.parts else ""
    made = []
    for place, one in enumerate(asked):
        name = f"{first}{row.number:06d}{tail}" + (f"-{place}" if len(asked) > 1 else "")
        instruction = loaded.settings.instruction if one.instruction is None else one.instruction
        question = _question(loaded.settings, one, name, image, alike)
        made.append(Item(question=question, part=part, row=index, place=place, instruction=instruction, key=one.key))
    return made


def _question(settings: RequestSettings, asked: Asked, name: str, image: ImageRef, alike: str) -> Question:
    rest = tuple(_known(other)[0] for other in asked.images[1:])
    return Question(
        id=name,
        example_id=alike,
        image=image,
        more_images=rest,
        text=asked.text,
        truth=asked.truth,
        reply=asked.reply,
        style=asked.style or settings.style,
        max_new_tokens=settings.max_new_tokens,
        max_crops=settings.max_crops,
        group=asked.group,
    )


def _light(row: SourceRow) -> tuple[ImageRef, str, ImageRef | None]:
    """The row's picture without its bytes, what it has in common with other rows about it, and itself as a file."""
    try:
        image = row.picture()
        if image is None:
            raise DataError("the row has no picture", row=row.number, field="image")
        if image.data is None and image.path is None:
            raise DataError(
                f"the pictures come by address, such as {image.url}, and are not on this machine",
                rule="fetched",
                fix="fetch them (openmolmo download) and give their folder: --images FOLDER",
            )
        return *_known(image), image if image.data is None else None
    except DataError as error:
        if error.rule == "fetched":
            raise
        return ImageRef(), f"row {row.number}", None  # told of when it is asked about


def _known(image: ImageRef) -> tuple[ImageRef, str]:
    mark = sha256_bytes(image.data if image.data is not None else str(image.path).encode())
    try:
        size = size_of(image)
    except DataError:
        size = None
    width, height = size or (None, None)
    return ImageRef(width=width, height=height, sha256=mark), mark[:16]
