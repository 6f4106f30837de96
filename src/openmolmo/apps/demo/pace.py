"""How fast this machine is: a few steps of each kind of work, thrown away."""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.recipes.micro import MICRO_SIZE, micro_see, micro_sft
from openmolmo.training.config import PatchRunConfig, RunConfig
from openmolmo.training.loop import Trainer
from openmolmo.training.patch_labels.loop import PatchTrainer

__all__ = ["NEEDED_EXAMPLES", "NEEDED_PICTURES", "Pace", "measure", "without_workers"]

NEEDED_PICTURES = 6_000
NEEDED_EXAMPLES = 2_500
"""After so many crops of the first stage and pictures of the second the micro model stands clearly above its
controls on most tasks (docs/log.md)."""

_MADE = 24
_TIMED, _WARMING = 5, 2  # steps of the trial, and how many of them are left out as not yet warm


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Pictures a second: drawn, learnt from by the seeing side, learnt from by the whole model.

    ``per_row``: pictures in a row of the last, which holds their text too.
    """

    making: float
    seeing: float
    answering: float
    per_row: float

    @property
    def needed(self) -> float:
        """Seconds of training after which the model has learnt to look."""
        return NEEDED_PICTURES / self.seeing + NEEDED_EXAMPLES / self.answering


def measure() -> Pace:
    """Draw a few pictures and take a few steps of both stages; some seconds on most machines."""
    generator = GENERATORS.get("micro_scenes")
    began = time.monotonic()
    for index in range(_MADE):
        make_example(generator, 0, index, size=MICRO_SIZE)
    making = _MADE / (time.monotonic() - began)
    see, sft = micro_see(), micro_sft().replace(init_from=None)
    seen, answered = _steps(see), _steps(sft)
    return Pace(
        making=making,
        seeing=_rate(seen),
        answering=_rate(answered),
        per_row=answered[-1]["examples"] / (len(answered) * sft.loader.rows),
    )


def without_workers(config: RunConfig | PatchRunConfig) -> RunConfig | PatchRunConfig:
    """The same run, its data made by the process that trains."""
    if isinstance(config, PatchRunConfig):
        return config.replace(workers=0)
    return config.replace(loader=config.loader.replace(workers=0))


def _steps(config: RunConfig | PatchRunConfig) -> list[dict[str, Any]]:
    """What the log would say of the first few steps."""
    alone = without_workers(config).replace(steps=_TIMED)
    with tempfile.TemporaryDirectory(prefix="openmolmo-demo-") as scratch:
        start = PatchTrainer.start if isinstance(alone, PatchRunConfig) else Trainer.start
        trial = start(alone, Path(scratch), None)  # type: ignore[arg-type]
        try:
            return [trial.take_step() for _ in range(_TIMED)]
        finally:
            trial.close()


def _rate(rows: list[dict[str, Any]]) -> float:
    """Pictures a second, the median once warm."""
    return float(statistics.median(row["examples_per_s"] for row in rows[_WARMING:]))
