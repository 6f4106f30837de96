"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``state``: ``ok``; ``note``, something optional is missing or slow; ``broken``, something needed is.

    ``fix`` is the next step, where there is one.
    """

    group: str
    name: str
    value: str
    state: Literal["ok", "note", "broken"] = "ok"
    fix: str | None = None
