"""What stands behind the API: something that continues prompts, many at once.

The HTTP part knows this contract only; what batches (:mod:`openmolmo.inference.continuous`) is one of its makers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from openmolmo.words.answer import Answer, FoundPoint
from openmolmo.words.choosing import Choosing, TokenLogprob
from openmolmo.words.requests import Request

__all__ = ["Backend", "Choosing", "Event", "Generation", "Load", "TokenLogprob"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One reply that is wanted: of ``request`` (its pictures as encoded bytes), or of raw ``prompt_ids``.

    ``begun``: how the reply to ``request`` begins already; what is generated goes on from there, without it. Blanks
    at the ends of what goes on from ``begun`` or ``prompt_ids`` are kept.
    """

    request: Request
    choosing: Choosing = field(default_factory=Choosing)
    prompt_ids: tuple[int, ...] | None = None
    begun: str = ""
    adapter: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What came since the last event. The last one has ``answer`` and ``finish``: stop, length."""

    text: str = ""
    tokens: tuple[TokenLogprob, ...] = ()
    points: tuple[FoundPoint, ...] = ()
    answer: Answer | None = None
    finish: str | None = None
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a backend is doing now: replies being written and waiting, rows of the batch, caches' hits and misses."""

    running: int = 0
    waiting: int = 0
    slots: int = 0
    feature_hits: int = 0
    feature_misses: int = 0
    prefix_tokens: int = 0
    prompt_tokens: int = 0
    generated_tokens: int = 0


class Backend(Protocol):
    """Continues prompts, many at once."""

    def generate(self, generation: Generation) -> AsyncIterator[Event]:
        """Events of one reply. Raises before the first: QueueFullError, PromptError, ImageError, ConfigError.

        A consumer that goes away (``aclose``) frees the row at the next step.
        """
        ...

    def tokenize(self, text: str, *, begin: bool = False) -> Sequence[int]:
        """Ids of a text, special tokens left as plain text; ``begin``: after the token that texts begin with."""
        ...

    def detokenize(self, ids: Sequence[int]) -> str:
        """The text of ids."""
        ...

    def load(self) -> Load:
        """Figures of now."""
        ...

    async def close(self) -> None:
        """Finish nothing more; whoever waits gets UnavailableError."""
        ...
