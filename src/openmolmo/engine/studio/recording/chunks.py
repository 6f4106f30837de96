"""A recording while somebody speaks: begun, its pieces kept as they come, given up.

recordings/7/00000-<sha256>      piece 0 of recording 7, on the disk before its row says so
recordings/7/original.webm       all pieces joined, when it is finished (finishing.py)
recordings/7/seekable.ogg        the same sound for listening
"""

from __future__ import annotations

import shutil
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session as Rows

from openmolmo.core.files import atomic_file, sha256_bytes
from openmolmo.engine.studio import queue
from openmolmo.engine.studio.events import record
from openmolmo.engine.studio.recording.refusals import RecordingRefusedError
from openmolmo.engine.studio.settings import StudioSettings
from openmolmo.engine.studio.store.database import Database
from openmolmo.engine.studio.store.tables import Chunk, Lease, Recording, Task

__all__ = ["MODE", "TYPES", "begin", "chunk_file", "discard", "folder", "ours", "put"]

MODE = "speak"

TYPES = {"audio/webm": ".webm", "video/webm": ".webm", "audio/ogg": ".ogg", "audio/mp4": ".m4a"}
"""What browsers record, and how their files end."""

_STARTS = ((b"\x1aE\xdf\xa3", 0), (b"OggS", 0), (b"ftyp", 4))  # webm, ogg, mp4
_MOST_PARTS = 60
_MOST_BYTES_A_SECOND = 40_000
"""Sound of a browser has 2 to 32 kB a second; what is more is no sound."""


def begin(rows: Rows, lease_id: int, person_id: int, media_type: str, picture_id: int | None, now: float) -> Recording:
    """A new recording under a live lease. ``picture_id``: what the page shows, which must be the task's picture."""
    lease = queue.hold(rows, lease_id, person_id, now)
    task = rows.get_one(Task, lease.task_id)
    if task.mode != MODE:
        raise RecordingRefusedError("not_spoken", status=409)
    if picture_id is not None and picture_id != task.picture_id:
        raise RecordingRefusedError("other_picture", status=409)
    if media_type.partition(";")[0].strip().lower() not in TYPES or len(media_type) > 80:
        raise RecordingRefusedError("type", status=415, type=media_type[:60] or "?")
    parts = select(func.count(Recording.id)).where(Recording.lease_id == lease_id)
    if (rows.scalar(parts) or 0) >= _MOST_PARTS:
        raise RecordingRefusedError("too_many", status=409, most=_MOST_PARTS)
    recording = Recording(
        lease_id=lease_id,
        person_id=person_id,
        picture_id=task.picture_id,
        media_type=media_type,
        state="open",
        size=0,
        started_at=now,
    )
    rows.add(recording)
    rows.flush()
    record(rows, "recording.begun", "recording", recording.id, person_id, after={"type": media_type}, now=now)
    return recording


def ours(rows: Rows, recording_id: int, person_id: int, *, lock: bool = False) -> Recording:
    """The recording, if it is this person's; somebody else's is as if it were not there."""
    found = rows.get(Recording, recording_id, with_for_update=True if lock else None)
    if found is None or found.person_id != person_id:
        raise RecordingRefusedError("unknown", status=404)
    return found


def put(
    database: Database,
    settings: StudioSettings,
    recording_id: int,
    person_id: int,
    number: int,
    data: bytes,
    digest: str | None,
    now: float,
) -> int:
    """Keep piece ``number`` (from 0, in any order); how many bytes the recording has now.

    The same piece twice is no error; other bytes under the same number are one. ``digest``: the page's own sha256 of
    the bytes, so that what was damaged on its way is told and sent again. The lease is not asked for here: what
    somebody said is kept even where the network was away for longer than the lease.
    """
    if not data:
        raise RecordingRefusedError("empty", number=number)
    real = sha256_bytes(data)
    if digest is not None and digest != real:
        raise RecordingRefusedError("damaged", number=number)
    with database.read() as rows:
        recording = ours(rows, recording_id, person_id)
        if _known(rows, recording, number, real):
            return recording.size
        _check(recording, number, data, settings)
    path = chunk_file(settings.directory, recording_id, number, real)
    with atomic_file(path) as temporary:
        temporary.write_bytes(data)
    with database.begin() as rows:
        recording = ours(rows, recording_id, person_id, lock=True)
        if not _known(rows, recording, number, real):
            _check(recording, number, data, settings)
            rows.add(Chunk(recording_id=recording_id, number=number, size=len(data), sha256=real, received_at=now))
            recording.size += len(data)
        return recording.size


def _known(rows: Rows, recording: Recording, number: int, digest: str) -> bool:
    """Whether this piece is here already. Other bytes of its number, or a recording that takes none, raise."""
    kept = rows.get(Chunk, (recording.id, number))
    if kept is not None and kept.sha256 == digest:
        return True
    if kept is not None:
        raise RecordingRefusedError("other_bytes", status=409, number=number)
    if recording.state != "open":
        raise RecordingRefusedError("closed", status=409, more={"state": recording.state})
    return False


def _check(recording: Recording, number: int, data: bytes, settings: StudioSettings) -> None:
    seconds = 60 * settings.max_recording_minutes
    if number > seconds or recording.size + len(data) > seconds * _MOST_BYTES_A_SECOND:
        raise RecordingRefusedError("too_large", status=413, minutes=f"{settings.max_recording_minutes:g}")
    if number == 0 and not any(data[at : at + len(start)] == start for start, at in _STARTS):
        raise RecordingRefusedError("not_sound", status=415)


def discard(database: Database, directory: Path, recording_id: int, person_id: int, now: float) -> int:
    """The speaker does not want it: its sound is deleted, its row stays. The number of its lease."""
    with database.begin() as rows:
        recording = ours(rows, recording_id, person_id, lock=True)
        lease_id = recording.lease_id
        if recording.state not in ("discarded", "erased"):
            queue.hold(rows, lease_id, person_id, now)
            before = {"state": recording.state, "sha256": recording.sha256, "milliseconds": recording.milliseconds}
            recording.state, recording.ended_at, recording.refused = "discarded", now, None
            recording.path = recording.seekable_path = None
            record(rows, "recording.discarded", "recording", recording_id, person_id, before=before, now=now)
    shutil.rmtree(folder(directory, recording_id), ignore_errors=True)
    return lease_id


def folder(directory: Path, recording_id: int) -> Path:
    """Where the bytes of a recording lie; erasing a person deletes the folder."""
    return directory / "recordings" / str(recording_id)


def chunk_file(directory: Path, recording_id: int, number: int, digest: str) -> Path:
    """Its hash is a part of the name: two that are sent at once under one number cannot write over each other."""
    return folder(directory, recording_id) / f"{number:05d}-{digest}"


def lease_of(rows: Rows, lease_id: int, person_id: int) -> Lease:
    """The lease, live or not, if it is this person's."""
    found = rows.get(Lease, lease_id)
    if found is None or found.person_id != person_id:
        raise RecordingRefusedError("unknown", status=404)
    return found
