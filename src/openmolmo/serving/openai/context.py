"""What the addresses of one server share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from fastapi import Request

from openmolmo.serving.backend import Backend
from openmolmo.serving.keys import Keys
from openmolmo.serving.openai.failures import APIError
from openmolmo.serving.openai.metrics import Metrics
from openmolmo.serving.openai.settings import ModelCard, ServeSettings

__all__ = ["Context", "context_of", "note"]


@dataclass
class Context:
    """Models by name, limits, keys and figures; ``stopping``: nothing new is begun; ``running``: requests."""

    models: Mapping[str, Backend]
    cards: Mapping[str, ModelCard]
    settings: ServeSettings
    keys: Keys
    metrics: Metrics
    stopping: bool = False
    running: int = 0
    bytes_inside: int = 0
    begun: float = field(default=0.0)

    def backend(self, name: str | None) -> tuple[str, Backend]:
        """The model of that name; without a name the first one. Raises APIError 404."""
        if name is None:
            return next(iter(self.models.items()))
        found = self.models.get(name)
        if found is None:
            known = ", ".join(self.models)
            raise APIError(
                404, f"there is no model {name[:100]!r} here; known: {known}", param="model", code="model_not_found"
            )
        return name, found


def context_of(request: Request) -> Context:
    """The context of the server that got a request."""
    return cast(Context, request.app.state.context)


def note(request: Request, **facts: Any) -> None:
    """Facts for the line in the log that the request gets when it is over."""
    request.scope.setdefault("openmolmo_facts", {}).update(facts)
