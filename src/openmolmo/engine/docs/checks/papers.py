"""Answers about papers, found in the picture."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["PAPER_CHECKS"]

PAPER_CHECKS: dict[str, Callable[..., str | float | bool | None]] = {}
