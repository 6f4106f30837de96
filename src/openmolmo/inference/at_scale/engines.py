"""What answers a part of the requests: found by name, so that rooms above this one can add theirs."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from openmolmo.core.registry import Registry
from openmolmo.inference.jobs import Answerer

if TYPE_CHECKING:
    from openmolmo.inference.settings import Settings

__all__ = ["ENGINES", "opened", "predictor"]

Engine = Callable[["Settings"], Answerer]

ENGINES: Registry[Engine] = Registry("answer_engine")
"""Functions that open a model for answering; an entry point of the group ``openmolmo.answer_engines`` adds one."""


def predictor(settings: Settings) -> Answerer:
    """Our own :class:`~openmolmo.inference.predictor.Predictor`."""
    answerer: Answerer = settings.load()
    return answerer


@lru_cache(maxsize=1)
def opened(engine: str, settings: Settings) -> Answerer:
    """The model of a worker, which stays from one part to the next."""
    return ENGINES.get(engine)(settings)
