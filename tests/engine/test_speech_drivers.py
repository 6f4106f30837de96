"""Every driver gives a transcript of the one form; an engine offline, a stand-in for Whisper, a server that answers."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from openmolmo.core.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    MissingDependencyError,
    NotRegisteredError,
    RunError,
)
from openmolmo.engine.speech import DRIVERS, Audio, Transcript, Word, build_driver, read_audio, transcribe
from openmolmo.engine.speech.audio import RATE
from openmolmo.engine.speech.drivers import sphinx, whisper

RECORDING = Path(__file__).parents[1] / "fixtures/speech/three_sentences.webm"
SAID = "There is a red bicycle next to a wooden bench. The sky is blue. I can see three people."


@pytest.fixture(scope="module")
def audio() -> Audio:
    return read_audio(RECORDING)


def test_drivers_come_in_by_entry_points() -> None:
    assert DRIVERS.names() == ["faster_whisper", "none", "openai_http", "pocketsphinx"]
    with pytest.raises(NotRegisteredError, match="no speech_driver called 'wisper'"):
        transcribe(RECORDING, "wisper")
    with pytest.raises(ConfigError, match=r"'none' cannot be made.*colour"):
        build_driver("none", colour="red")


def test_pocketsphinx_hears_words_with_times_and_cuts_at_pauses(audio: Audio) -> None:
    end = Audio(samples=audio.samples[int(2.7 * RATE) :])  # from the second sentence on
    found = transcribe(end)
    assert [segment.text.endswith(".") and segment.text[0].isupper() for segment in found.segments] == [True] * 2
    assert found.segments[1].text == "I can see three people."
    assert found.text == " ".join(segment.text for segment in found.segments)
    times = [time for word in found.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= found.seconds == end.seconds
    people = next(word for word in found.words if word.text == "people")
    assert (people.start, people.end) == (pytest.approx(2.75, abs=0.25), pytest.approx(3.25, abs=0.25))
    assert (found.engine, found.language) == ("pocketsphinx", "en")
    assert found.version[0].isdigit()
    assert found.note == sphinx.NOTE
    assert "trying things out" in sphinx.NOTE
    assert Transcript.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    for nothing in (0, 1, 100, RATE // 4):
        assert transcribe(Audio(samples=np.zeros(nothing, np.float32))).text == ""


@pytest.mark.slow
def test_pocketsphinx_hears_most_words_and_the_same_ones_again(audio: Audio) -> None:
    found = transcribe(audio)
    words, heard = SAID.lower().replace(".", "").split(), {word.text for word in found.words}
    assert sum(word in heard for word in words) / len(words) > 0.8
    assert len(found.segments) == 3
    transcribe(Audio(samples=audio.samples[: 2 * RATE] * 0.2))
    assert transcribe(audio) == found  # what was heard before leaves no trace
    assert len(transcribe(audio, "pocketsphinx", sentence_pause=2).segments) == 1


def test_none_leaves_the_text_to_the_person(audio: Audio) -> None:
    found = transcribe(audio, "none")
    assert (found.text, found.words, found.engine, found.seconds) == ("", (), "none", audio.seconds)
    with pytest.raises(DataError, match="this is no transcript"):
        Transcript.from_dict({"text": "", "colour": "red"})


class StandIn:
    """faster_whisper.WhisperModel, as far as it is called."""

    made: ClassVar[list[tuple[Any, ...]]] = []
    asked: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, name: str, **options: Any) -> None:
        if name == "gone":
            raise RuntimeError("Unable to open file 'model.bin' in model 'gone'")
        StandIn.made.append((name, options))

    def transcribe(self, samples: Any, **options: Any) -> tuple[Iterator[Any], Any]:
        StandIn.asked.append({"samples": len(samples), **options})
        words = [SimpleNamespace(word=" Red", start=0.1, end=0.4, probability=0.9)]
        parts = [
            SimpleNamespace(text=" Red bicycle.", start=0.1, end=1.0, words=words),
            SimpleNamespace(text=" Blue sky.", start=2.0, end=3.0, words=None),
        ]
        return iter(parts), SimpleNamespace(language="en")


def test_faster_whisper_is_asked_as_it_wants_and_read_whole(audio: Audio, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("faster_whisper")
    module.WhisperModel = StandIn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "faster_whisper", module)
    monkeypatch.setattr(StandIn, "made", [])
    monkeypatch.setattr(StandIn, "asked", [])
    whisper._load.cache_clear()
    driver = build_driver("faster_whisper", model="folder", device="cpu", local_files_only=True, language="en")
    found = [driver.transcribe(audio), driver.transcribe(audio)][1]
    assert StandIn.made == [  # loaded once
        ("folder", {"device": "cpu", "compute_type": "int8", "local_files_only": True, "cpu_threads": 0})
    ]
    first = {"samples": len(audio.samples), "language": "en", "beam_size": 5}
    assert StandIn.asked[0] == {**first, "word_timestamps": True, "vad_filter": True}
    assert found.text == "Red bicycle. Blue sky."
    assert found.words == (Word(text="Red", start=0.1, end=0.4, probability=0.9),)
    assert [(part.text, part.start) for part in found.segments] == [("Red bicycle.", 0.1), ("Blue sky.", 2.0)]
    assert (found.engine, found.model, found.language) == ("faster_whisper", "folder", "en")
    with pytest.raises(CheckpointError, match="cannot load the name 'gone': Unable to open"):
        transcribe(audio, "faster_whisper", model="gone")
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    whisper._load.cache_clear()
    with pytest.raises(MissingDependencyError, match=r"openmolmo\[whisper\]"):
        transcribe(audio, "faster_whisper")


REPLY = {
    "text": " Red bicycle. ",
    "language": "english",
    "duration": 6.4,
    "words": [{"word": "Red", "start": 0.1, "end": 0.4}],
    "segments": [
        {
            "id": 0, "seek": 0, "start": 0.1, "end": 1.0, "text": " Red bicycle.", "tokens": [1], "temperature": 0.0,
            "avg_logprob": -0.1, "compression_ratio": 1.0, "no_speech_prob": 0.0,
        }
    ],
}  # fmt: skip


class Server(BaseHTTPRequestHandler):
    replies: ClassVar[list[tuple[int, Any]]] = []
    seen: ClassVar[list[tuple[str, bytes, str]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Server.seen.append((self.path, body, self.headers["Authorization"]))
        status, reply = Server.replies.pop(0)
        data = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("retry-after-ms", "1")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    Server.seen.clear()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def test_a_server_is_asked_again_and_its_answer_read(
    address: str, audio: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    driver = build_driver("openai_http", base_url=address, model="whisper-1", language="en")
    Server.replies[:] = [(500, {}), (429, {}), (200, REPLY)]
    found = driver.transcribe(audio)
    path, body, key = Server.seen[-1]
    assert (path, key) == ("/v1/audio/transcriptions", "Bearer secret")
    assert body.count(b"RIFF") == 1
    for part in (b"whisper-1", b"verbose_json", b'name="timestamp_granularities[]"', b'name="language"'):
        assert part in body
    assert (found.text, found.words) == ("Red bicycle.", (Word(text="Red", start=0.1, end=0.4),))
    assert found.segments[0].text == "Red bicycle."
    assert (found.engine, found.model, found.seconds) == ("openai_http", "whisper-1", audio.seconds)
    assert "secret" not in json.dumps(found.to_dict()) + repr(driver)
    Server.replies[:] = [(200, {"text": "only text"})]  # as simple servers do
    assert driver.transcribe(audio).segments == ()
    Server.replies[:] = [(200, {"nonsense": 1})]
    with pytest.raises(RunError, match="answered without a text"):
        driver.transcribe(audio)
    Server.replies[:] = [(404, {"error": {"message": "no model whisper-1"}})]
    with pytest.raises(RunError, match="no model whisper-1"):
        driver.transcribe(audio)


def test_a_server_that_is_not_there_or_no_address_is_said(audio: Audio) -> None:
    with pytest.raises(RunError, match=r"127\.0\.0\.1:9/v1 gave no transcript: Connection error"):
        transcribe(audio, "openai_http", base_url="http://127.0.0.1:9/v1", model="m", retries=0)
    with pytest.raises(ConfigError, match="must begin with http"):
        build_driver("openai_http", base_url="localhost:8000", model="m")
