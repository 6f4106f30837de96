"""Recordings of any browser, whole and broken; and the gates that they pass."""

from __future__ import annotations

import io
import math
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmolmo.core.errors import ConfigError, DataError, MissingDependencyError
from openmolmo.engine.speech import Audio, Gates, check_recording, detect, read_audio, remux_ogg
from openmolmo.engine.speech.audio import RATE, wav_bytes

RECORDINGS = Path(__file__).parents[1] / "fixtures/speech"
WEBM = (RECORDINGS / "three_sentences.webm").read_bytes()
OGG = (RECORDINGS / "three_sentences.ogg").read_bytes()
SECONDS = 6.41
"""Of both: flite's voice slt says three sentences with pauses of 0.45 s; the webm has no duration, as a browser's."""


def as_mp4(audio: Audio) -> bytes:
    """AAC in fragments, as browsers record it where they have no webm."""
    out = io.BytesIO()
    with av.open(
        out, "w", format="mp4", options={"movflags": "empty_moov+default_base_moof", "frag_duration": "500000"}
    ) as target:
        stream = target.add_stream("aac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(audio.samples[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE, frame_size=1024)
        for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
            target.mux(stream.encode(piece))
    return out.getvalue()


def test_every_container_gives_the_same_sound(tmp_path: Path) -> None:
    webm = read_audio(WEBM)
    assert webm.samples.dtype == np.float32
    assert webm.samples.ndim == 1
    file = tmp_path / "said.wav"
    file.write_bytes(wav_bytes(webm))
    others = {"ogg": read_audio(OGG), "wav": read_audio(file), "mov": read_audio(as_mp4(webm))}
    for name, audio in others.items():
        assert name in audio.container
        assert audio.seconds == pytest.approx(SECONDS, abs=0.15)  # AAC pads its ends
        assert audio.level == pytest.approx(webm.level, abs=0.5)
        assert not audio.damaged
    assert np.abs(others["wav"].samples - webm.samples).max() < 1e-3


def test_a_browsers_webm_gains_a_duration_and_keeps_its_sound() -> None:
    with av.open(io.BytesIO(WEBM)) as container:
        assert container.duration is None
    remuxed = remux_ogg(WEBM)
    with av.open(io.BytesIO(remuxed)) as container:
        assert container.duration / av.time_base == pytest.approx(SECONDS, abs=0.1)
        packets = [bytes(packet) for packet in container.demux() if packet.size]
    with av.open(io.BytesIO(WEBM)) as container:
        assert packets == [bytes(packet) for packet in container.demux() if packet.size]  # nothing encoded again
    with pytest.raises(DataError, match=r"pcm_s16le, and an \.ogg takes opus"):
        remux_ogg(wav_bytes(read_audio(WEBM)))


def test_what_came_before_the_lost_chunks_still_decodes() -> None:
    whole = read_audio(WEBM)
    for share in (0.9, 0.625, 0.3):  # with the last three of eight chunks lost, 0.625 are left
        part = read_audio(WEBM[: int(share * len(WEBM))])
        assert part.seconds == pytest.approx(share * SECONDS, abs=0.6)
        size = len(part.samples) - RATE // 10
        assert np.abs(part.samples[:size] - whole.samples[:size]).max() < 1e-3
    fragmented = as_mp4(whole)
    assert 2 < read_audio(fragmented[: len(fragmented) // 2]).seconds < 4.5


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it has 0 bytes"),
        (b"no sound at all" * 50, "begin like no known kind of audio"),
        (WEBM[:60], "begin like no known kind of audio|no audio in it|can be decoded"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "begin like no known kind of audio|no audio in it|can be decoded"),
    ],
)
def test_broken_files_give_one_clear_error(data: bytes, why: str) -> None:
    for read in (read_audio, remux_ogg):
        with pytest.raises(DataError, match=f"^the recording cannot be played: .*({why})") as error:
            read(data)
        assert error.value.fix


@settings(max_examples=12, deadline=None)
@given(st.dictionaries(st.integers(0, 600) | st.integers(0, len(WEBM) - 1), st.integers(0, 255), max_size=12))
def test_any_bytes_are_sound_or_one_clear_error(changed: dict[int, int]) -> None:
    data = bytearray(WEBM)
    for place, value in changed.items():
        data[place] = value
    for read in (read_audio, remux_ogg):
        try:
            assert read(bytes(data))
        except DataError as error:
            assert "the recording" in str(error)


def test_files_that_are_absent_or_endless_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.webm cannot be read: No such file"):
        read_audio(tmp_path / "gone.webm")
    with pytest.raises(DataError, match="longer than 3 seconds"):
        read_audio(WEBM, max_seconds=3)
    with pytest.raises(DataError, match="one row of float32, not float64"):
        Audio(samples=np.zeros(5))  # type: ignore[arg-type]


def test_without_the_package_the_pip_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "openmolmo\[speech\]"'):
        read_audio(WEBM)


def sounds() -> dict[str, Audio]:
    rng = np.random.default_rng(0)
    said = read_audio(WEBM).samples
    made = {
        "speech": said,
        "speech, then fifteen seconds of nothing": np.pad(said, (0, 15 * RATE)),
        "hum": 0.1 * np.sin(np.arange(5 * RATE) / RATE * 2 * np.pi * 100),
        "noise": rng.normal(0, 0.05, 5 * RATE),
        "nothing": np.zeros(5 * RATE),
        "far away": said * 0.001,
    }
    return {name: Audio(samples=samples.astype(np.float32)) for name, samples in made.items()}


@pytest.mark.parametrize("detector", ["silero", "energy"])
def test_gates(detector: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if detector == "energy":
        monkeypatch.setattr(detect, "silero_file", lambda: None)
    elif detect.silero_file() is None:
        pytest.skip("faster-whisper is not installed")
    made = sounds()
    gates = Gates(min_seconds=3, max_seconds=60)
    refused = {name: [refusal.gate for refusal in check_recording(audio, gates)] for name, audio in made.items()}
    assert refused == {
        "speech": [],
        "speech, then fifteen seconds of nothing": ["little_speech"],
        "hum": ["little_speech"],
        "noise": ["little_speech"],
        "nothing": ["silent"],
        "far away": ["silent"],
    }
    assert detect.speech_share(made["speech"]) == (pytest.approx(0.8, abs=0.15), detector)


def test_verdicts_are_sentences_with_both_values() -> None:
    made = sounds()

    def said(name: str, **gates: float) -> list[str]:
        return [refusal.message for refusal in check_recording(made[name], Gates(**gates))]

    assert said("speech")[0].startswith("The recording has 6.4 seconds; 60 are needed")
    assert said("speech", min_seconds=1, max_seconds=5)[0].startswith("The recording has 6.4 seconds; 5 are the most")
    assert said("nothing", min_seconds=1)[0].startswith("The recording is silent; -50 dB are needed")
    assert said("far away", min_seconds=1)[0].startswith("The recording has a level of -7")
    assert said("hum", min_seconds=1)[0].startswith("0% of the recording is speech")
    assert said("far away", min_seconds=1, min_level=-90, min_speech=0) == []
    refusal = check_recording(made["nothing"], Gates(min_seconds=1))[0]
    assert (refusal.value, refusal.bound) == (-math.inf, -50)
    for wrong in ({"min_seconds": 90, "max_seconds": 60}, {"min_speech": 30}, {"min_level": 5}):
        with pytest.raises(ConfigError):
            Gates(**wrong)
