"""Recordings of any browser: read as 16 kHz mono, measured, and packed anew for seeking.

A browser's webm has no duration and no index, and may lack its last chunks: it is decoded to where
it ends. The bytes themselves are never changed; they are the receipt.
"""

from __future__ import annotations

import io
import math
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmolmo.core.errors import DataError
from openmolmo.core.optional import require

__all__ = ["RATE", "Audio", "AudioSource", "read_audio", "remux_ogg", "wav_bytes"]

RATE = 16_000
"""Samples a second: what every engine here takes."""

MAX_SECONDS = 3600.0
"""Longer recordings are refused while they are read: an hour of one picture is a mistake, or an attack."""

AudioSource = Path | str | bytes
"""A file, or the bytes of one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Audio:
    """Sound as ``samples`` (n,) float32, -1 to 1, mono, at :data:`RATE`.

    ``container`` and ``codec`` say what it was read from; ``damaged`` that bytes at its end, or in its
    middle, could not be decoded and are left out.
    """

    samples: NDArray[np.float32]
    container: str = "raw"
    codec: str = "pcm"
    damaged: bool = False

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or self.samples.dtype != np.float32:
            shape, kind = self.samples.shape, self.samples.dtype
            raise DataError(f"audio is one row of float32, not {kind} of shape {shape}", fix="use read_audio")

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.samples) / RATE

    @property
    def level(self) -> float:
        """Loudness in dBFS: 0 is the loudest square wave, a person near a microphone is about -30 to -15."""
        if not len(self.samples):
            return -math.inf
        power = float(np.mean(np.square(self.samples, dtype=np.float64)))
        return 10 * math.log10(power) if power > 0 else -math.inf


def read_audio(source: AudioSource, *, max_seconds: float = MAX_SECONDS) -> Audio:
    """Decode webm/opus, mp4/AAC, ogg, wav and whatever else ffmpeg knows to 16 kHz mono float32.

    What cannot be decoded at the end is left out and ``damaged`` is set. A file with no sound to decode at
    all raises :class:`DataError`.
    """
    av = require("av", extra="speech")
    name = _name(source)
    with _opened(av, source) as container:
        stream = _stream(container, name)
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        pieces: list[NDArray[np.float32]] = []
        counted = 0
        damaged = False
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:  # the file itself cannot be followed further
                damaged = True
                break
            if packet is None:
                break
            try:
                new = list(_resampled(resampler, packet.decode()))
            except (av.FFmpegError, ValueError):  # broken sound; or sound of another rate, out of broken bytes
                damaged = True
                continue
            pieces.extend(new)
            counted += sum(map(len, new))
            if counted > max_seconds * RATE:
                raise DataError(f"{name} is longer than {max_seconds:g} seconds", fix="cut it, or raise max_seconds")
        pieces.extend(_resampled(resampler, [None]) if pieces else ())
        if not pieces:
            raise _no_sound(name, "no sound in it can be decoded")
        samples = np.ascontiguousarray(np.concatenate(pieces), dtype=np.float32)
        codec = stream.codec_context.name
        return Audio(samples=samples, container=container.format.name, codec=codec, damaged=damaged)


def remux_ogg(source: AudioSource) -> bytes:
    """The same Opus or Vorbis packets in an .ogg, which has a duration and can be sought; nothing is encoded again.

    Other codecs (AAC of an mp4, plain wav) can be sought as they are, and raise :class:`DataError` here.
    """
    av = require("av", extra="speech")
    name = _name(source)
    out = io.BytesIO()
    with _opened(av, source) as container:
        stream = _stream(container, name)
        codec = stream.codec_context.name
        if codec not in {"opus", "libopus", "vorbis", "libvorbis"}:
            raise DataError(f"{name} holds {codec}, and an .ogg takes opus or vorbis", fix="serve it as it is")
        with av.open(out, "w", format="ogg") as target:
            copy = target.add_stream_from_template(stream)
            count = 0
            try:
                for packet in container.demux(stream):
                    if packet.dts is not None:
                        packet.stream = copy
                        target.mux(packet)
                        count += 1
            except av.FFmpegError as error:
                if not count:
                    raise _no_sound(name, str(error)) from error
        if not count:
            raise _no_sound(name, "no sound in it")
    return out.getvalue()


def wav_bytes(audio: Audio) -> bytes:
    """A .wav of 16-bit samples, which everything can play."""
    out = io.BytesIO()
    with wave.open(out, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(RATE)
        target.writeframes(pcm16(audio))
    return out.getvalue()


def pcm16(audio: Audio) -> bytes:
    """The samples as little-endian 16-bit numbers."""
    return (np.clip(audio.samples, -1, 1) * 32767).astype("<i2").tobytes()


def _name(source: AudioSource) -> str:
    return "the recording" if isinstance(source, bytes) else Path(source).name


def _opened(av: Any, source: AudioSource) -> Any:
    """The container of ``source``; one that is empty or that no format recognises raises."""
    name = _name(source)
    if isinstance(source, bytes):
        data = source
    else:
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            raise DataError(f"{name} cannot be read: {error.strerror}", fix="check the path") from error
    if not data:
        raise _no_sound(name, "it has 0 bytes")
    try:
        return av.open(io.BytesIO(data))
    except (av.FFmpegError, ValueError) as error:
        raise _no_sound(name, f"its {len(data)} bytes begin like no known kind of audio") from error


def _stream(container: Any, name: str) -> Any:
    if not container.streams.audio:
        raise _no_sound(name, f"this {container.format.name} file has no audio in it")
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise _no_sound(name, "no decoder is known for its kind of audio")
    return stream


def _resampled(resampler: Any, frames: list[Any]) -> Iterator[NDArray[np.float32]]:
    for frame in frames:
        for piece in resampler.resample(frame):
            yield piece.to_ndarray()[0]


def _no_sound(name: str, why: str) -> DataError:
    return DataError(f"{name} cannot be played: {why}", fix="record it again; if it was copied, copy it again")
