"""Answers about diagrams, found in the picture."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["DIAGRAM_CHECKS"]

DIAGRAM_CHECKS: dict[str, Callable[..., str | float | bool | None]] = {}
