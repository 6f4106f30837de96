"""The steps of any run: log, progress bar, checkpoints, and an orderly end when asked to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from openmolmo.core.errors import RunError
from openmolmo.core.runlog import RunLog
from openmolmo.training.metrics import Bar
from openmolmo.training.signals import StopRequest

__all__ = ["take_steps"]


class _Config(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def steps(self) -> int: ...
    @property
    def log_every(self) -> int: ...
    @property
    def checkpoint_every(self) -> int: ...


class _Run(Protocol):
    step: int
    out: Path

    @property
    def config(self) -> _Config: ...
    def take_step(self) -> dict[str, Any]: ...
    def save(self) -> Path: ...


def take_steps(run: _Run, log: RunLog, stop: StopRequest) -> None:
    """Take the remaining steps of ``run``. Raises RunError, after saving, when asked to stop."""
    config, saved = run.config, run.step
    with Bar(config.name, config.steps, run.step) as bar:
        while run.step < config.steps:
            metrics = run.take_step()
            if run.step % config.log_every == 0 or run.step == config.steps:
                log.write(**metrics)
            bar.update(run.step, metrics)
            last = run.step == config.steps
            if stop.name or last or run.step % config.checkpoint_every == 0:
                run.save()
                saved = run.step
            if stop.name and not last:
                raise RunError(
                    f"stopped by {stop.name} after step {saved} of {config.steps}; it is saved",
                    fix=f"go on with the same command and --resume (--out {run.out})",
                )
