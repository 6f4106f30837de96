"""What can go wrong with one request, by kind, in sentences."""

from __future__ import annotations

from dataclasses import dataclass

from openmolmo.core.errors import RunError

__all__ = ["HOPELESS", "CallFailed", "Failure", "LLMFailed"]

HOPELESS = frozenset({"unreachable", "key", "model"})
"""Kinds that every other request of the run would meet too."""


class CallFailed(Exception):
    """A request has no answer. ``transient``: the same request may have one a moment later.

    Kinds: unreachable, slow, busy (429), server (5xx), key (401, 403), model (404), refused (400, 422 ...),
    nonsense (no reply of the protocol), empty, cut (at ``max_tokens``), schema (not the JSON that was asked for),
    purpose (the template provider has no function for it), picture, not-tried.
    """

    def __init__(self, kind: str, message: str, *, fix: str | None = None, transient: bool = False) -> None:
        super().__init__(message)
        self.kind, self.message, self.fix, self.transient = kind, message, fix, transient


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A request that has no answer: recorded, so that it takes no other with it."""

    kind: str
    message: str
    fix: str | None = None
    request_sha256: str = ""

    def __str__(self) -> str:
        return self.message if self.fix is None else f"{self.message}\n  -> {self.fix}"


class LLMFailed(RunError):
    """A request has no answer; ``failure`` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message, fix=failure.fix)
        self.failure = failure
