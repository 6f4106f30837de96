"""What an import is asked to do, and what it did."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from openmolmo.core.errors import ConfigError
from openmolmo.core.files import write_text
from openmolmo.engine.studio.importing.found import Refused
from openmolmo.engine.studio.importing.order import ORDERS, Order
from openmolmo.engine.studio.tasks.base import MODES

__all__ = ["ImportReport", "ImportSettings"]


@dataclass(frozen=True, kw_only=True)
class ImportSettings:
    """How pictures come in.

    ``annotations``: people a task; None is what the project or the mode says. ``near``: pictures alike but for so
    many of 128 bits are one, None for exact copies only. ``licence`` and ``split`` where the source says none.
    """

    modes: tuple[str, ...]
    order: Order = "in-order"
    annotations: int | None = None
    near: int | None = 6
    seed: int = 0
    licence: str = "unknown"
    split: str = "train"
    descriptor: str = "plain"

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise ConfigError(f"order={self.order!r} is none of {', '.join(ORDERS)}")
        if self.annotations is not None and self.annotations < 1:
            raise ConfigError(f"annotations={self.annotations} must be at least 1")
        for mode in self.modes:
            MODES.get(mode)


@dataclass(kw_only=True)
class ImportReport:
    """What an import did. ``refused`` are pictures that were left out, and why."""

    kept: int = 0
    known: int = 0
    """In the project before."""
    twice: int = 0
    """The same file again in this source."""
    alike: list[Refused] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    tasks: Counter[str] = field(default_factory=Counter)
    gold: Counter[str] = field(default_factory=Counter)
    nothing_to_check: Counter[str] = field(default_factory=Counter)
    """Pictures for which a mode had nothing to check, by mode."""

    def __add__(self, other: ImportReport) -> ImportReport:
        """Both together."""
        return ImportReport(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)})

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        reasons = Counter(one.reason for one in self.refused)
        return {
            "kept": self.kept,
            "known": self.known,
            "twice": self.twice,
            "alike": len(self.alike),
            "refused": dict(reasons),
            "tasks": dict(self.tasks),
            "gold": dict(self.gold),
            "nothing_to_check": dict(self.nothing_to_check),
        }

    def write_why(self, file: Path) -> None:
        """One JSON object a line for every picture that was left out or looks like another."""
        rows = (json.dumps(asdict(one), ensure_ascii=False) for one in (*self.refused, *self.alike))
        write_text(file, "".join(f"{row}\n" for row in rows))
