"""Weights & Biases and trackio, which are spoken to alike: init, log, finish."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["Trackio", "Wandb"]


class Wandb:
    """Weights & Biases; ``WANDB_MODE=offline`` keeps everything in the run's folder."""

    package = "wandb"

    def __init__(self, *, out: Path, name: str, project: str, settings: Mapping[str, Any], step: int) -> None:
        self._library: Any = importlib.import_module(self.package)
        # The same folder is the same run when it goes on.
        identity = hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:16]
        self._run = self._library.init(
            project=project, name=name, id=identity, resume="allow", dir=str(out), config=dict(settings)
        )

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """One row of the run's table."""
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        """Send what is still held."""
        self._run.finish()


class Trackio:
    """trackio: a dashboard on this machine, ``trackio show``."""

    package = "trackio"

    def __init__(self, *, out: Path, name: str, project: str, settings: Mapping[str, Any], step: int) -> None:
        self._library: Any = importlib.import_module(self.package)
        self._library.init(project=project, name=f"{name}-{out.name}", config=dict(settings), resume="allow")

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """One row of the run's table."""
        self._library.log(dict(values), step=step)

    def close(self) -> None:
        """Send what is still held."""
        self._library.finish()
