"""What was said and when: the form that every driver gives back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openmolmo.core.errors import DataError

__all__ = ["Segment", "Transcript", "Word"]


@dataclass(frozen=True, kw_only=True)
class Word:
    """One word, with seconds from the start of the recording; ``probability`` is the engine's own, 0 to 1."""

    text: str
    start: float
    end: float
    probability: float | None = None


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One sentence, or what the engine takes for one, with seconds from the start of the recording."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """The text of a recording, and by what it was made: enough to make it again from the audio.

    ``words`` and ``segments`` are empty where the engine gives none. ``engine`` is the driver's name,
    ``model`` what it ran, ``version`` the engine's version. ``seconds`` is the length of the recording.
    """

    text: str
    words: tuple[Word, ...] = ()
    segments: tuple[Segment, ...] = ()
    engine: str
    model: str
    version: str
    language: str | None = None
    seconds: float = 0.0
    note: str | None = None
    """What a reader should know of this engine, e.g. that its text is for trying things out only."""

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and texts, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Transcript:
        """The reverse of :meth:`to_dict`; a field that is missing or unknown raises :class:`DataError`."""
        try:
            words = tuple(Word(**word) for word in fields.get("words", ()))
            segments = tuple(Segment(**segment) for segment in fields.get("segments", ()))
            return cls(**{**fields, "words": words, "segments": segments})
        except TypeError as error:
            known = ", ".join(field.name for field in dataclasses.fields(cls))
            raise DataError(f"this is no transcript: {error}", fix=f"its fields are {known}") from error
