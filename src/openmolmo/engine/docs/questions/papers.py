"""Questions about papers."""

from __future__ import annotations

from openmolmo.engine.docs.questions.base import Family

__all__ = ["PAPER_QUESTIONS"]

PAPER_QUESTIONS: dict[str, Family] = {}
