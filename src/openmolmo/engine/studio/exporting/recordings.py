"""The recordings that vouch for examples, copied by their hashes, each with a card that says what it is about."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

from openmolmo.core.errors import DataError
from openmolmo.engine.studio.exporting.examples import StudioExample
from openmolmo.engine.studio.exporting.staging import Stage
from openmolmo.engine.studio.tasks.base import Spoken
from openmolmo.records.receipts import RECORDINGS

__all__ = ["copy_recordings"]

_ENDINGS = {
    "audio/webm": ".webm",
    "video/webm": ".webm",
    "audio/ogg": ".ogg",
    "audio/mp4": ".m4a",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "audio/mpeg": ".mp3",
    "audio/flac": ".flac",
}


def copy_recordings(stage: Stage, one: StudioExample, directory: Path) -> None:
    """Copy the recordings of an example; one that is missing or was changed is a :class:`DataError` with its name."""
    root = directory.resolve()
    for spoken in one.spoken:
        source = (root / spoken.path).resolve()
        if not spoken.path or not source.is_relative_to(root):
            raise DataError(f"recording {spoken.recording_id} is not in the studio's folder", file=str(source))
        stage.copy(source, f"{RECORDINGS}/{spoken.sha256}{_ending(spoken)}", spoken.sha256)
        stage.write(f"{RECORDINGS}/{spoken.sha256}.json", _card(one, spoken))


def _ending(spoken: Spoken) -> str:
    kind = spoken.media_type.partition(";")[0].strip().lower()
    return _ENDINGS.get(kind) or PurePosixPath(spoken.path).suffix or ".bin"


def _card(one: StudioExample, spoken: Spoken) -> bytes:
    image, receipts = one.example.image, one.example.provenance.receipts
    assert image is not None
    card = {
        "sha256": spoken.sha256,
        "media_type": spoken.media_type,
        "milliseconds": spoken.milliseconds,
        "picture_sha256": image.sha256,
        "person": one.speakers[spoken.recording_id],
        "studio": receipts["studio"],
        "project": receipts["project"],
    }
    return (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode()
