"""Questions about tables."""

from __future__ import annotations

from openmolmo.engine.docs.questions.base import Family

__all__ = ["TABLE_QUESTIONS"]

TABLE_QUESTIONS: dict[str, Family] = {}
