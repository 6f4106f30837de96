"""Settings of what is watched; none of them changes the result."""

from __future__ import annotations

from dataclasses import dataclass

from openmolmo.core.config import Config
from openmolmo.core.errors import ConfigError

__all__ = ["WatchConfig"]


@dataclass(frozen=True, kw_only=True)
class WatchConfig(Config):
    """Where figures go beside ``metrics.jsonl``, and what is judged every ``evaluate_every`` steps (0: nothing).

    ``writers`` and ``callbacks`` are registered names; ``project`` is what writers file the run under. Judged are
    the first ``examples`` of each set that is held out: of ``data`` (a data set folder or JSONL file: its part that
    is not for training, or all of it), else of the validation parts of the sets trained on. ``tasks`` are those
    of the callback ``generation``; ``radius`` (percent of the width) says what is near enough to points without masks.
    """

    writers: tuple[str, ...] = ()
    project: str = "openmolmo"
    evaluate_every: int = 0
    callbacks: tuple[str, ...] = ("losses",)
    data: str | None = None
    examples: int = 64
    tasks: tuple[str, ...] = ("pointing", "counting")
    radius: float | None = None

    def __post_init__(self) -> None:
        if self.evaluate_every < 0 or self.examples < 1:
            raise ConfigError(
                f"watch.evaluate_every={self.evaluate_every} must not be negative, "
                f"and watch.examples={self.examples} must be at least 1"
            )
