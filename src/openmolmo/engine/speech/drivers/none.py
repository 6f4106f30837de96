"""No engine: the transcript is empty, and the person types it."""

from __future__ import annotations

from dataclasses import dataclass

from openmolmo.engine.speech.audio import Audio
from openmolmo.engine.speech.transcript import Transcript

__all__ = ["NoEngine"]


@dataclass(frozen=True, kw_only=True)
class NoEngine:
    """The driver ``none``."""

    def transcribe(self, audio: Audio) -> Transcript:
        """An empty text of the right length."""
        return Transcript(text="", engine="none", model="", version="1", seconds=audio.seconds)
