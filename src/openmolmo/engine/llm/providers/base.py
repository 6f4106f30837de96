"""What a provider of answers is; a new one is one class and one entry point in ``openmolmo.llm_providers``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from openmolmo.core.registry import Registry
from openmolmo.engine.llm.request import Call
from openmolmo.engine.llm.settings import LLMSettings
from openmolmo.records.example import Made

__all__ = ["PROVIDERS", "Answer", "Provider"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back: text, what the answering model calls itself, and tokens. ``cut``: ``max_tokens`` ended it."""

    text: str
    served: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cut: bool = False
    retries: int = 0


class Provider(Protocol):
    """Answers calls. ``made`` is how its texts are made, for provenance; ``schemas`` whether it is asked or told.

    ``schemas`` is True where replies are held to a schema that is sent, None where that must be tried first. ``kept``
    says whether answers go into the cache: what costs nothing need not be kept, and is then never out of date.
    """

    made: Made
    schemas: bool | None
    kept: bool

    async def send(self, call: Call) -> Answer:
        """The answer. Raises CallFailed where there is none; a transient one is tried again by the caller."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


PROVIDERS: Registry[Callable[[LLMSettings], Provider]] = Registry("llm_provider")
