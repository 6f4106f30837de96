"""Answers about tables, found in the picture."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["TABLE_CHECKS"]

TABLE_CHECKS: dict[str, Callable[..., str | float | bool | None]] = {}
