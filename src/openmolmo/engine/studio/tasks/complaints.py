"""Sentences for the person at the page: why work cannot be handed in yet, in the language of the page.

The texts stand in the catalogue like all others; an error knows its key, so that the page's language is chosen
where the request is known, and reads in English everywhere else.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from openmolmo.engine.studio.catalogue import Catalogue, load
from openmolmo.engine.studio.tasks.base import BadWorkError

__all__ = ["UnfinishedError"]


class UnfinishedError(BadWorkError):
    """Work that cannot be handed in yet: ``key`` and ``values`` of the sentence in the catalogue."""

    def __init__(self, key: str, **values: Any) -> None:
        assert key in _english(), key
        super().__init__(_english().text(key, **values))
        self.key = key
        self.values = values


@cache
def _english() -> Catalogue:
    return load()["en"]
