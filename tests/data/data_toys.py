"""A small data set in memory and a processor that needs neither a tokenizer nor a real picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from openmolmo.core.errors import DataError, ImageError
from openmolmo.data.mixture import GroupConfig, SourceConfig
from openmolmo.data.sources.base import SOURCES
from openmolmo.records.example import Caption, Example, Made, Provenance, Transcript

PROVENANCE = Provenance(dataset="toy", licence="CC0-1.0", made={"caption": (Made.PROGRAM,)})


@dataclass
class ToySource:
    """``count`` examples; index i is called "name:i"; indices in ``bad`` cannot be read."""

    name: str
    count: int
    bad: tuple[int, ...] = ()
    fingerprint: str = "toy"

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Example:
        if index in self.bad:
            raise DataError("the toy is broken", row=index)
        texts = (Caption(text="a"), Transcript(text="b"), Transcript(text="c"))
        return Example(id=f"{self.name}:{index}", image=None, annotations=texts, provenance=PROVENANCE)


def toy(*, name: str = "toy", count: int = 100, bad: Any = ()) -> ToySource:
    return ToySource(name, count, tuple(bad))


SOURCES.register("toy", toy)


@dataclass
class ToyImage:
    pixels: np.ndarray
    patch_mask: np.ndarray
    pooled_patches: np.ndarray


@dataclass
class ToyTokens:
    input_ids: np.ndarray
    position_ids: np.ndarray
    branch_ids: np.ndarray
    labels: np.ndarray
    loss_weights: np.ndarray
    images: list[ToyImage] = field(default_factory=list)


def toy_tokens(length: int, value: int, crops: int = 0) -> ToyTokens:
    """``length`` tokens whose labels are ``value``; ``crops`` crops of 4 patches, one window of 2 each and a pad."""
    images = []
    if crops:
        pooled = np.array([[4 * c, 4 * c + 1] for c in range(crops)] + [[-1, -1]], np.int64)
        images = [ToyImage(np.full((crops, 3, 2, 2), value, np.float32), np.ones((crops, 4), np.float32), pooled)]
    span = np.arange(length)
    weights = np.ones(length, np.float32)
    return ToyTokens(span + 1, span, (span > 2).astype(np.int64), np.full(length, value), weights, images)


class ToyProcessor:
    """Tokens whose label is the example's index and whose length is drawn from the given stream."""

    def __init__(self, shortest: int = 3, longest: int = 40, bad_pictures: tuple[int, ...] = ()) -> None:
        self.shortest, self.longest, self.bad_pictures = shortest, longest, bad_pictures

    def train(self, example: Example, rng: np.random.Generator, *, max_length: int | None) -> Any:
        index = int(example.id.rpartition(":")[2])
        if index in self.bad_pictures:
            raise ImageError("not a picture", kind="not_an_image")
        length = int(rng.integers(self.shortest, self.longest + 1))
        return toy_tokens(min(length, max_length or length), index, crops=1 + index % 2)

    def train_parts(self, example: Example, rng: np.random.Generator, *, max_length: int) -> list[Any]:
        """The same tokens, at most ``max_length`` of them to a part."""
        whole = self.train(example, rng, max_length=None)
        value, length = int(whole.labels[0]), len(whole.input_ids)
        starts = range(0, length, max_length)
        return [toy_tokens(min(max_length, length - start), value, crops=len(whole.images)) for start in starts]


def one_group(*sources: SourceConfig, rate: float = 1.0, name: str = "g") -> GroupConfig:
    return GroupConfig(rate=rate, sources=sources, name=name)


def toy_config(name: str, count: int, **changes: Any) -> SourceConfig:
    bad = changes.pop("bad", ())
    return SourceConfig(source="toy", options={"name": name, "count": count, "bad": list(bad)}, **changes)
