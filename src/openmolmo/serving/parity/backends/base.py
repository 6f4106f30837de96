"""What the gate asks of a backend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from openmolmo.core.errors import OpenMolmoError
from openmolmo.serving.parity.asked import Question

__all__ = ["TOP", "Outcome", "ParityBackend", "Reply"]

TOP = 20
"""How many of the likeliest tokens of a step are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a backend said.

    ``ids``: its tokens, the one that ends it included, where they are known. ``tops``: of each step the likeliest
    tokens with their natural log-probabilities. ``finished``: it came to its end before the limit.
    """

    text: str
    ids: tuple[int, ...] | None = None
    tops: tuple[Mapping[int, float], ...] | None = None
    finished: bool = True
    seconds: float = 0.0


Outcome = tuple[int, Reply | OpenMolmoError]
"""The place of a question, and the reply or why there is none."""


class ParityBackend(Protocol):
    """``about``: what it is, JSON values, among them ``load_seconds`` where something was loaded."""

    about: dict[str, Any]

    def replies(self, questions: Sequence[Question]) -> Iterator[Outcome]:
        """One outcome a question, in any order; an error only where nothing at all can be asked.

        Questions without an outcome when it ends are failures too.
        """
        ...

    def close(self) -> None:
        """Free what it holds; nothing is asked after that."""
        ...
