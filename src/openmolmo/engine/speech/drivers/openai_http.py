"""Any server with ``/v1/audio/transcriptions``: vLLM, speaches, whisper.cpp's, or a vendor's."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from openmolmo.core.errors import ConfigError, RunError
from openmolmo.core.optional import require
from openmolmo.engine.speech.audio import Audio, wav_bytes
from openmolmo.engine.speech.transcript import Segment, Transcript, Word

__all__ = ["OpenAIHTTP"]


@dataclass(frozen=True, kw_only=True)
class OpenAIHTTP:
    """The driver ``openai_http``. The key is read from the variable ``key_variable``, and never stored.

    Requests that meet 408, 409, 429 or a 5xx are tried again ``retries`` times, waiting longer each time.
    """

    base_url: str
    model: str
    language: str | None = None
    timeout: float = 120.0
    retries: int = 2
    key_variable: str = field(default="OPENAI_API_KEY", repr=False)

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("http://", "https://")):
            raise ConfigError(
                f"base_url is {self.base_url!r}, and must begin with http:// or https://",
                fix="e.g. base_url=http://127.0.0.1:8000/v1",
            )

    def transcribe(self, audio: Audio) -> Transcript:
        """Send a .wav and read the reply: text, and words and segments where the server gives them."""
        openai = require("openai", extra="speech-server")
        client = openai.OpenAI(
            base_url=self.base_url,
            api_key=os.environ.get(self.key_variable) or "none",
            timeout=self.timeout,
            max_retries=self.retries,
        )
        asked: dict[str, Any] = {"language": self.language} if self.language else {}
        try:
            with client:
                reply = client.audio.transcriptions.create(
                    file=("recording.wav", wav_bytes(audio), "audio/wav"),
                    model=self.model,
                    response_format="verbose_json",
                    timestamp_granularities=["word", "segment"],
                    **asked,
                )
        except openai.OpenAIError as error:
            raise RunError(
                f"the speech server {self.base_url} gave no transcript: {error}",
                fix="see that it runs and has that model; then transcribe again: the recording is kept",
            ) from error
        return self._transcript(reply, audio)

    def _transcript(self, reply: Any, audio: Audio) -> Transcript:
        text = getattr(reply, "text", None)
        if not isinstance(text, str):
            raise RunError(f"the speech server {self.base_url} answered without a text: {str(reply)[:200]!r}")
        words = [
            Word(text=word.word.strip(), start=float(word.start), end=float(word.end))
            for word in getattr(reply, "words", None) or ()
        ]
        segments = [
            Segment(text=part.text.strip(), start=float(part.start), end=float(part.end))
            for part in getattr(reply, "segments", None) or ()
        ]
        return Transcript(
            text=text.strip(),
            words=tuple(words),
            segments=tuple(segments),
            engine="openai_http",
            model=self.model,
            version=f"openai {metadata.version('openai')} at {self.base_url}",
            language=getattr(reply, "language", None),
            seconds=audio.seconds,
        )
