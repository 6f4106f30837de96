"""faster-whisper: any Whisper model in CTranslate2's form, by folder or by name on the hub."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from openmolmo.core.errors import CheckpointError
from openmolmo.core.optional import require
from openmolmo.engine.speech.audio import Audio
from openmolmo.engine.speech.transcript import Segment, Transcript, Word

__all__ = ["FasterWhisper"]


@dataclass(frozen=True, kw_only=True)
class FasterWhisper:
    """The driver ``faster_whisper``.

    ``model`` is a folder or a name such as ``small.en``; ``local_files_only`` never asks the network.
    ``language`` None lets the model find it. ``threads`` 0 leaves their number to CTranslate2.
    """

    model: str = "small"
    device: str = "auto"
    compute_type: str = "int8"
    local_files_only: bool = False
    language: str | None = None
    beam_size: int = 5
    threads: int = 0

    def transcribe(self, audio: Audio) -> Transcript:
        """Words with times, with punctuation; silence is left out before decoding, where Whisper invents text."""
        model = _load(self.model, self.device, self.compute_type, self.local_files_only, self.threads)
        found, info = model.transcribe(
            audio.samples, language=self.language, beam_size=self.beam_size, word_timestamps=True, vad_filter=True
        )
        parts = list(found)  # the model works while this is walked
        segments = tuple(
            Segment(text=part.text.strip(), start=float(part.start), end=float(part.end)) for part in parts
        )
        return Transcript(
            text=" ".join(segment.text for segment in segments),
            words=tuple(_word(word) for part in parts for word in part.words or ()),
            segments=segments,
            engine="faster_whisper",
            model=self.model,
            version=metadata.version("faster-whisper"),
            language=info.language,
            seconds=audio.seconds,
        )


@lru_cache(maxsize=1)
def _load(model: str, device: str, compute_type: str, local_files_only: bool, threads: int) -> Any:
    """Loaded once: a worker transcribes one recording after the other with the same model."""
    whisper = require("faster_whisper", extra="whisper")
    try:
        return whisper.WhisperModel(
            model, device=device, compute_type=compute_type, local_files_only=local_files_only, cpu_threads=threads
        )
    except (OSError, RuntimeError, ValueError) as error:  # not found; not CTranslate2's form; a type not known here
        where = "the folder" if Path(model).exists() else "the name"
        raise CheckpointError(
            f"faster-whisper cannot load {where} {model!r}: {error}",
            fix="give a folder with model.bin and config.json in CTranslate2's form, or a name such as small.en",
        ) from error


def _word(word: Any) -> Word:
    return Word(
        text=word.word.strip(), start=float(word.start), end=float(word.end), probability=float(word.probability)
    )
