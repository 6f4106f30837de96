"""Modes as small as import and export can be tested with: people point, and people speak."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import orm

from openmolmo.core.files import sha256_bytes
from openmolmo.engine.studio.store.tables import Annotation, Lease, Person, Recording, Task, Transcript
from openmolmo.engine.studio.tasks.base import MODES, Exported, JobRequest, TaskView, Work
from openmolmo.records.example import Caption, Made, NotPresent, Point, Pointing, QuestionAnswer
from openmolmo.records.example import Transcript as Said

__all__ = ["finish", "install", "picture", "sound", "speak"]


@dataclass(frozen=True)
class Speaking:
    """A caption out of the newest transcripts; with a payload of points, what was clicked."""

    name: str
    needs_review: bool = False
    template: str = ""
    script: str = ""
    defaults: Mapping[str, Any] = field(default_factory=lambda: {"annotations": 2})

    def check(self, task: TaskView, payload: Mapping[str, Any]) -> dict[str, Any]:
        return dict(payload)

    def jobs(self, task: TaskView, annotation_id: int, payload: Mapping[str, Any]) -> Sequence[JobRequest]:
        return ()

    def agreement(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
        return None

    def matches_gold(self, gold: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
        return gold == payload

    def export(self, task: TaskView, works: Sequence[Work]) -> Exported | None:
        texts = [spoken.transcript for work in works for spoken in work.spoken]
        if texts:
            said = tuple(Said(text=text) for text in texts)
            how = (Made.SPOKEN, Made.SPEECH)
            made = {"caption": (*how, Made.PROGRAM), "transcript": how}
            return Exported(annotations=(Caption(text=" ".join(texts)), *said), made=made, facts={"works": len(works)})
        payload = works[-1].payload
        if "answer" in payload:
            answer = QuestionAnswer(question=payload["question"], answers=(payload["answer"],))
            return Exported(annotations=(answer,), made={"question_answer": (Made.WRITTEN,)})
        if not payload.get("points"):
            return None
        points = tuple(Point(x, y) for x, y in payload["points"])
        items = (Pointing(label=payload["label"], points=points), NotPresent(label='a <unicorn> & "foal"'))
        return Exported(annotations=items, made={"pointing": (Made.CLICKED,), "not_present": (Made.WRITTEN,)})


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the modes for one test; ``speak`` needs review."""
    for name in ("point", "speak", "ask", "count_check", "qa_check", "vote"):
        monkeypatch.setitem(MODES._local, name, Speaking(name, needs_review=name == "speak"))


def picture(seed: int, *, form: str = "PNG", side: int = 96) -> bytes:
    """Noise that differs with the seed, in large blocks, so that it survives another encoding."""
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(blocks).resize((side, side * 3 // 4), Image.Resampling.NEAREST).save(stream, form)
    return stream.getvalue()


@cache
def sound(seconds: float = 2.0, pitch: float = 440.0, codec: str = "libopus", form: str = "webm") -> bytes:
    """A tone, encoded as a browser would."""
    stream = io.BytesIO()
    rate = 48000
    wave = (8000 * np.sin(2 * np.pi * pitch * np.arange(int(seconds * rate)) / rate)).astype(np.int16)
    with av.open(stream, "w", format=form) as container:
        track = container.add_stream(codec, rate=rate, layout="mono")
        for start in range(0, len(wave), 960):
            frame = av.AudioFrame.from_ndarray(wave[None, start : start + 960], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return stream.getvalue()


def finish(
    session: orm.Session, task: Task, person: Person, payload: dict[str, Any], *, state: str = "submitted"
) -> Annotation:
    """What a person made of a task, handed in."""
    lease = Lease(task_id=task.id, person_id=person.id, taken_at=0.0, expires_at=9.0, ended_at=8.0, outcome="submitted")
    session.add(lease)
    session.flush()
    work = Annotation(
        task_id=task.id,
        lease_id=lease.id,
        person_id=person.id,
        payload=payload,
        state=state,
        created_at=0.0,
        changed_at=5.0,
        submitted_at=8.0 + person.id,
        worked_ms=4200,
    )
    session.add(work)
    session.flush()
    return work


def speak(session: orm.Session, directory: Path, task: Task, person: Person, text: str, data: bytes) -> Recording:
    """An accepted piece of work with a recording of it and a corrected transcript."""
    work = finish(session, task, person, {}, state="accepted")
    path = f"recordings/{work.lease_id}.webm"
    (directory / "recordings").mkdir(exist_ok=True)
    (directory / path).write_bytes(data)
    recording = Recording(
        lease_id=work.lease_id,
        person_id=person.id,
        picture_id=task.picture_id,
        media_type="audio/webm;codecs=opus",
        state="complete",
        path=path,
        sha256=sha256_bytes(data),
        size=len(data),
        milliseconds=2000,
        started_at=0.0,
    )
    session.add(recording)
    session.flush()
    for engine, words in (("pocketsphinx", "heard wrong"), ("person", text)):
        session.add(Transcript(recording_id=recording.id, engine=engine, text=words, words=[], created_at=1.0))
        session.flush()
    return recording
