"""What a run of a generator is to make: its shards, and how one of them is made."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from openmolmo.core.errors import ConfigError
from openmolmo.engine.synth.base import Generator, make_example
from openmolmo.records.example import Split
from openmolmo.records.manifest import ShardInfo
from openmolmo.records.shards import ShardWriter

__all__ = ["SAME", "SynthPlan", "make_shard", "make_task"]

SAME = ("generator", "version", "seed", "size", "split", "rows_per_shard")
"""Settings in which an existing folder must agree with the request to be continued."""


@dataclass(frozen=True, kw_only=True)
class SynthPlan:
    """What is to be made; ``size`` in pixels. Checked when built."""

    generator: str
    version: str
    seed: int
    size: int
    split: str
    count: int
    rows_per_shard: int

    def __post_init__(self) -> None:
        for name, least in (("count", 1), ("size", 16), ("rows_per_shard", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} is {getattr(self, name)}, must be at least {least}")
        if self.split not in get_args(Split):
            raise ConfigError(f"split is {self.split!r}, must be one of {', '.join(get_args(Split))}")

    @property
    def shards(self) -> int:
        """How many shards ``count`` examples take."""
        return -(-self.count // self.rows_per_shard)

    def name(self, shard: int) -> str:
        """File name of a shard."""
        return f"{self.split}-{shard:05d}.parquet"

    def rows(self, shard: int) -> int:
        """How many examples a shard holds: all full but the last."""
        return min(self.rows_per_shard, self.count - shard * self.rows_per_shard)

    def metadata(self, shard: int) -> dict[str, Any]:
        """What a shard's footer says it was made from."""
        same = {key: getattr(self, key) for key in SAME}
        return {**same, "first": shard * self.rows_per_shard, "rows": self.rows(shard)}


def make_shard(
    generator: Generator, plan: SynthPlan, out: Path, shard: int, *, on_example: Callable[[], None]
) -> ShardInfo:
    """Make one shard; ``on_example`` is called after each example and may raise to stop."""
    first = shard * plan.rows_per_shard
    with ShardWriter(out / plan.name(shard), metadata=plan.metadata(shard)) as writer:
        for index in range(first, first + plan.rows(shard)):
            writer.add(make_example(generator, plan.seed, index, size=plan.size, split=plan.split))
            on_example()
    return writer.info


def make_task(task: tuple[Generator, SynthPlan, Path, int]) -> ShardInfo:
    """Make the shard of a (generator, plan, folder, shard), somewhere else: all of it can be sent."""
    generator, plan, out, shard = task
    # One OpenCV thread a worker: there is one for every core. Read when cv2 is imported.
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")
    return make_shard(generator, plan, out, shard, on_example=lambda: None)
