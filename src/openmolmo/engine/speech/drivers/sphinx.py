"""PocketSphinx: offline, 38 MB, its American English model inside the package; word error 0.05 to 0.23 on clear speech.

It is here so that everything can be tried without network and without weights. It knows no punctuation and few
names: the transcripts of people who matter want ``faster_whisper``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from typing import Any

from openmolmo.core.errors import ConfigError
from openmolmo.core.optional import require
from openmolmo.engine.speech.audio import RATE, Audio, pcm16
from openmolmo.engine.speech.transcript import Segment, Transcript, Word

__all__ = ["PocketSphinx"]

NOTE = "made by pocketsphinx, an engine for trying things out: expect wrong words, and no commas"

_FRAME = 0.01  # seconds; the decoder's frame rate is 100
_VARIANT = re.compile(r"\(\d+\)$")  # "to(2)" is the second pronunciation of "to"


@dataclass(frozen=True, kw_only=True)
class PocketSphinx:
    """The driver ``pocketsphinx``. A silence of ``sentence_pause`` seconds ends a sentence."""

    sentence_pause: float = 0.25

    def __post_init__(self) -> None:
        if not self.sentence_pause > 0:
            raise ConfigError(f"sentence_pause is {self.sentence_pause}, and must be above 0 seconds")

    def transcribe(self, audio: Audio) -> Transcript:
        """Words with times; sentences begin with a capital and end with a full stop."""
        sentences = self._sentences(_decoded(audio)) if len(audio.samples) else []
        segments = tuple(Segment(text=_sentence(words), start=words[0].start, end=words[-1].end) for words in sentences)
        return Transcript(
            text=" ".join(segment.text for segment in segments),
            words=tuple(word for words in sentences for word in words),
            segments=segments,
            engine="pocketsphinx",
            model="en-us (in the package)",
            version=metadata.version("pocketsphinx"),
            language="en",
            seconds=audio.seconds,
            note=NOTE,
        )

    def _sentences(self, parts: Any) -> list[list[Word]]:
        sentences: list[list[Word]] = [[]]
        for part in parts:
            start, end = part.start_frame * _FRAME, (part.end_frame + 1) * _FRAME
            if part.word.startswith(("<", "[")):  # <sil>, <s>, </s>, [NOISE]
                if part.word == "<sil>" and end - start >= self.sentence_pause - 1e-9:
                    sentences.append([])
                continue
            text = _VARIANT.sub("", part.word)
            probability = min(1.0, float(part.prob))
            sentences[-1].append(Word(text=text, start=round(start, 3), end=round(end, 3), probability=probability))
        return [words for words in sentences if words]


@lru_cache(maxsize=1)
def _decoder() -> Any:
    return require("pocketsphinx", extra="speech").Decoder(samprate=RATE, loglevel="FATAL")


def _decoded(audio: Audio) -> Any:
    decoder = _decoder()
    decoder.reinit_feat()  # else the loudness of the last speaker colours this one
    decoder.start_utt()
    decoder.process_raw(pcm16(audio), full_utt=True)
    decoder.end_utt()
    return decoder.seg() or ()


def _sentence(words: list[Word]) -> str:
    text = " ".join("I" if word.text == "i" else re.sub(r"^i'", "I'", word.text) for word in words)
    return text[:1].upper() + text[1:] + "."
