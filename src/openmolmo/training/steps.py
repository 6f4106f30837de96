"""What every kind of run does from its folder to its final checkpoint."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from openmolmo.core.errors import ConfigError, DivergedError, RunError, StoppedError
from openmolmo.core.runlog import RunLog
from openmolmo.training import checkpoint
from openmolmo.training.config import BaseRunConfig
from openmolmo.training.metrics import Bar
from openmolmo.training.optim import Optimizer
from openmolmo.training.pacing import Pacing
from openmolmo.training.parallel.world import ALONE, World, told_by
from openmolmo.training.plot import try_plot
from openmolmo.training.resume import open_out
from openmolmo.training.signals import StopRequest, signal_name
from openmolmo.training.watch.callbacks import require_callbacks
from openmolmo.training.watch.writers import WatchedLog, require_writers

__all__ = ["learn", "run_training", "take_steps"]

_AnyRun = TypeVar("_AnyRun", bound=BaseRunConfig)


class _Trainer(Protocol):
    step: int
    out: Path
    optimizer: Optimizer

    @property
    def config(self) -> BaseRunConfig: ...
    def take_step(self) -> dict[str, Any]: ...
    def save(self, *, wait: bool = False) -> None: ...
    def finish(self) -> Path: ...
    def close(self) -> None: ...


def run_training(
    config: _AnyRun,
    out: Path,
    resume: bool,
    start: Callable[[_AnyRun, Path, Path | None], _Trainer],
    world: World = ALONE,
    *,
    finish: bool = False,
) -> Path:
    """Train; returns the folder of the final checkpoint, ``out/final``. ``start`` builds the run in progress.

    ``out`` must be empty or absent unless ``resume``: then the run goes on from its newest
    whole checkpoint (from the start if there is none) with the same losses as if it had never
    stopped. Raises RunError for a loss that is not a number, StoppedError when asked to stop (after saving).
    With ``finish`` no step is taken: the newest whole checkpoint becomes the final one.
    All processes of ``world`` do this together; the first one logs and prints.
    """
    with told_by(world.first):
        require_writers(config.watch.writers)
        require_callbacks(config.watch.callbacks)
    folder = open_out(out, resume or finish, world.hash_files, world.first)
    if finish and folder is None:
        with told_by(world.first):
            raise RunError(
                f"there is no checkpoint in {out} to make a model of",
                fix="give the --out of a run that has written one; a run writes one every checkpoint_every steps, and "
                "when it is stopped by Ctrl-C",
            )
    world.wait()  # every process has looked before one writes
    if config.threads:
        torch.set_num_threads(config.threads)
    with told_by(world.first, ConfigError):
        trainer = start(config, out, folder)
    world.by_first(lambda: checkpoint.tidy(out, folder, config.keep))
    try:
        if finish:
            return _ended(trainer, world)
        lines = RunLog(out / "metrics.jsonl" if world.first else Path(os.devnull))
        log = WatchedLog(lines, config, out, trainer.step, shown=world.first)
        with log, StopRequest(patient=world.size > 1) as stop:
            take_steps(trainer, log, stop, world)
    finally:
        trainer.close()
    return _ended(trainer, world)


def learn(loss: Tensor, optimizer: Optimizer, step: int, out: Path) -> tuple[float, dict[str, float], dict[str, float]]:
    """Step number ``step`` by the gradients of one loss: its value, the parts' gradient norms and learning rates.

    Raises DivergedError, and changes nothing, for a loss that is not a number.
    """
    value = float(loss.detach())
    if not math.isfinite(value):
        raise DivergedError(
            f"the loss is {value} at step {step}; the last good checkpoint is {checkpoint.latest(out) or 'none'}",
            fix="lower the learning rate or lengthen the warm-up, and start again",
        )
    torch.autograd.backward(loss)
    return value, optimizer.clip(), optimizer.update(step)


def _ended(run: _Trainer, world: World) -> Path:
    final = run.finish()
    if world.first and (run.out / "metrics.jsonl").is_file():  # it may have been left behind where a run was moved
        try_plot(run.out / "metrics.jsonl", run.out / "curves.png")
    return final


def take_steps(run: _Trainer, log: RunLog | WatchedLog, stop: StopRequest, world: World = ALONE) -> None:
    """Take the remaining steps of ``run``. Raises StoppedError, after saving, when any process is asked to stop."""
    config = run.config
    steps = config.steps
    pacing = Pacing(config.seconds, steps, run.step) if config.seconds is not None else None
    with Bar(config.name, config.steps, run.step, shown=world.first) as bar:
        while run.step < steps:
            metrics = run.take_step()
            if pacing is not None:
                steps = run.optimizer.steps = -int(world.highest(-pacing.steps(run.step)))  # the slowest decides
                bar.plan(steps)
            last = run.step >= steps
            if run.step % config.log_every == 0 or last:
                log.write(**metrics)
            bar.update(run.step, metrics)
            asked = int(world.highest(stop.number or 0))
            if asked or last or run.step % config.checkpoint_every == 0:
                run.save(wait=bool(asked))
            if asked and not last:
                raise _stopped(run, asked, world)


def _stopped(run: _Trainer, number: int, world: World) -> StoppedError:
    error = StoppedError(
        f"stopped by {signal_name(number)} after step {run.step} of {run.config.steps}; it is saved",
        signal=number,
        fix=f"go on with the same command and --resume (--out {run.out}), or end it here, with a model: --finish",
    )
    error.quiet = not world.first
    return error
