"""An opened published set: which rows make which example, and the examples themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, cast

import numpy as np

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.rng import derive
from openmolmo.data.sources.columns import Row, check_row
from openmolmo.data.sources.images import ImageFinder
from openmolmo.data.sources.layout import Declared, Layout
from openmolmo.data.sources.reading import Reading, picture_of
from openmolmo.data.sources.rows import Rows
from openmolmo.records.example import Annotation, Example, ImageRef, Made, Provenance, Split

__all__ = ["PublishedSource", "SourceRow", "examples_in_order"]


@dataclass(frozen=True, kw_only=True)
class SourceRow:
    """One row as it is published: its columns, checked; its place in the set; the part of it, where it has several."""

    values: Row
    number: int
    part: int
    reading: Reading
    layout: Layout
    finder: ImageFinder | None

    def picture(self) -> ImageRef | None:
        """The row's picture; a DataError where it cannot be read or made."""
        return _picture(self.layout, self.values, replace(self.reading, part=self.part), self.finder)


class PublishedSource:
    """Examples by index. ``dropped`` says how many rows were left out, and why."""

    def __init__(
        self,
        declared: Declared,
        layout: Layout,
        rows: Rows,
        reading: Reading,
        finder: ImageFinder | None,
        **how: Any,
    ) -> None:
        self.declared, self._layout, self._rows, self._reading, self._finder = declared, layout, rows, reading, finder
        self.name = "-".join(filter(None, (declared.name, reading.config, reading.form)))
        self.dropped: dict[str, int] = {}
        try:
            self._index(**how)
        except (TypeError, AttributeError):
            self._name_fault()
            raise

    @property
    def fingerprint(self) -> str:
        """Depends on the files, on the options, and on which examples are used."""
        used = hashlib.sha256(self._order.tobytes() + self._starts.tobytes() + self._parts.tobytes()).hexdigest()[:16]
        parts = [self.declared.version, self.name, self._reading.split, self._rows.fingerprint, used]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, index: int) -> Example:
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} is outside 0..{len(self) - 1}")
        numbers = [int(number) for number in self._order[self._starts[index] : self._starts[index + 1]]]
        part = int(self._parts[index]) if len(self._parts) else 0
        rows = [self._rows[number] for number in numbers]
        for number, row in zip(numbers, rows, strict=True):
            check_row(row, self._layout.columns, file=self._rows.name, number=number)
        try:
            return make_example(self.declared, self._layout, rows, numbers[0], part, self._reading, self._finder)
        except DataError as error:
            raise _placed(error, self._rows.name, numbers[0]) from error

    def row(self, index: int) -> SourceRow:
        """The first row of an example, for those who ask in words of their own; with ``grouped=False`` it is the only
        one. DataError where it is not as declared."""
        number = int(self._order[self._starts[index]])
        values = self._rows[number]
        check_row(values, self._layout.columns, file=self._rows.name, number=number)
        part = int(self._parts[index]) if len(self._parts) else 0
        made = {"reading": self._reading, "layout": self._layout, "finder": self._finder}
        return SourceRow(values=values, number=number, part=part, **made)  # type: ignore[arg-type]

    # -------------------------------------------------------------------------------- index

    def _index(self, *, grouped: bool = True, limit: int | None = None, fraction: float | None = None) -> None:
        if limit is not None and limit < 1:
            raise ConfigError(f"limit={limit} must be at least 1")
        if fraction is not None and not 0 < fraction <= 1:
            raise ConfigError(f"fraction={fraction} must be above 0 and at most 1")
        if len(self._rows):
            check_row(self._rows[0], self._layout.columns, file=self._rows.name, number=0)
        order = np.flatnonzero(self._kept())
        self._parts = np.zeros(0, np.int64)
        if self._layout.parts is not None:
            lists = self._rows.column(self._layout.parts)
            lengths = np.array([len(lists[number]) for number in order], np.int64)
            self._parts = np.concatenate([np.arange(n) for n in lengths]) if len(lengths) else self._parts
            order = np.repeat(order, lengths)
            starts = np.arange(len(order) + 1)
        elif self._layout.group and grouped:
            values = zip(*(self._rows.column(name) for name in self._layout.group), strict=True)
            order, starts = _grouped(order, list(values))
        else:
            starts = np.arange(len(order) + 1)
        self._order, self._starts = order, starts
        self._choose(limit, fraction)

    def _name_fault(self) -> None:
        """Raise DataError for the first row that the index cannot use; nothing when every row fits."""
        layout = self._layout
        used = [name for name in (*layout.keep_columns, *layout.group, layout.url, layout.parts) if name is not None]
        columns = {name: layout.columns[name] for name in used if name in layout.columns}
        values = {name: self._rows.column(name) for name in columns}
        for number in range(len(self._rows)):
            row = {name: values[name][number] for name in columns}
            check_row(row, columns, file=self._rows.name, number=number)

    def _choose(self, limit: int | None, fraction: float | None) -> None:
        """Keep the first ``limit`` examples, or a random ``fraction`` that is the same each time."""
        count = len(self._starts) - 1
        if fraction is not None:
            size = max(1, round(count * fraction)) if count else 0
            chosen = np.sort(derive(0, "fraction", self.declared.name).permutation(count)[:size])
        else:
            chosen = np.arange(min(count, limit or count))
        if len(chosen) == count:
            return
        pieces = [self._order[self._starts[i] : self._starts[i + 1]] for i in chosen]
        self._order = np.concatenate(pieces) if pieces else self._order[:0]
        self._starts = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])]).astype(np.int64)
        self._parts = self._parts[chosen] if len(self._parts) else self._parts

    def _kept(self) -> np.ndarray:
        """Which rows are used; the others are counted in ``dropped``."""
        kept = np.ones(len(self._rows), bool)
        layout = self._layout
        if layout.keep is not None:
            columns = {name: self._rows.column(name) for name in layout.keep_columns}
            fits = [
                layout.keep(dict(zip(columns, values, strict=True)), self._reading)
                for values in zip(*columns.values(), strict=True)
            ]
            kept &= self._drop("not of this form, or not usable", np.array(fits, bool), kept)
        if layout.keep_pictures and isinstance(layout.picture, str):
            there = np.array(self._rows.present(layout.picture), bool)
            kept &= self._drop("without a picture", there, kept)
        if layout.url is not None and self._finder is not None:
            urls = self._rows.column(layout.url)
            found = {url: self._finder.path(url) is not None for url in dict.fromkeys(urls)}
            kept &= self._drop("picture not fetched", np.array([found[url] for url in urls], bool), kept)
        return kept

    def _drop(self, reason: str, fits: np.ndarray, kept: np.ndarray) -> np.ndarray:
        lost = int((kept & ~fits).sum())
        if lost:
            self.dropped[reason] = lost
        return fits


