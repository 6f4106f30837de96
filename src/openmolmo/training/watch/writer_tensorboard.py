"""TensorBoard: event files in ``OUT/tensorboard``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["TensorBoard"]


class TensorBoard:
    """Event files in ``OUT/tensorboard``: ``tensorboard --logdir runs`` shows all runs."""

    package = "tensorboard"

    def __init__(self, *, out: Path, name: str, project: str, settings: Mapping[str, Any], step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        # What an interrupted run wrote after the checkpoint it goes on from is hidden.
        self._writer: Any = SummaryWriter(str(out / "tensorboard"), purge_step=step + 1)
        self._writer.add_text("settings", f"```json\n{json.dumps(settings, indent=1)}\n```", step)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """One point of each curve."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write the file to its end."""
        self._writer.close()
