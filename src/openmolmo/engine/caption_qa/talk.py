"""What is made: questions with their answers, one or several in a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from openmolmo.records.example import Dialogue, Made, QuestionAnswer

__all__ = ["Talk"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """Question and answer, or several of them that follow each other.

    ``how`` says what it is about or who wrote it (``colour``, ``count``, ``quote``, ``noun``, ``graph``, ``llm``),
    ``made`` how it was made after the caption was, ``receipts`` by which model and prompt.
    """

    turns: tuple[tuple[str, str], ...]
    how: str
    made: Made = Made.PROGRAM
    style: str = "user_qa"
    receipts: Mapping[str, str] = field(default_factory=dict)

    def annotation(self) -> QuestionAnswer | Dialogue:
        """As an annotation of the picture."""
        if len(self.turns) == 1:
            question, answer = self.turns[0]
            return QuestionAnswer(question=question, answers=(answer,), style=self.style)
        return Dialogue(turns=tuple(text for turn in self.turns for text in turn), style=self.style)
