"""The two stages of the nano recipes on the demo's own data, in as many steps as the time allows."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmolmo.core.errors import ConfigError, DiskFullError, RunError
from openmolmo.core.progress import console
from openmolmo.core.runlog import read_jsonl
from openmolmo.data.mixture import SourceConfig
from openmolmo.recipes.demo.plan import Plan
from openmolmo.recipes.nano import nano_caption, nano_sft
from openmolmo.training import checkpoint
from openmolmo.training.config import RunConfig
from openmolmo.training.loop import Trainer, run

__all__ = ["Stage", "steps_in", "train_stages", "with_folders"]

_CAPTION_SHARE = 0.45  # of the time
_ROWS = 4  # of a batch, half of the recipes': in so short a run more steps are worth more than larger ones
_TIMED, _WARMING = 6, 2  # steps of the trial, and how many of them are left out as not yet warm
_FEWEST = 20  # steps; with less the schedule means nothing


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One finished stage: its configuration, how long it took in seconds, its log, its final weights."""

    title: str
    config: RunConfig
    seconds: float
    pace: float | None
    log: list[dict[str, Any]]
    final: Path


def train_stages(out: Path, plan: Plan, folders: Mapping[str, Path], seed: int) -> list[Stage]:
    """Train captions, then everything. What the first stage takes too long is taken from the second."""
    began = time.monotonic()
    stages: list[Stage] = []
    recipes = (("Captions", nano_caption(), "caption"), ("Fine-tuning", nano_sft(), "sft"))
    for title, recipe, name in recipes:
        config = with_folders(recipe, folders).replace(
            seed=seed,
            keep=1,
            init_from=str(stages[-1].final) if stages else None,
            loader=recipe.loader.replace(rows=_ROWS),
        )
        pace = None
        if plan.seconds is None:
            config = config.replace(steps=plan.steps, loader=config.loader.replace(workers=0))
        else:
            left = plan.seconds - (time.monotonic() - began)
            share = plan.seconds * _CAPTION_SHARE if not stages else max(left, plan.seconds * 0.3)
            steps, pace = steps_in(config, share)
            config = config.replace(steps=steps)
            console.print(
                f"  {title.lower()}: a step takes {pace:.2f} s, so {steps} steps fill {round(share)} s; "
                "the learning rate falls to its end in just these",
                highlight=False,
                soft_wrap=True,
            )
        stages.append(_train(title, config.replace(checkpoint_every=config.steps), out / name, pace))
    return stages


def with_folders(config: RunConfig, folders: Mapping[str, Path]) -> RunConfig:
    """The recipe with each generator of its mixture replaced by the data set made with it."""
    groups = tuple(
        group.replace(sources=tuple(_local(source, folders) for source in group.sources))
        for group in config.mixture.groups
    )
    return config.replace(mixture=config.mixture.replace(groups=groups))


def steps_in(config: RunConfig, seconds: float) -> tuple[int, float]:
    """How many steps fill ``seconds``, and how long one takes: the median of a few real ones, thrown away.

    The number must be known before the first step, because the learning rate falls over the whole run.
    """
    with tempfile.TemporaryDirectory(prefix="openmolmo-demo-") as scratch:
        alone = config.replace(steps=_TIMED, loader=config.loader.replace(workers=0))
        trial = Trainer.start(alone, Path(scratch), None)
        try:
            took = [trial.take_step()["seconds"] for _ in range(_TIMED)]
        finally:
            trial.loader.close()
    pace = statistics.median(took[_WARMING:])
    return max(_FEWEST, round((seconds - sum(took)) / pace)), pace


def _local(source: SourceConfig, folders: Mapping[str, Path]) -> SourceConfig:
    name = str(source.options.get("generator"))
    if name not in folders:
        raise ConfigError(f"the recipe learns from {name!r}, and the demo makes only {', '.join(folders)}")
    return source.replace(source="parquet", options={"path": str(folders[name])})


def _train(title: str, config: RunConfig, folder: Path, pace: float | None) -> Stage:
    began = time.monotonic()
    try:
        final = run(config, folder)
    except DiskFullError:
        raise
    except RunError as error:
        raise RunError(
            error.message,
            fix=f"run the demo again: it starts anew; or go on with this stage alone:\n"
            f"     openmolmo train {config.name} --resume --out {folder}",
        ) from error
    seconds = time.monotonic() - began
    for saved in checkpoint.checkpoints(folder):  # only for going on; three times the size of the weights
        shutil.rmtree(saved)
    log = read_jsonl(folder / "metrics.jsonl")
    return Stage(title=title, config=config, seconds=seconds, pace=pace, log=log, final=final)
