"""Where the judged examples come from: a data set, or generators with a split of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.progress import track
from openmolmo.data.sources.base import SOURCES
from openmolmo.records.example import Example, Split
from openmolmo.records.folder import open_dataset
from openmolmo.records.jsonl import JsonlDataset

__all__ = ["HeldOut", "from_folder", "from_generators"]


_APART: tuple[Split, ...] = ("test", "validation")
"""Splits that nothing is trained on, the one to judge on first."""


@dataclass(frozen=True)
class HeldOut:
    """Examples to judge on, others of the same kind to learn the most frequent answer from, and what they are."""

    examples: list[Example]
    sample: list[Example]
    description: dict[str, Any]


def from_generators(
    names: Sequence[str], *, count: int, seed: int = 0, size: int = 256, split: str = "test", sample: int = 200
) -> HeldOut:
    """``count`` fresh examples of each generator; pictures of one split never occur in another.

    ``sample``: so many training examples of each for the most frequent answer.
    """
    if split not in get_args(Split):
        raise ConfigError(f"split {split!r} is not one of {', '.join(get_args(Split))}")
    if count < 1:
        raise ConfigError(f"count={count} must be at least 1")
    examples: list[Example] = []
    learnt: list[Example] = []
    fingerprints = {}
    for name in names:
        judged = SOURCES.get("synth")(generator=name, count=count, size=size, seed=seed, split=split)
        other = SOURCES.get("synth")(generator=name, count=sample, size=size, seed=seed + 1, split="train")
        examples += track((judged[i] for i in range(count)), f"making {name}", count)
        learnt += [other[i] for i in range(sample)]
        fingerprints[name] = judged.fingerprint
    made = {"generators": ",".join(names), "split": split, "count": count, "seed": seed, "size": size}
    return HeldOut(examples, learnt, {**made, "fingerprint": fingerprints})


def from_folder(path: Path, *, split: str | None = None) -> HeldOut:
    """The examples of one split of a data set folder or a JSONL file; none at all is a DataError.

    Without a ``split``: those of test, else of validation, else all; ``all`` is every example.
    """
    form = "jsonl" if isinstance(open_dataset(path), JsonlDataset) else "parquet"
    source = SOURCES.get(form)(path=str(path))
    examples = [source[i] for i in range(len(source))]
    if split is None:
        there = {example.split for example in examples}
        split = next((name for name in _APART if name in there), "all")
    kept = [example for example in examples if split in ("all", example.split)]
    if not kept:
        of = "" if split == "all" else f" of split {split}"
        splits = ", ".join(sorted({example.split for example in examples}))
        raise DataError(
            f"{path} has no example{of}{f'; its examples are of split {splits}' if examples else ''}",
            fix="choose another --split or another data set",
        )
    description = {"data": str(path), "split": split, "examples": len(kept)}
    return HeldOut(kept, [], {**description, "fingerprint": source.fingerprint})
