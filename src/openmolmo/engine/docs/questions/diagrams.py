"""Questions about diagrams."""

from __future__ import annotations

from openmolmo.engine.docs.questions.base import Family

__all__ = ["DIAGRAM_QUESTIONS"]

DIAGRAM_QUESTIONS: dict[str, Family] = {}
