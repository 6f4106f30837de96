"""The job ``merge``: what one to three people said of a picture becomes its caption, kept as a turn of their work.

By the text-only language model of the settings, where there is one, else by the offline merge. What was asked and
answered is recorded; contradictions between the speakers are for the reviewer.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session as Rows

from openmolmo.core.files import sha256_bytes
from openmolmo.engine.captions import Merged, merge_by_llm, merge_offline
from openmolmo.engine.captions.merging import MOST
from openmolmo.engine.llm import LLM, LLMFailed, Request, parse_llm
from openmolmo.engine.studio import jobs
from openmolmo.engine.studio.jobs import BadJobError, JobContext
from openmolmo.engine.studio.recording.texts import spoken_work
from openmolmo.engine.studio.store.tables import Annotation, Turn
from openmolmo.engine.studio.tasks.base import JobRequest
from openmolmo.engine.studio.tasks.speak import chosen_texts, texts_key

__all__ = ["ask_to_merge", "merge"]

RETRIES = 2
"""Of one request; the job itself is tried again later, with longer pauses."""
_FINISHED = ("submitted", "accepted")


def ask_to_merge(rows: Rows, annotation_id: int, mark: str, now: float) -> None:
    """Ask for the caption of the task that a work belongs to. ``mark``: what changed; the same twice is one job."""
    payload = {"annotation": annotation_id}
    jobs.ask(rows, JobRequest(kind="merge", key=f"merge-{annotation_id}-{mark}", payload=payload), now)


def merge(context: JobContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Merge what is said so far. Where words are still waited for, nothing is done: the transcript asks again."""
    number = int(payload.get("annotation", 0))
    with context.database.read() as rows:
        work = rows.get(Annotation, number)
        if work is None or work.state not in _FINISHED:
            raise BadJobError(f"work {number} is {'not there' if work is None else work.state}: nothing to merge")
        said = _said(rows, work.task_id)
    texts = chosen_texts([text for _, text in said])
    if not texts:
        return {"waits": True}
    merged, made = _merged(context, texts)
    made |= {"annotations": [one for one, text in said if text], "texts_sha256": texts_key(texts)}
    with context.database.begin() as rows:
        work = rows.get(Annotation, number, with_for_update=True)
        if work is None or work.state not in _FINISHED:
            raise BadJobError(f"work {number} was taken back while it was merged")
        if (same := _same(rows, work.task_id, made)) is not None:
            return {"turn": same.id, "method": merged.method, "transcripts": len(texts)}
        last = rows.scalar(select(func.max(Turn.number)).where(Turn.annotation_id == number))
        turn = Turn(
            annotation_id=number,
            number=0 if last is None else last + 1,
            kind="caption",
            text=merged.text,
            made=made,
            created_at=time.time(),
        )
        rows.add(turn)
        rows.flush()
        return {"turn": turn.id, "method": merged.method, "transcripts": len(texts)}


def _same(rows: Rows, task_id: int, made: Mapping[str, Any]) -> Turn | None:
    """The task's newest caption, where it was made of the same texts in the same way."""
    turns = rows.scalars(
        select(Turn)
        .join(Annotation, Annotation.id == Turn.annotation_id)
        .where(Annotation.task_id == task_id, Turn.kind == "caption", Turn.text != "")
        .order_by(Turn.id.desc())
        .limit(1)
    )
    alike = ("texts_sha256", "method", "version", "model", "prompt_sha256")
    return next((turn for turn in turns if all(turn.made.get(key) == made.get(key) for key in alike)), None)


def _said(rows: Rows, task_id: int) -> list[tuple[int, str]]:
    """Finished works of a task, in the order in which they were handed in, with their words."""
    works = rows.scalars(
        select(Annotation)
        .where(Annotation.task_id == task_id, Annotation.state.in_(_FINISHED))
        .order_by(Annotation.submitted_at, Annotation.id)
    )
    return [(work.id, spoken_work(rows, work)[0]) for work in works]


def _merged(context: JobContext, texts: Sequence[str]) -> tuple[Merged, dict[str, Any]]:
    assert len(texts) <= MOST
    line = context.settings.llm
    note = ""
    if line and not line.startswith("template"):
        try:
            merged, origin = _by_llm(line, texts)
            return merged, {**_how(merged), **origin}
        except LLMFailed as error:
            if not context.last_attempt:
                raise  # it is tried again after a pause
            note = f"merged without the language model, which did not answer: {error.failure.message}"
    merged = merge_offline(texts)
    return merged, {**_how(merged), **({"note": note} if note else {})}


def _by_llm(line: str, texts: Sequence[str]) -> tuple[Merged, dict[str, Any]]:
    origins: list[dict[str, Any]] = []
    # Without a cache on the disk: what people said must be gone when they ask for it. The caption itself is kept.
    with LLM(parse_llm(line, [f"retries={RETRIES}"])) as llm:

        def ask(prompt: str) -> str:
            digest = sha256_bytes(prompt.encode())
            reply = llm.complete(Request.of(prompt, prompt="merge_v1", prompt_sha256=digest))
            origins.append(reply.origin.to_dict())
            return reply.text

        merged = merge_by_llm(texts, ask, model=llm.settings.model)
    return merged, {"origin": origins[-1]}


def _how(merged: Merged) -> dict[str, Any]:
    """How a caption came to be, as JSON."""
    return {
        "method": merged.method,
        "version": merged.version,
        "model": merged.model,
        "prompt_sha256": merged.prompt_sha256,
        "contradictions": [
            {"kind": one.kind, "thing": one.thing, "first": one.first, "second": one.second}
            for one in merged.contradictions
        ],
    }
