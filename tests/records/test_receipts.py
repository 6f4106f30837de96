"""Which data must have recordings: what the studio made and calls spoken, and whatever names one."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from PIL import Image

from openmolmo.core.files import sha256_bytes
from openmolmo.records.audit import audit_dataset
from openmolmo.records.receipts import recording_milliseconds

SPOKEN = {"caption": ["person-spoken", "speech-recognition", "text-only-llm"]}


def wave(seconds: float) -> bytes:
    """Silence as a browser without compression would record it."""
    import wave as waves

    stream = io.BytesIO()
    with waves.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(int(seconds * 8000) * 2))
    return stream.getvalue()


def dataset(folder: Path, *, tool: str, receipts: dict[str, str] | None = None, made: Any = SPOKEN) -> Path:
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (8, 8), "red").save(folder / "a.png")
    provenance = {"tool": tool, "made": made, "receipts": receipts or {}}
    row = {"id": "one", "image": "a.png", "caption": "A red square.", "provenance": provenance}
    (folder / "rows.jsonl").write_text(json.dumps(row))
    return folder


def test_speech_of_the_studio_needs_a_recording_and_published_speech_is_judged_as_before(tmp_path: Path) -> None:
    assert audit_dataset(dataset(tmp_path / "published", tool="")).ok
    assert audit_dataset(dataset(tmp_path / "typed", tool="openmolmo studio", made={"caption": "person-written"})).ok
    (fault,) = audit_dataset(dataset(tmp_path / "studio", tool="openmolmo studio")).receipts
    assert fault == "one: its caption is said to be spoken, and no recording is named"


def test_a_named_recording_is_checked_whoever_made_the_data(tmp_path: Path) -> None:
    data = wave(3.0)
    digest = sha256_bytes(data)
    folder = dataset(tmp_path / "set", tool="another", receipts={"audio_sha256": digest, "audio_ms": "3000"})
    (folder / "recordings").mkdir()
    card = {"sha256": digest, "picture_sha256": sha256_bytes((folder / "a.png").read_bytes())}
    (folder / f"recordings/{digest}.json").write_text(json.dumps(card))
    assert "is not in" in audit_dataset(folder).receipts[0]
    (folder / f"recordings/{digest}.wav").write_bytes(data)
    good = audit_dataset(folder)
    assert (good.ok, good.recordings) == (True, 1)
    assert good.to_dict()["recordings"] == 1
    # Another picture under the same name is not the one that was spoken about.
    Image.new("RGB", (8, 8), "blue").save(folder / "a.png")
    assert "is about picture" in audit_dataset(folder).receipts[0]
    for receipts, said in (
        ({"audio_sha256": digest}, "the lengths of none"),
        ({"audio_sha256": f"{digest} {digest}", "audio_ms": "3000"}, "names 2 recordings"),
        ({"audio_sha256": "../../etc/passwd", "audio_ms": "1"}, "which is no SHA-256"),
    ):
        assert said in audit_dataset(dataset(tmp_path / "set", tool="x", receipts=receipts)).receipts[0]


def test_only_sound_has_a_length(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(wave(1.5))
    assert recording_milliseconds(tmp_path / "a") == 1500
    (tmp_path / "list").write_text("#EXTM3U\n#EXTINF:1\nhttp://127.0.0.1:9/a.ts\n")  # would be fetched
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "head").write_bytes(b"OggS" + bytes(60))
    assert [recording_milliseconds(tmp_path / name) for name in ("list", "empty", "head")] == [None] * 3
