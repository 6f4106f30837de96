"""What a data set holds, in numbers: kinds, labels, points, texts and pictures."""

from __future__ import annotations

import dataclasses
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from openmolmo.core.errors import DataError
from openmolmo.core.progress import track
from openmolmo.records.dataset import ParquetDataset
from openmolmo.records.example import (
    Annotation,
    Caption,
    Counting,
    Dialogue,
    Example,
    NotPresent,
    PointExplanation,
    Pointing,
    QuestionAnswer,
    Transcript,
)
from openmolmo.records.folder import open_dataset
from openmolmo.records.readable import Unread, readable

__all__ = ["DatasetStats", "Spread", "dataset_stats", "stats_of"]


_MOST = 2**63


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How a number is spread: how many there are, mean, least, quartiles, 95th percentile and most."""

    count: int
    mean: float
    least: float
    quarter: float
    median: float
    three_quarters: float
    p95: float
    most: float

    @classmethod
    def of(cls, values: Counter[int]) -> Spread | None:
        """From how often each value occurs; None of nothing."""
        count = values.total()
        if not count:
            return None
        ordered = sorted(values.items())

        def at(share: float) -> float:
            seen = 0
            for value, times in ordered:
                seen += times
                if seen >= share * count:
                    return float(value)
            return float(ordered[-1][0])

        mean = statistics.fmean(values.keys(), values.values())
        least, most = float(ordered[0][0]), float(ordered[-1][0])
        return cls(
            count=count,
            mean=round(mean, 3),
            least=least,
            quarter=at(0.25),
            median=at(0.5),
            three_quarters=at(0.75),
            p95=at(0.95),
            most=most,
        )


@dataclass(frozen=True, kw_only=True)
class DatasetStats:
    """``spreads`` by what they measure; ``labels`` maps a label to (asked for, points, times not there)."""

    path: str
    examples: int
    splits: dict[str, int]
    kinds: dict[str, int]
    styles: dict[str, int]
    spreads: dict[str, Spread]
    labels: dict[str, tuple[int, int, int]]
    datasets: dict[str, int]
    unread: tuple[str, ...] = ()

    @property
    def not_present_share(self) -> float:
        """Of all questions about labels, the share whose label is not there, 0 to 1."""
        asked, _, absent = (sum(column) for column in zip((0, 0, 0), *self.labels.values(), strict=True))
        return absent / asked if asked else 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        spreads = {name: vars(spread) for name, spread in self.spreads.items()}
        labels = {
            label: {"asked": asked, "points": points, "not_present": absent}
            for label, (asked, points, absent) in self.labels.items()
        }
        return {**vars(self), "spreads": spreads, "labels": labels, "not_present_share": self.not_present_share}


def dataset_stats(path: str | Path) -> DatasetStats:
    """Count what a data set holds. Pictures are not read; sizes are those on record. An empty one is a DataError.

    What cannot be read is not counted, and named in ``unread``.
    """
    dataset = open_dataset(path, check_shards=False)
    if len(dataset) == 0:
        raise DataError(f"{path} has no examples", rule="empty", fix="there is nothing to count: check the path")
    sizes = _sizes(dataset) if isinstance(dataset, ParquetDataset) else None
    unread = Unread()
    examples = readable(dataset, unread, images=False)
    found = stats_of(track(examples, "counting", total=len(dataset)), path=str(path), sizes=sizes)
    return dataclasses.replace(found, unread=tuple(unread.cases))


def stats_of(
    examples: Iterable[Example], *, path: str = "", sizes: Iterable[tuple[int | None, int | None]] | None = None
) -> DatasetStats:
    """The same of any examples; ``sizes`` are widths and heights where the examples have no pictures."""
    counter = _Counter()
    for example in examples:
        counter.add(example)
    for width, height in sizes or ():
        counter.size(width, height)
    return counter.result(path)


def _sizes(dataset: ParquetDataset) -> Iterator[tuple[int | None, int | None]]:
    """Width and height on record of every example, without reading a picture."""
    for shard in dataset.manifest.shards:
        try:
            with pq.ParquetFile(dataset.path / shard.name) as file:
                table = file.read(["width", "height"])
                yield from zip(table["width"].to_pylist(), table["height"].to_pylist(), strict=True)
                if "more_images" not in file.schema_arrow.names:
                    continue
                later = file.read([f"more_images.list.element.{side}" for side in ("width", "height")])
                for images in later["more_images"].to_pylist():
                    yield from ((image["width"], image["height"]) for image in images or ())
        except (pa.ArrowException, OSError):  # named by the reading of its rows
            continue


class _Counter:
    """Adds up one example after the other."""

    def __init__(self) -> None:
        self.examples = 0
        self.splits: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.styles: Counter[str] = Counter()
        self.datasets: Counter[str] = Counter()
        self.labels: dict[str, list[int]] = {}
        self.spreads: dict[str, Counter[int]] = {}

    def add(self, example: Example) -> None:
        self.examples += 1
        self.splits[example.split] += 1
        self.datasets[example.provenance.dataset] += 1
        self._spread("annotations per example", len(example.annotations))
        points = 0
        for item in example.annotations:
            self.kinds[item.kind] += 1
            self.styles[item.style] += 1
            points += self._annotation(item)
        if any(isinstance(item, (Pointing, Counting, PointExplanation)) for item in example.annotations):
            self._spread("points per example", points)
        for image in example.images:
            self.size(image.width, image.height)

    def size(self, width: int | None, height: int | None) -> None:
        if width and height:
            self._spread("width, pixels", width)
            self._spread("height, pixels", height)

    def result(self, path: str) -> DatasetStats:
        spreads = {name: Spread.of(values) for name, values in self.spreads.items()}
        labels = sorted(self.labels.items(), key=lambda item: (-item[1][0], item[0]))
        return DatasetStats(
            path=path,
            examples=self.examples,
            splits=dict(self.splits.most_common()),
            kinds=dict(self.kinds.most_common()),
            styles=dict(self.styles.most_common()),
            spreads={name: spread for name, spread in spreads.items() if spread is not None},
            labels={label: (asked, points, absent) for label, (asked, points, absent) in labels},
            datasets=dict(self.datasets.most_common()),
        )

    def _annotation(self, item: Annotation) -> int:
        """Count one annotation; returns its points."""
        match item:
            case Caption() | Transcript():
                self._spread(f"words per {item.kind}", len(item.text.split()))
            case QuestionAnswer():
                self._spread("answers per question", len(item.answers) or 1)
            case Dialogue():
                self._spread("turns per dialogue", len(item.turns))
            case Pointing():
                self._spread("points per pointing", len(item.points))
                self._label(item.label, len(item.points))
                return len(item.points)
            case Counting():
                self._spread("count per counting", item.count)
                self._label(item.label, len(item.points))
                return len(item.points)
            case NotPresent():
                self._label(item.label, 0, absent=1)
            case PointExplanation():
                return sum(map(len, item.points))
        return 0

    def _label(self, label: str, points: int, absent: int = 0) -> None:
        row = self.labels.setdefault(label, [0, 0, 0])
        for index, value in enumerate((1, points, absent)):
            row[index] += value

    def _spread(self, name: str, value: int) -> None:
        # A count of more digits than a mean can have is a slip of the pen; `data check` says so.
        self.spreads.setdefault(name, Counter())[max(-_MOST, min(value, _MOST))] += 1
