"""Receipts of spoken work: the recording lies beside the data set, whole, and is about the picture that it is said of.

DIR/recordings/SHA256.webm    the bytes that a browser recorded
DIR/recordings/SHA256.json    its card: {"sha256", "media_type", "milliseconds", "picture_sha256", "person", ...}

An example names its recordings in ``provenance.receipts``: ``audio_sha256`` and ``audio_ms``, parted by spaces. Data
that the studio made and calls spoken must name them. Published sets without recordings (PixMo-Cap) name none and
are judged by their provenance alone: docs/decisions/007-recordings-are-receipts.md.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.core.files import sha256_bytes, sha256_file
from openmolmo.core.optional import require
from openmolmo.records.example import Example, Made
from openmolmo.records.pictures import picture_bytes

__all__ = ["RECORDINGS", "STUDIO", "ReceiptBook", "claims_speech", "recording_milliseconds"]

STUDIO = "openmolmo studio"
"""The tool's name in the provenance of what was made in the studio."""

RECORDINGS = "recordings"
"""The folder of recordings beside a data set."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TOLERANCE_MS = 500  # what decoders count differently at the ends of a recording
# By content, and no other container: a playlist would make the decoder open what it names.
_CONTAINERS = (
    (b"\x1aE\xdf\xa3", 0, "matroska"),
    (b"OggS", 0, "ogg"),
    (b"ftyp", 4, "mp4"),
    (b"WAVE", 8, "wav"),
    (b"fLaC", 0, "flac"),
    (b"ID3", 0, "mp3"),
)


@dataclass
class ReceiptBook:
    """Checks the receipts of examples against a folder of recordings; each recording is read once."""

    folder: Path
    verified: int = 0
    """Recordings that are as the examples say."""
    _seen: dict[str, tuple[str | None, int]] = field(default_factory=dict)
    _pictures: dict[str, str] = field(default_factory=dict)

    def faults(self, example: Example) -> list[str]:
        """What is wrong with an example's receipts, a sentence each; nothing where it claims no speech."""
        origin = example.provenance
        named = origin.receipts.get("audio_sha256", "").split()
        spoken = sorted({one.kind for one in example.annotations if Made.SPOKEN in (origin.made.get(one.kind) or ())})
        if not named:
            missing = bool(spoken) and origin.tool == STUDIO
            return [f"its {' and '.join(spoken)} is said to be spoken, and no recording is named"] if missing else []
        lengths = origin.receipts.get("audio_ms", "").split()
        if len(lengths) != len(named) or not all(length.isdigit() for length in lengths):
            return [f"names {len(named)} recordings and the lengths {' '.join(lengths) or 'of none'}"]
        picture = _picture(example)
        found = (self._fault(digest, int(length), picture) for digest, length in zip(named, lengths, strict=True))
        return [fault for fault in found if fault is not None]

    def _fault(self, digest: str, length: int, picture: str | None) -> str | None:
        if _SHA256.fullmatch(digest) is None:
            return f"names the recording {digest[:80]!r}, which is no SHA-256"
        if picture is None:
            return f"has no picture, and names the recording {_short(digest)}"
        if digest not in self._seen:
            self._seen[digest] = self._look(digest)
            self.verified += self._seen[digest][0] is None
        wrong, real = self._seen[digest]
        if wrong is not None:
            return wrong
        if abs(real - length) > _TOLERANCE_MS:
            return f"recording {_short(digest)} is {real / 1000:.1f} s long, the receipt says {length / 1000:.1f} s"
        about = self._pictures[digest]
        if about != picture:
            return f"recording {_short(digest)} is about picture {_short(about)}, not about {_short(picture)}"
        return None

    def _look(self, digest: str) -> tuple[str | None, int]:
        """What is wrong with a recording itself, if anything, and its length in milliseconds."""
        files = [file for file in self.folder.glob(f"{digest}.*") if file.suffix != ".json"]
        if not files:
            return f"recording {_short(digest)} is not in {self.folder}", 0
        real = sha256_file(files[0])
        if real != digest:
            return f"recording {files[0].name} was changed or encoded again: its sha256 is {_short(real)}", 0
        card = _card(self.folder / f"{digest}.json")
        if card is None or card.get("sha256") != digest or not isinstance(card.get("picture_sha256"), str):
            return f"recording {_short(digest)} has no card that says which picture it is about", 0
        self._pictures[digest] = card["picture_sha256"]
        length = recording_milliseconds(files[0])
        return (f"recording {files[0].name} cannot be decoded", 0) if length is None else (None, length)


def claims_speech(example: Example) -> bool:
    """Whether its receipts are to be looked at: it names recordings, or the studio made it and calls it spoken."""
    origin = example.provenance
    spoken = any(Made.SPOKEN in how for how in origin.made.values())
    return "audio_sha256" in origin.receipts or (spoken and origin.tool == STUDIO)


def recording_milliseconds(path: Path) -> int | None:
    """Length of a recording by decoding it to its end; None where it is none. Browsers write no length into it."""
    av = require("av", extra="studio")
    with path.open("rb") as stream:
        head = stream.read(16)
        kind = next((name for start, at, name in _CONTAINERS if head[at : at + len(start)] == start), None)
        if kind is None:
            return None
        stream.seek(0)
        seconds = 0.0
        try:
            with av.open(stream, format=kind) as container:
                for frame in container.decode(audio=0):
                    seconds += frame.samples / frame.sample_rate
        except (av.error.FFmpegError, IndexError):  # no sound in it; a damaged end is a damaged recording
            return None
    return round(seconds * 1000)


def _picture(example: Example) -> str | None:
    """The hash of the picture's bytes as they are now; the one on record where they are elsewhere."""
    image = example.image
    if image is None:
        return None
    try:
        data = picture_bytes(image)
    except DataError:
        return None
    return image.sha256 if data is None else sha256_bytes(data)


def _card(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _short(digest: str) -> str:
    return f"{digest[:12]}..."
