"""Fresh data for the demo: scenes and clocks to learn from, and others held out."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from openmolmo.engine.synth.base import GENERATORS
from openmolmo.engine.synth.driver import synthesize
from openmolmo.evaluation.held_out import HeldOut, from_folder
from openmolmo.recipes.demo.plan import Plan
from openmolmo.records.example import Example
from openmolmo.records.shards import ParquetDataset

__all__ = ["DemoData", "make_data"]

_SAMPLE = 150  # training examples of each kind, from which the most frequent answer is learnt


@dataclass(frozen=True)
class DemoData:
    """Folders of the training data by generator, what to judge on, and a few pictures to show."""

    train: dict[str, Path]
    test: dict[str, Path]
    held_out: HeldOut
    shown: list[Example]


def make_data(folder: Path, plan: Plan, seed: int) -> DemoData:
    """Write ``train-NAME`` and ``test-NAME`` for each generator; the two splits share no picture."""
    train = {name: _make(folder, name, "train", count, plan, seed) for name, count in plan.train.items()}
    test = {name: _make(folder, name, "test", count, plan, seed) for name, count in plan.test.items()}
    parts = [from_folder(path) for path in test.values()]
    learnt = [list(itertools.islice(ParquetDataset(path), _SAMPLE)) for path in train.values()]
    description = {
        "folders": [str(path) for path in test.values()],
        "examples": sum(len(part.examples) for part in parts),
        "fingerprints": [part.description["fingerprint"] for part in parts],
        "seed": seed,
    }
    held_out = HeldOut([e for part in parts for e in part.examples], [e for part in learnt for e in part], description)
    return DemoData(train, test, held_out, [example for part in learnt for example in part[:4]])


def _make(folder: Path, name: str, split: str, count: int, plan: Plan, seed: int) -> Path:
    made = synthesize(
        GENERATORS.get(name),
        folder / f"{split}-{name}",
        count=count,
        seed=seed,
        size=plan.size,
        split=split,
        workers=plan.workers if count > 1000 else 1,  # for less, starting processes takes longer
        rows_per_shard=512,
    )
    return made.folder
