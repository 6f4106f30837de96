"""The end of a recording: its pieces are joined byte for byte, decoded, gated, and given to the worker."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session as Rows

from openmolmo.core.errors import DataError
from openmolmo.core.files import atomic_file
from openmolmo.engine.speech import Audio, Gates, check_recording, read_audio, remux_ogg
from openmolmo.engine.speech.detect import speech_share
from openmolmo.engine.studio import jobs, queue
from openmolmo.engine.studio.events import record
from openmolmo.engine.studio.options import mode_options
from openmolmo.engine.studio.recording.chunks import MODE, TYPES, chunk_file, folder, ours
from openmolmo.engine.studio.recording.refusals import RecordingRefusedError
from openmolmo.engine.studio.settings import StudioSettings
from openmolmo.engine.studio.store.database import Database
from openmolmo.engine.studio.store.tables import Chunk, Lease, Project, Recording, Task
from openmolmo.engine.studio.tasks.base import JobRequest

__all__ = ["finish", "gate_lease"]

log = logging.getLogger("openmolmo.studio")


@dataclass(frozen=True, kw_only=True)
class _Joined:
    """What was found out of the original bytes. ``audio`` none: nothing in them can be played."""

    path: Path
    sha256: str
    audio: Audio | None
    fault: str = ""
    seekable: Path | None = None


def finish(
    database: Database,
    settings: StudioSettings,
    recording_id: int,
    person_id: int,
    chunks: int,
    digest: str | None,
    now: float,
) -> int:
    """Join pieces 0 to ``chunks`` - 1; the number of the lease. The same call twice is one.

    ``digest``: the page's sha256 of all bytes, where it still has them. Pieces that are missing are named, so that the
    page sends them. A recording that cannot be played is kept as failed; one that does not pass the gates is kept,
    and its lease cannot be handed in until more is said.
    """
    with database.begin() as rows:
        recording = ours(rows, recording_id, person_id)
        lease_id = recording.lease_id
        if recording.state == "complete":
            return lease_id
        if recording.state != "open":
            raise RecordingRefusedError("closed", status=409, more={"state": recording.state})
        queue.hold(rows, lease_id, person_id, now)
        pieces = _pieces(rows, settings.directory, recording_id, chunks)
        ending = TYPES[recording.media_type.partition(";")[0].strip().lower()]
    joined = _join(settings.directory, recording_id, pieces, ending)
    if digest is not None and digest != joined.sha256:
        raise RecordingRefusedError("differs", status=409)
    with database.begin() as rows:
        recording = ours(rows, recording_id, person_id, lock=True)
        if recording.state != "open":  # the same call came twice at once
            return lease_id
        _settle(rows, recording, joined, settings, now)
        if joined.audio is not None:
            request = JobRequest(
                kind="transcribe", key=f"transcribe-{recording_id}", payload={"recording": recording_id}
            )
            jobs.ask(rows, request, now)
    _drop_pieces(settings.directory, recording_id)
    if joined.audio is None:
        raise RecordingRefusedError("unplayable")
    gate_lease(database, settings.directory, lease_id, now)
    return lease_id


def _pieces(rows: Rows, directory: Path, recording_id: int, chunks: int) -> list[Path]:
    """The files of all pieces, in order."""
    if chunks < 1:
        raise RecordingRefusedError("nothing")
    wanted = select(Chunk).where(Chunk.recording_id == recording_id, Chunk.number < chunks)
    rows_by_number = {chunk.number: chunk for chunk in rows.scalars(wanted)}
    files = {
        number: chunk_file(directory, recording_id, number, chunk.sha256) for number, chunk in rows_by_number.items()
    }
    for number, file in files.items():
        if not file.is_file():  # the disk lost what the database knows: the page may have it still
            rows.delete(rows_by_number[number])
    missing = [number for number in range(chunks) if number not in files or not files[number].is_file()]
    if missing:
        rows.commit()
        raise RecordingRefusedError("missing", status=409, more={"missing": missing}, count=len(missing))
    return [files[number] for number in range(chunks)]


def _join(directory: Path, recording_id: int, pieces: list[Path], ending: str) -> _Joined:
    path = folder(directory, recording_id) / f"original{ending}"
    running = hashlib.sha256()
    with atomic_file(path) as temporary, temporary.open("wb") as stream:
        for piece in pieces:
            data = piece.read_bytes()
            running.update(data)
            stream.write(data)
    try:
        audio = read_audio(path)
    except DataError as error:
        log.warning("recording %d cannot be played: %s", recording_id, error)
        return _Joined(path=path, sha256=running.hexdigest(), audio=None, fault=error.message)
    return _Joined(path=path, sha256=running.hexdigest(), audio=audio, seekable=_seekable(path))


def _seekable(path: Path) -> Path | None:
    """The same packets as .ogg, which players can seek in; none for sound that can be sought as it is (mp4)."""
    try:
        data = remux_ogg(path)
    except DataError:
        return None
    target = path.with_name("seekable.ogg")
    with atomic_file(target) as temporary:
        temporary.write_bytes(data)
    return target


def _settle(rows: Rows, recording: Recording, joined: _Joined, settings: StudioSettings, now: float) -> None:
    root = settings.directory
    recording.path = joined.path.relative_to(root).as_posix()
    recording.sha256, recording.ended_at = joined.sha256, now
    recording.size = joined.path.stat().st_size
    if joined.audio is None:
        recording.state, recording.refused = "failed", joined.fault
    else:
        recording.state = "complete"
        recording.milliseconds = round(1000 * joined.audio.seconds)
        recording.speech_share = round(speech_share(joined.audio)[0], 4)
        recording.seekable_path = None if joined.seekable is None else joined.seekable.relative_to(root).as_posix()
    after = {"state": recording.state, "sha256": recording.sha256, "milliseconds": recording.milliseconds}
    record(rows, "recording.finished", "recording", recording.id, recording.person_id, after=after, now=now)


def _drop_pieces(directory: Path, recording_id: int) -> None:
    """The joined file holds them, byte for byte, and is on the disk; their hashes stay in their rows."""
    for file in folder(directory, recording_id).glob("[0-9]*-*"):
        file.unlink(missing_ok=True)


def gate_lease(database: Database, directory: Path, lease_id: int, now: float) -> list[dict[str, Any]]:
    """Let all parts of a lease pass the gates together; what they do not pass is written into each of them."""
    with database.read() as rows:
        parts = rows.scalars(
            select(Recording)
            .where(Recording.lease_id == lease_id, Recording.state == "complete")
            .order_by(Recording.id)
        ).all()
        gates = _gates(rows, lease_id)
    if not parts:
        return []
    sound = np.concatenate([read_audio(directory / (part.path or "")).samples for part in parts])
    refusals = check_recording(Audio(samples=sound), gates)
    told = [
        {"gate": one.gate, "value": max(one.value, -200.0), "bound": one.bound} for one in refusals
    ]  # silence is minus infinity, which is no JSON
    sentence = " ".join(one.message for one in refusals) or None
    with database.begin() as rows:
        for part in parts:
            found = rows.get_one(Recording, part.id, with_for_update=True)
            if found.state != "complete":
                continue
            found.refused = sentence
            record(rows, "recording.gated", "recording", part.id, part.person_id, after={"gates": told}, now=now)
    return told


def _gates(rows: Rows, lease_id: int) -> Gates:
    task = rows.get_one(Task, rows.get_one(Lease, lease_id).task_id)
    options = mode_options(rows.get_one(Project, task.project_id), MODE)
    return Gates(
        min_seconds=float(options["min_seconds"]),
        max_seconds=float(options["max_seconds"]),
        min_speech=float(options["min_speech"]),
    )
