"""The job ``transcribe``: a recording becomes words, by the driver of the settings. It may run again at any time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

import yaml
from sqlalchemy import select
from sqlalchemy.orm import Session as Rows

from openmolmo.core.errors import ConfigError
from openmolmo.engine.speech import SpeechDriver, build_driver, read_audio
from openmolmo.engine.speech import Transcript as Heard
from openmolmo.engine.studio import jobs
from openmolmo.engine.studio.jobs import BadJobError, JobContext
from openmolmo.engine.studio.recording.merge_job import ask_to_merge
from openmolmo.engine.studio.store.tables import Annotation, Recording, Transcript
from openmolmo.engine.studio.tasks.base import JobRequest

__all__ = ["ask_again", "driver_called", "transcribe"]


def driver_called(line: str) -> SpeechDriver:
    """The driver of a line ``NAME`` or ``NAME:option=value,...``: ``faster_whisper:model=/models/x``, or ``auto``"""
    if line == "auto":
        line = "pocketsphinx" if find_spec("pocketsphinx") and find_spec("av") else "none"
    name, _, given = line.partition(":")
    options: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in given.split(","))):
        key, equals, value = part.partition("=")
        if not equals:
            raise ConfigError(f"speech={line!r}: {part!r} is no option=value", fix="write NAME:option=value,...")
        options[key.strip()] = yaml.safe_load(value)
    return build_driver(name.strip(), **options)


def transcribe(context: JobContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Write down one recording. The same engine, model and version twice is one transcript, unless asked ``again``."""
    number = int(payload.get("recording", 0))
    with context.database.read() as rows:
        path = _complete(rows, number).path
    assert path is not None, "a complete recording without a file"
    heard = driver_called(context.settings.speech).transcribe(read_audio(context.directory / path))
    now = time.time()
    with context.database.begin() as rows:
        recording = _complete(rows, number)
        row = _kept(rows, number, heard, now)
        work = rows.scalars(select(Annotation).where(Annotation.lease_id == recording.lease_id)).first()
        if work is not None and work.state in ("submitted", "accepted"):
            ask_to_merge(rows, work.id, f"transcript-{row.id}", now)
        return {"transcript": row.id, "engine": row.engine, "model": row.model, "words": len(row.text.split())}


def _complete(rows: Rows, number: int) -> Recording:
    recording = rows.get(Recording, number)
    if recording is None or recording.state != "complete" or recording.path is None:
        state = "not there" if recording is None else recording.state
        raise BadJobError(f"recording {number} is {state}: there is nothing to write down")
    return recording


def _kept(rows: Rows, number: int, heard: Heard, now: float) -> Transcript:
    same = select(Transcript).where(
        Transcript.recording_id == number,
        Transcript.engine == heard.engine,
        Transcript.model == heard.model,
        Transcript.version == heard.version,
        Transcript.text == heard.text,
    )
    found = rows.scalars(same).first()
    if found is None:
        found = Transcript(
            recording_id=number,
            engine=heard.engine,
            model=heard.model,
            version=heard.version[:60],
            text=heard.text,
            words=[asdict(word) for word in heard.words],
            created_at=now,
        )
        rows.add(found)
        rows.flush()
    return found


def ask_again(rows: Rows, mark: str, now: float) -> int:
    """Ask for every complete recording to be written down anew, e.g. by a better engine; how many there are."""
    numbers = rows.scalars(select(Recording.id).where(Recording.state == "complete").order_by(Recording.id)).all()
    for number in numbers:
        request = JobRequest(
            kind="transcribe", key=f"transcribe-{number}-{mark}", payload={"recording": number, "again": mark}
        )
        jobs.ask(rows, request, now)
    return len(numbers)
