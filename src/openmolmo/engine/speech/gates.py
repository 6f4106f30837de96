"""What a recording must be before it counts: long enough, short enough, audible, and speech."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from openmolmo.core.errors import ConfigError
from openmolmo.engine.speech.audio import Audio
from openmolmo.engine.speech.detect import speech_share

__all__ = ["Gates", "Refusal", "check_recording"]


@dataclass(frozen=True, kw_only=True)
class Gates:
    """Bounds of a recording; ``level`` is in dBFS (0 is the loudest), ``speech`` a share of the time.

    The paper's captions are spoken for 60 or 90 seconds; pauses to look are wanted, so a third of speech is enough.
    """

    min_seconds: float = 60.0
    max_seconds: float = 600.0
    min_level: float = -50.0
    min_speech: float = 0.3

    def __post_init__(self) -> None:
        if not 0 <= self.min_seconds < self.max_seconds:
            raise ConfigError(
                f"min_seconds is {self.min_seconds:g} and max_seconds {self.max_seconds:g}",
                fix="the least must be 0 or more, and below the most",
            )
        if not 0 <= self.min_speech <= 1:
            raise ConfigError(f"min_speech is {self.min_speech:g}, and must be a share from 0 to 1", fix="e.g. 0.3")
        if self.min_level > 0:
            raise ConfigError(f"min_level is {self.min_level:g} dB, and nothing is louder than 0", fix="e.g. -50")


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A gate that is not passed; ``message`` is a sentence for the person who spoke."""

    gate: Literal["too_short", "too_long", "silent", "little_speech"]
    value: float
    bound: float
    message: str


def check_recording(audio: Audio, gates: Gates | None = None) -> list[Refusal]:
    """Every gate that the recording does not pass; none is an empty list. Of a silent one nothing more is said."""
    gates = gates or Gates()
    refusals = list(_length(audio.seconds, gates))
    level = audio.level
    if level < gates.min_level:
        heard = "is silent" if level == float("-inf") else f"has a level of {level:.0f} dB"
        message = f"The recording {heard}; {gates.min_level:.0f} dB are needed: check that the right microphone is on."
        return [*refusals, Refusal(gate="silent", value=level, bound=gates.min_level, message=message)]
    share, detector = speech_share(audio)
    if share < gates.min_speech:
        message = (
            f"{share:.0%} of the recording is speech ({detector}); {gates.min_speech:.0%} are needed: "
            "speak more, or nearer to the microphone."
        )
        refusals.append(Refusal(gate="little_speech", value=share, bound=gates.min_speech, message=message))
    return refusals


def _length(seconds: float, gates: Gates) -> list[Refusal]:
    if seconds < gates.min_seconds:
        message = f"The recording has {seconds:.1f} seconds; {gates.min_seconds:g} are needed: say more of the picture."
        return [Refusal(gate="too_short", value=seconds, bound=gates.min_seconds, message=message)]
    if seconds > gates.max_seconds:
        message = f"The recording has {seconds:.1f} seconds; {gates.max_seconds:g} are the most: record a shorter one."
        return [Refusal(gate="too_long", value=seconds, bound=gates.max_seconds, message=message)]
    return []
