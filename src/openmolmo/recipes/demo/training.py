"""The stages of the nano recipes on the demo's own data, each in as many steps as its time allows."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmolmo.core.errors import ConfigError, DiskFullError, RunError, StoppedError
from openmolmo.core.progress import console
from openmolmo.core.runlog import read_jsonl
from openmolmo.data.mixture import SourceConfig
from openmolmo.recipes.demo.plan import Plan
from openmolmo.recipes.nano import nano_caption, nano_connector, nano_encoder, nano_sft
from openmolmo.training import checkpoint
from openmolmo.training.config import PatchRunConfig, RunConfig
from openmolmo.training.loop import Trainer
from openmolmo.training.patches.loop import PatchTrainer
from openmolmo.training.recipe import run_of

__all__ = ["Stage", "steps_in", "train_stages", "with_folders"]

_SHARES = {"seeing": 0.4, "caption": 0.2}  # of the time; fine-tuning has what is left
_LEAST_SHARE = 0.25  # of fine-tuning, whatever the others took
_ROWS = 4  # of a batch, half of the recipes': in so short a run more steps are worth more than larger ones
_TIMED, _WARMING = 6, 2  # steps of the trial, and how many of them are left out as not yet warm
_FEWEST = 20  # steps; with less the schedule means nothing


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One finished stage: its configuration, how long it took in seconds, its log, its final weights."""

    title: str
    config: RunConfig | PatchRunConfig
    seconds: float
    pace: float | None
    log: list[dict[str, Any]]
    final: Path


def train_stages(out: Path, plan: Plan, folders: Mapping[str, Path], seed: int) -> list[Stage]:
    """Teach encoder and connector to see, then train captions, then everything.

    What a stage takes too long is taken from the last.
    """
    began = time.monotonic()
    stages: list[Stage] = []
    recipes: tuple[tuple[str, str, RunConfig | PatchRunConfig], ...] = (
        ("Seeing", "seeing", _seeing()),
        ("Captions", "caption", _on_folders(nano_caption(), folders)),
        ("Fine-tuning", "sft", _on_folders(nano_sft(), folders)),
    )
    for title, name, recipe in recipes:
        config = recipe.replace(seed=seed, keep=1, init_from=str(stages[-1].final) if stages else None)
        pace = None
        if plan.seconds is None:
            config = _without_workers(config).replace(steps=plan.steps)
        else:
            left = plan.seconds - (time.monotonic() - began)
            share = plan.seconds * _SHARES[name] if name in _SHARES else max(left, plan.seconds * _LEAST_SHARE)
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


def _seeing() -> PatchRunConfig:
    """The recipes' three stages of encoder and connector in one."""
    recipe, alone = nano_connector(), nano_encoder()
    encoder = alone.optimizer.encoder
    return recipe.replace(
        optimizer=recipe.optimizer.replace(encoder=encoder, connector=encoder), clocks=0.2, log_every=1
    )


def _on_folders(recipe: RunConfig, folders: Mapping[str, Path]) -> RunConfig:
    return with_folders(recipe, folders).replace(loader=recipe.loader.replace(rows=_ROWS))


def _without_workers(config: RunConfig | PatchRunConfig) -> RunConfig | PatchRunConfig:
    if isinstance(config, PatchRunConfig):
        return config.replace(workers=0)
    return config.replace(loader=config.loader.replace(workers=0))


def with_folders(config: RunConfig, folders: Mapping[str, Path]) -> RunConfig:
    """The recipe with each generator of its mixture replaced by the data set made with it."""
    groups = tuple(
        group.replace(sources=tuple(_local(source, folders) for source in group.sources))
        for group in config.mixture.groups
    )
    return config.replace(mixture=config.mixture.replace(groups=groups))


def steps_in(config: RunConfig | PatchRunConfig, seconds: float) -> tuple[int, float]:
    """How many steps fill ``seconds``, and how long one takes: the median of a few real ones, thrown away.

    The number must be known before the first step, because the learning rate falls over the whole run.
    """
    with tempfile.TemporaryDirectory(prefix="openmolmo-demo-") as scratch:
        alone = _without_workers(config).replace(steps=_TIMED)
        start = PatchTrainer.start if isinstance(alone, PatchRunConfig) else Trainer.start
        trial = start(alone, Path(scratch), None)  # type: ignore[arg-type]
        try:
            took = [trial.take_step()["seconds"] for _ in range(_TIMED)]
        finally:
            trial.close()
    pace = statistics.median(took[_WARMING:])
    return max(_FEWEST, round((seconds - sum(took)) / pace)), pace


def _local(source: SourceConfig, folders: Mapping[str, Path]) -> SourceConfig:
    name = str(source.options.get("generator"))
    if name not in folders:
        raise ConfigError(f"the recipe learns from {name!r}, and the demo makes only {', '.join(folders)}")
    return source.replace(source="parquet", options={"path": str(folders[name])})


def _train(title: str, config: RunConfig | PatchRunConfig, folder: Path, pace: float | None) -> Stage:
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
    return Stage(title=title, config=config, seconds=seconds, pace=pace, log=log, final=final)
