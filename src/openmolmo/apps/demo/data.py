"""Fresh data for the demo: pictures of the micro world to learn from, and others held out."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from openmolmo.apps.demo.plan import Plan
from openmolmo.engine.synth.base import GENERATORS
from openmolmo.engine.synth.driver import synthesize
from openmolmo.evaluation.held_out import HeldOut, from_folder
from openmolmo.recipes.micro import MICRO_SIZE
from openmolmo.records.example import Example
from openmolmo.records.shards import ParquetDataset

__all__ = ["GENERATOR", "DemoData", "make_data"]

GENERATOR = "micro_scenes"
_SAMPLE = 150  # training examples from which the most frequent answer is learnt
_SHOWN = 8


@dataclass(frozen=True)
class DemoData:
    """The folder of the training data, what to judge on, and a few pictures to show."""

    train: Path
    held_out: HeldOut
    shown: list[Example]


def make_data(folder: Path, plan: Plan, seed: int) -> DemoData:
    """Write the folders ``train`` and ``test``; the two splits share no picture."""
    train = _make(folder, "train", plan.train, plan, seed)
    test = _make(folder, "test", plan.test, plan, seed)
    held_out = from_folder(test)
    learnt = list(itertools.islice(ParquetDataset(train), _SAMPLE))
    return DemoData(train, HeldOut(held_out.examples, learnt, {**held_out.description, "seed": seed}), learnt[:_SHOWN])


def _make(folder: Path, split: str, count: int, plan: Plan, seed: int) -> Path:
    made = synthesize(
        GENERATORS.get(GENERATOR),
        folder / f"{split}-micro",
        count=count,
        seed=seed,
        size=MICRO_SIZE,
        split=split,
        workers=plan.workers if count > 1000 else 1,  # for less, starting processes takes longer
        rows_per_shard=512,
    )
    return made.folder