def _grouped(order: np.ndarray, values: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the same values side by side, groups and rows in the order of the file; and where groups start."""
    codes: dict[Any, int] = {}
    group = np.array([codes.setdefault(values[number], len(codes)) for number in order], np.int64)
    sorting = np.argsort(group, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(group, minlength=len(codes)))]).astype(np.int64)
    return order[sorting], starts


def examples_in_order(
    declared: Declared,
    layout: Layout,
    rows: Iterator[Mapping[str, Any]],
    reading: Reading,
    finder: ImageFinder | None,
    *,
    start: int,
    name: str,
) -> Iterator[Example]:
    """The examples of rows as they come, the first of which has number ``start``.

    A row that does not fit ends the stream with a DataError, after the examples before it.
    """
    faults: list[DataError] = []

    def usable() -> Iterator[tuple[int, Row]]:
        for number, row in enumerate(rows, start=start):
            try:
                check_row(row, layout.columns, file=name, number=number)
            except DataError as fault:
                faults.append(fault)
                return
            if layout.keep is not None and not layout.keep(row, reading):
                continue
            if layout.keep_pictures and isinstance(layout.picture, str) and row[layout.picture] is None:
                continue
            if layout.url is not None and finder is not None and finder.path(row[layout.url]) is None:
                continue
            yield number, row

    key = layout.group
    for _, together in groupby(usable(), key=lambda item: [item[1][name] for name in key] if key else item[0]):
        numbered = list(together)
        first, row = numbered[0]
        for part in range(len(row[layout.parts]) if layout.parts else 1):
            try:
                example = make_example(declared, layout, [row for _, row in numbered], first, part, reading, finder)
            except DataError as error:
                raise _placed(error, name, first) from error
            yield example
    if faults:
        raise faults[0]


def make_example(
    declared: Declared,
    layout: Layout,
    rows: list[Any],
    number: int,
    part: int,
    reading: Reading,
    finder: ImageFinder | None,
) -> Example:
    """The example of rows about one picture; ``number`` is the first row's place in the set."""
    reading = replace(reading, part=part)
    image = _picture(layout, rows[0], reading, finder)
    reading = replace(reading, image=image)
    annotations: list[Annotation] = [item for row in rows for item in layout.annotate(row, reading)]
    if not annotations:
        raise DataError(
            f"the row gives nothing to ask (form={reading.form}, split={reading.split})", rule="annotations"
        )
    made: dict[str, tuple[Made, ...]] = {}
    for row in rows:
        for kind, how in (layout.made(row) if layout.made else declared.made).items():
            made[kind] = tuple(dict.fromkeys((*made.get(kind, ()), *how)))
    kinds = {item.kind for item in annotations}
    tail = f"-{part:02d}" if layout.parts else ""
    return Example(
        id=f"{'-'.join(filter(None, (declared.name, reading.config, reading.split)))}-{number:08d}{tail}",
        image=image,
        annotations=tuple(annotations),
        provenance=Provenance(
            dataset=declared.name,
            licence=declared.licence,
            made={kind: how for kind, how in made.items() if kind in kinds},
            image="text only" if image is None else declared.picture,
        ),
        split=cast(Split, reading.split),
        facts={name: rows[0][name] for name in layout.facts if rows[0].get(name) is not None},
    )


def _picture(layout: Layout, row: Row, reading: Reading, finder: ImageFinder | None) -> ImageRef | None:
    if layout.url is not None:
        url, digest = row[layout.url], row.get("image_sha256")
        found = None if finder is None else finder.path(url)
        return ImageRef(path=None if found is None else str(found), url=url, sha256=digest)
    if callable(layout.picture):
        return layout.picture(row, reading)
    return None if layout.picture is None else picture_of(row[layout.picture], reading.folder)


def _placed(error: DataError, file: str, row: int) -> DataError:
    if error.file is not None:
        return error
    return DataError(error.reason, file=file, row=row, field=error.field, rule=error.rule, fix=error.fix)
