"""The stages of the micro recipes, the second on the demo's own data, each within its time."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from openmolmo.apps.demo.pace import Pace, without_workers
from openmolmo.apps.demo.plan import SEEING_SHARE, Plan
from openmolmo.core.errors import DiskFullError, RunError, StoppedError
from openmolmo.core.progress import say
from openmolmo.core.runlog import read_jsonl
from openmolmo.data.mixture import SourceConfig
from openmolmo.recipes.micro import micro_see, micro_sft
from openmolmo.training import checkpoint
from openmolmo.training.config import PatchRunConfig, RunConfig
from openmolmo.training.recipe import run_of

__all__ = ["Stage", "train_stages", "within", "with_folder"]

_ROOM = 1.25  # steps planned for each that the measured pace allows: a machine may turn out faster
_FEWEST = 300  # steps for which the largest batch is chosen; with less, smaller batches teach more
_SMALLEST = 4  # rows, or crops


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One finished stage: its configuration, how long it took in seconds, its log, its final weights."""

    title: str
    config: RunConfig | PatchRunConfig
    seconds: float
    log: list[dict[str, Any]]
    final: Path


def train_stages(out: Path, plan: Plan, data: Path, seed: int) -> list[Stage]:
    """Teach encoder and connector to see, then the whole model to answer. What the first saves, the second has."""
    began = time.monotonic()
    stages: list[Stage] = []
    recipes: tuple[tuple[str, str, RunConfig | PatchRunConfig], ...] = (
        ("Seeing", "seeing", micro_see()),
        ("Answering", "answering", with_folder(micro_sft(), data)),
    )
    for title, name, recipe in recipes:
        config = recipe.replace(seed=seed, keep=1, init_from=str(stages[-1].final) if stages else None)
        if plan.seconds is None or plan.pace is None:
            config = without_workers(config).replace(steps=plan.steps)
        else:
            left = plan.seconds - (time.monotonic() - began)
            share = left if stages else left * SEEING_SHARE
            config = within(config, share, plan.pace)
            say(
                f"  {title.lower()}: {round(share)} s, about {round(config.steps / _ROOM)} steps at the pace measured; "
                "the learning rate comes to its end in this time, should the machine slow down too"
            )
        stages.append(_train(title, config.replace(checkpoint_every=config.steps), out / name))
    return stages


_AnyConfig = TypeVar("_AnyConfig", bound=RunConfig | PatchRunConfig)


def within(config: _AnyConfig, seconds: float, pace: Pace) -> _AnyConfig:
    """``config`` brought to its end in ``seconds``, at ``pace`` or any other.

    Its batch is halved while there would be too few steps.
    """
    if isinstance(config, PatchRunConfig):
        size, rate = config.batch, pace.seeing
    else:
        size, rate = config.loader.rows, pace.answering / pace.per_row
    while rate * seconds / size < _FEWEST and size // 2 >= _SMALLEST:
        size //= 2
    steps = max(1, round(_ROOM * rate * seconds / size))
    if isinstance(config, PatchRunConfig):
        return config.replace(batch=size, steps=steps, seconds=seconds)
    return config.replace(loader=config.loader.replace(rows=size), steps=steps, seconds=seconds)


def with_folder(config: RunConfig, data: Path) -> RunConfig:
    """The recipe on the pictures in ``data`` in place of new ones."""

    def local(source: SourceConfig) -> SourceConfig:
        return source.replace(source="parquet", options={"path": str(data)})

    groups = tuple(
        group.replace(sources=tuple(local(source) for source in group.sources)) for group in config.mixture.groups
    )
    return config.replace(mixture=config.mixture.replace(groups=groups))


def _train(title: str, config: RunConfig | PatchRunConfig, folder: Path) -> Stage:
    began = time.monotonic()
    try:
        final = run_of(config)(folder, False)
    except DiskFullError:
        raise
    except RunError as error:
        fix = (
            f"run the demo again: it starts anew; or go on with this stage alone:\n"
            f"     openmolmo train {config.name} --resume --out {folder}"
        )
        if isinstance(error, StoppedError):
            raise StoppedError(error.message, signal=error.signal, fix=fix) from error
        raise RunError(error.message, fix=fix) from error
    seconds = time.monotonic() - began
    for saved in checkpoint.checkpoints(folder):  # only for going on; three times the size of the weights
        shutil.rmtree(saved)
    log = read_jsonl(folder / "metrics.jsonl")
    return Stage(title=title, config=config, seconds=seconds, log=log, final=final)
