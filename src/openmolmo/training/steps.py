"""What every kind of run does from its folder to its final checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

from openmolmo.core.errors import StoppedError
from openmolmo.core.runlog import RunLog
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.processor import Processor
from openmolmo.training import checkpoint
from openmolmo.training.config import BaseRunConfig
from openmolmo.training.metrics import Bar
from openmolmo.training.plot import try_plot
from openmolmo.training.resume import open_out
from openmolmo.training.signals import StopRequest, signal_name

__all__ = ["carry_out", "take_steps"]

_AnyRun = TypeVar("_AnyRun", bound=BaseRunConfig)


class _Trainer(Protocol):
    step: int
    out: Path
    model: Molmo
    processor: Processor

    @property
    def config(self) -> BaseRunConfig: ...
    def take_step(self) -> dict[str, Any]: ...
    def save(self) -> Path: ...
    def close(self) -> None: ...


def carry_out(
    config: _AnyRun, out: Path, resume: bool, start: Callable[[_AnyRun, Path, Path | None], _Trainer]
) -> Path:
    """Train; returns the folder of the final checkpoint, ``out/final``. ``start`` builds the run in progress.

    ``out`` must be empty or absent unless ``resume``: then the run goes on from its newest
    complete checkpoint (from the start if there is none) with the same losses as if it had never
    stopped. Raises RunError for a loss that is not a number, StoppedError when asked to stop (after saving).
    """
    folder = open_out(out, resume)
    if config.threads:
        torch.set_num_threads(config.threads)
    trainer = start(config, out, folder)
    checkpoint.set_aside(out, folder)
    try:
        with RunLog(out / "metrics.jsonl") as log, StopRequest() as stop:
            take_steps(trainer, log, stop)
    finally:
        trainer.close()
    final = checkpoint.save_final(out, trainer.model, trainer.processor)
    try_plot(out / "metrics.jsonl", out / "curves.png")
    return final


def take_steps(run: _Trainer, log: RunLog, stop: StopRequest) -> None:
    """Take the remaining steps of ``run``. Raises StoppedError, after saving, when asked to stop."""
    config, saved = run.config, run.step
    with Bar(config.name, config.steps, run.step) as bar:
        while run.step < config.steps:
            metrics = run.take_step()
            if run.step % config.log_every == 0 or run.step == config.steps:
                log.write(**metrics)
            bar.update(run.step, metrics)
            last = run.step == config.steps
            if stop.number or last or run.step % config.checkpoint_every == 0:
                run.save()
                saved = run.step
            if stop.number and not last:
                raise StoppedError(
                    f"stopped by {signal_name(stop.number)} after step {saved} of {config.steps}; it is saved",
                    signal=stop.number,
                    fix=f"go on with the same command and --resume (--out {run.out})",
                )
