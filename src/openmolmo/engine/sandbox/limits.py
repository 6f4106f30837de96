"""What a job may use, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from openmolmo.core.config import Config
from openmolmo.core.errors import ConfigError

__all__ = ["End", "Limits", "Outcome"]

End = Literal["done", "error", "time", "flood", "killed", "lost"]


@dataclass(frozen=True, kw_only=True)
class Limits(Config):
    """Of one job: ``seconds`` by the clock and ``cpu`` of work in each process, then bytes and numbers.

    ``memory`` is address space of each process, so a job has ``memory * processes`` at most. ``disk`` is what it can
    write in all, ``file`` one file; ``taken`` what is taken out of it, in ``files`` files; ``said`` what it may print.
    """

    seconds: float = 20.0
    cpu: int = 15
    memory: int = 1_500_000_000
    processes: int = 4
    disk: int = 64_000_000
    file: int = 32_000_000
    taken: int = 24_000_000
    files: int = 8
    said: int = 4_000_000

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value <= 0:
                raise ConfigError(f"{name}={value} must be above 0")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job ended, and the files that it left in its folder: bytes of a stranger.

    ``end``: done, error (the code raised, or ended with a status), time, flood (it printed without end), killed (by a
    limit of the system), lost (the sandbox had to be thrown away). ``said`` is the end of what it printed, with the
    traceback. ``left_out`` says which files were not taken, and why.
    """

    end: End
    said: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    seconds: float = 0.0
