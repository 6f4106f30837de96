"""Checks of what models ask about papers and diagrams: words that must stand in the picture."""

from __future__ import annotations

from collections.abc import Callable

from openmolmo.engine.docs.checks.reading import Reading

__all__ = ["WORD_CHECKS"]


def _field(reading: Reading, name: str) -> str:
    """The value of the only field called so."""
    fields = [mark for mark in reading.role("field") if mark.text.rstrip(": ") == name.rstrip(": ")]
    if len(fields) != 1:
        raise LookupError(f"{len(fields)} fields are called {name!r}")
    values = [
        mark.text for mark in reading.role("value") if mark.datum.get("field") == fields[0].datum.get("field", -1)
    ]
    if len(values) != 1:
        raise LookupError(f"{len(values)} values stand by {name!r}")
    return values[0]


def _stands(reading: Reading, words: str) -> str:
    """The words, where they stand in the picture in this order."""
    said = " ".join(words.split()).casefold()
    everything = " ".join(reading.everything.replace(" | ", " ").split())
    if not said or said not in everything:
        raise LookupError(f"{words!r} does not stand there")
    return words


WORD_CHECKS: dict[str, Callable[..., str | float | bool | None]] = {"llm_field": _field, "llm_stands": _stands}
