"""What a run tells about itself: a line a step in ``metrics.jsonl``, and a bar for people."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from openmolmo.core.files import write_text
from openmolmo.core.progress import console, make_progress
from openmolmo.core.runlog import read_jsonl

__all__ = ["Bar", "cut_log"]

_LINE_EVERY_SECONDS = 20.0


def cut_log(path: Path, step: int) -> None:
    """Drop the lines after ``step``: what was logged after the checkpoint is computed again."""
    if path.exists():
        kept = [row for row in read_jsonl(path) if row["step"] <= step]
        write_text(path, "".join(json.dumps(row) + "\n" for row in kept))


class Bar:
    """Loss, rate and remaining time on standard error: a bar on a terminal, else a line now and then.

    The loss is smoothed, which is said beside it: a running mean that weighs the last 20 steps or so; the log has
    every step's own.
    """

    def __init__(self, name: str, steps: int, start: int, *, shown: bool = True) -> None:
        self._name, self._steps, self._shown = name, steps, shown
        self._progress = make_progress("loss", "rate")
        self._task = self._progress.add_task(name, total=steps, completed=start, loss="", rate="")
        self._smooth: float | None = None
        self._began, self._start, self._spoke = time.monotonic(), start, 0.0

    def __enter__(self) -> Bar:
        if self._shown:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def plan(self, steps: int) -> None:
        """Say that the run has so many steps now."""
        self._steps = steps
        self._progress.update(self._task, total=steps)

    def update(self, step: int, metrics: dict[str, Any]) -> None:
        """Show that ``step`` is done."""
        if not self._shown:
            return
        loss = metrics["loss"]
        self._smooth = loss if self._smooth is None else 0.95 * self._smooth + 0.05 * loss
        rate = f"{metrics['examples_per_s']:.1f} examples/s"
        self._progress.update(self._task, completed=step, loss=f"loss {self._smooth:.3f} (smoothed)", rate=rate)
        now = time.monotonic()
        if not console.is_terminal and (now - self._spoke > _LINE_EVERY_SECONDS or step == self._steps):
            self._spoke = now
            left = (now - self._began) / (step - self._start) * (self._steps - step)
            loss = f"loss {self._smooth:.3f} (smoothed)"
            console.print(
                f"{self._name}: step {step}/{self._steps}, {loss}, {rate}, {_clock(left)} left",
                highlight=False,
                soft_wrap=True,
            )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
