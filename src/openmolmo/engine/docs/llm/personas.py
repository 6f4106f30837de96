"""Who wants a document: people of our own invention, so that topics are many."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from openmolmo.core.rng import derive

__all__ = ["persona", "personas"]


@cache
def personas() -> tuple[str, ...]:
    """All of them, e.g. "a ferry captain who plans the next season"."""
    text = files("openmolmo.engine.docs.llm").joinpath("personas.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


def persona(seed: int, index: int) -> str:
    """The one for a picture."""
    known = personas()
    return known[int(derive(seed, "persona", index).integers(len(known)))]
