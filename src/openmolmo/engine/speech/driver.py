"""A driver turns sound into a transcript; drivers come in by the entry-point group ``openmolmo.speech_drivers``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from openmolmo.core.errors import ConfigError
from openmolmo.core.registry import Registry
from openmolmo.engine.speech.audio import Audio, AudioSource, read_audio
from openmolmo.engine.speech.transcript import Transcript

__all__ = ["DRIVERS", "SpeechDriver", "build_driver", "transcribe"]


class SpeechDriver(Protocol):
    """What a driver offers. It is a frozen dataclass of its options; models are loaded once a process."""

    def transcribe(self, audio: Audio) -> Transcript:
        """The words of ``audio``."""
        ...


DRIVERS: Registry[Callable[..., SpeechDriver]] = Registry("speech_driver")
"""Classes (or functions) that take a driver's options and give the driver."""


def build_driver(name: str, **options: object) -> SpeechDriver:
    """The driver called ``name``; an option that it does not have raises :class:`ConfigError`."""
    make = DRIVERS.get(name)
    try:
        return make(**options)
    except TypeError as error:
        raise ConfigError(f"the speech driver {name!r} cannot be made: {error}", fix="check its options") from error


def transcribe(
    audio: Audio | AudioSource, driver: str | SpeechDriver = "pocketsphinx", **options: object
) -> Transcript:
    """The transcript of a recording, by the driver of that name, made with ``options``, or by one that is made."""
    engine = build_driver(driver, **options) if isinstance(driver, str) else driver
    return engine.transcribe(audio if isinstance(audio, Audio) else read_audio(audio))
