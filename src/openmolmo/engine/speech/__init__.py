"""Speech to text: what a person says of a picture, as words with times.

::

    from openmolmo.engine.speech import Gates, check_recording, read_audio, transcribe

    audio = read_audio("recording.webm")                # 16 kHz mono, whatever the browser made
    refusals = check_recording(audio, Gates(min_seconds=60))  # too short, too long, silent, little speech
    said = transcribe(audio, "pocketsphinx")            # Transcript: text, words, segments, engine, model, version

Drivers: ``pocketsphinx`` (offline, for trying things out), ``faster_whisper`` (any folder in CTranslate2's form),
``openai_http`` (any server with ``/v1/audio/transcriptions``), ``none`` (the person types). A driver of your own is
an entry point in ``openmolmo.speech_drivers``.
"""

from openmolmo.engine.speech.audio import Audio, read_audio, remux_ogg
from openmolmo.engine.speech.driver import DRIVERS, SpeechDriver, build_driver, transcribe
from openmolmo.engine.speech.gates import Gates, Refusal, check_recording
from openmolmo.engine.speech.transcript import Segment, Transcript, Word

__all__ = [
    "DRIVERS",
    "Audio",
    "Gates",
    "Refusal",
    "Segment",
    "SpeechDriver",
    "Transcript",
    "Word",
    "build_driver",
    "check_recording",
    "read_audio",
    "remux_ogg",
    "transcribe",
]
