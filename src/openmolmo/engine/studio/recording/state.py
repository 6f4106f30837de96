"""What a page shows of the recordings under a lease, and what a reviewer sees of the caption."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session as Rows

from openmolmo.engine.studio.events import latest
from openmolmo.engine.studio.recording.texts import newest
from openmolmo.engine.studio.store.tables import Annotation, Chunk, Job, Recording, Transcript, Turn

__all__ = ["caption_of", "lease_state", "recording_state", "transcripts_of"]


def lease_state(rows: Rows, lease_id: int, now: float) -> list[dict[str, Any]]:
    """All recordings of a lease that were not discarded, oldest first."""
    found = rows.scalars(
        select(Recording)
        .where(Recording.lease_id == lease_id, Recording.state.not_in(("discarded", "erased")))
        .order_by(Recording.id)
    )
    return [recording_state(rows, recording, now) for recording in found]


def recording_state(rows: Rows, recording: Recording, now: float) -> dict[str, Any]:
    """One recording: what has arrived, how long it is, which gates it does not pass, and its words so far.

    ``quiet_for``: seconds since its last piece. ``words``: waiting, there, or failed (then nobody but the speaker can
    write them).
    """
    kept = select(Chunk.number).where(Chunk.recording_id == recording.id).order_by(Chunk.number)
    last = rows.scalar(select(func.max(Chunk.received_at)).where(Chunk.recording_id == recording.id))
    gated = latest(rows, "recording.gated", "recording", recording.id)
    said, heard = newest(rows, recording.id), newest(rows, recording.id, machine=True)
    job = rows.scalars(select(Job).where(Job.key == f"transcribe-{recording.id}")).first()
    words = "there" if said is not None else "failed" if job is not None and job.state == "failed" else "waiting"
    return {
        "id": recording.id,
        "state": recording.state,
        "media_type": recording.media_type,
        "chunks": list(rows.scalars(kept)),
        "size": recording.size,
        "milliseconds": recording.milliseconds,
        "speech_share": recording.speech_share,
        "sha256": recording.sha256,
        "gates": (gated.after or {}).get("gates", []) if gated is not None and recording.refused else [],
        "quiet_for": max(0.0, now - (last or recording.started_at)),
        "words": words,
        "text": said.text if said is not None else None,
        "engine": said.engine if said is not None else None,
        "heard": heard.text if heard is not None else None,
        "heard_by": heard.engine if heard is not None else None,
    }


def transcripts_of(rows: Rows, lease_id: int) -> list[dict[str, Any]]:
    """Every transcript of a lease, for a reviewer: what programs heard, what the speaker wrote."""
    found = rows.scalars(
        select(Transcript)
        .join(Recording, Recording.id == Transcript.recording_id)
        .where(Recording.lease_id == lease_id, Recording.state == "complete")
        .order_by(Recording.id, Transcript.id)
    )
    return [
        {"recording": one.recording_id, "engine": one.engine, "model": one.model, "text": one.text} for one in found
    ]


def caption_of(rows: Rows, task_id: int) -> dict[str, Any] | None:
    """The newest caption that was merged for a task, and how; none where there is none yet."""
    turn = rows.scalars(
        select(Turn)
        .join(Annotation, Annotation.id == Turn.annotation_id)
        .where(Annotation.task_id == task_id, Turn.kind == "caption", Turn.text != "")
        .order_by(Turn.id.desc())
        .limit(1)
    ).first()
    return None if turn is None else {"text": turn.text, **turn.made}
