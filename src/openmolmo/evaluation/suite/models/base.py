"""What a suite asks of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from openmolmo.core.errors import OpenMolmoError, RunError
from openmolmo.evaluation.suite.journal import Said
from openmolmo.evaluation.tasks.base import Question

__all__ = ["NoReply", "Outcomes", "SuiteModel"]

Outcomes = list[tuple[int, Said | OpenMolmoError]]
"""Places in a window, each with the reply, or what is wrong."""


class NoReply(RunError):
    """A question was not answered, through no fault of its own: another try may do better."""


class SuiteModel(Protocol):
    """``name`` and ``about`` are what tells it from others; ``window``: questions that it likes to have together.

    ``looks``: whether it can be asked about other pictures, so that there is a control.
    """

    name: str
    about: dict[str, Any]
    window: int
    looks: bool

    def prepare(self, name: str, question: Question, instruction: str) -> Any:
        """A question with its pictures, ready to be asked; called in workers. ImageError and its like where it is no
        good."""

    def answer(self, prepared: Sequence[Any]) -> Iterator[Outcomes]:
        """Replies in any order, those together that were made together."""
