"""Speak: people say what they see for a minute or more; their recording is the receipt of the caption (PixMo-Cap).

Work: ``{"texts": {"7": "what was said in recording 7, as the speaker corrected it"}, "caption": ""}``. The recordings
themselves are rows of their own under the same lease (``recording/``); ``caption`` is what a reviewer made of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session as Rows

from openmolmo.core.files import sha256_bytes
from openmolmo.engine.captions import merge_offline
from openmolmo.engine.captions.language import content_stems
from openmolmo.engine.captions.merging import MOST
from openmolmo.engine.studio.store.tables import Lease, Recording, Transcript
from openmolmo.engine.studio.tasks.base import Exported, JobRequest, TaskView, Work
from openmolmo.engine.studio.tasks.complaints import UnfinishedError
from openmolmo.engine.studio.tasks.reading import clean_text
from openmolmo.records.example import Annotation, Caption, Made
from openmolmo.records.example import Transcript as Said

__all__ = ["QUESTIONS", "SPEAK", "SpeakMode", "chosen_texts", "texts_key"]

QUESTIONS = ("glance", "objects", "text", "places", "details", "background", "style")
"""The seven questions of the paper (arXiv 2409.17146, appendix); their words are in the catalogue."""

GOLD_SHARE = 0.8
"""How much of a gold task's known words must be said."""


class SpeakMode:
    """The mode ``speak``."""

    name: str = "speak"
    template: str = "modes/speak.html.j2"
    script: str = "speak.js"
    needs_review: bool = True
    defaults: Mapping[str, Any] = MappingProxyType(
        {
            "annotations": 1,
            "lease_seconds": 1800.0,
            "gold_share": 0.0,
            "min_seconds": 60.0,
            "max_seconds": 600.0,
            "min_speech": 0.3,
        }
    )

    def check(self, task: TaskView, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Texts by recording, cleaned. Whether there is a recording at all is asked in :meth:`confirm`."""
        texts = payload.get("texts")
        if not isinstance(texts, Mapping):
            texts = {}
        kept = {str(key): clean_text(text) for key, text in texts.items() if str(key).isdigit()}
        return {"texts": kept, "caption": clean_text(payload.get("caption"))}

    def confirm(self, rows: Rows, lease: Lease, payload: Mapping[str, Any], now: float) -> None:
        """Called when work is handed in: a recording must be there that passed the gates; corrections become rows."""
        spoken = rows.scalars(
            select(Recording)
            .where(Recording.lease_id == lease.id, Recording.state.in_(("open", "complete")))
            .order_by(Recording.id)
        ).all()
        if any(one.state == "open" for one in spoken):
            raise UnfinishedError("speak.error.open")
        if not spoken:
            raise UnfinishedError("speak.error.nothing")
        if any(one.refused for one in spoken):
            raise UnfinishedError("speak.error.gates")
        for one in spoken:
            text = payload["texts"].get(str(one.id))
            if text:
                _correct(rows, one.id, text, now)

    def jobs(self, task: TaskView, annotation_id: int, payload: Mapping[str, Any]) -> Sequence[JobRequest]:
        """Merge what is said of the picture into its caption, also after a correction of the same work."""
        mark = sha256_bytes(repr(sorted(payload["texts"].items())).encode())[:16]
        return [JobRequest(kind="merge", key=f"merge-{annotation_id}-{mark}", payload={"annotation": annotation_id})]

    def agreement(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
        """How much of what the briefer one says the other says too, by stems of content words; none without words."""
        mine, theirs = (content_stems(_text(payload)) for payload in (one, other))
        if not mine or not theirs:
            return None
        return len(mine & theirs) / min(len(mine), len(theirs))

    def matches_gold(self, gold: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
        """The known answer is ``{"words": "dog frisbee lawn"}``: most of them must be said."""
        known = content_stems(str(gold.get("words", "")))
        return not known or len(known & content_stems(_text(payload))) >= GOLD_SHARE * len(known)

    def export(self, task: TaskView, works: Sequence[Work]) -> Exported | None:
        """One caption, and a transcript for each person; none where nobody has said a word yet."""
        said = [(work, text) for work in works if (text := _said(work))]
        texts = chosen_texts([text for _, text in said])
        if not texts:
            return None
        words = _made_of([work for work, _ in said])
        text, how, made = _caption(works, texts)
        annotations: tuple[Annotation, ...] = (Caption(text=text), *(Said(text=text) for _, text in said))
        return Exported(
            annotations=annotations,
            made={"caption": (*words, *(one for one in made if one not in words)), "transcript": words},
            receipts={f"caption.{key}": str(how[key]) for key in _RECEIPTS if how.get(key)},
            facts={"caption": {key: value for key, value in how.items() if key != "annotations"}},
        )


_RECEIPTS = ("method", "version", "model", "prompt_sha256")


def _correct(rows: Rows, recording_id: int, text: str, now: float) -> None:
    """The speaker's own words, as a transcript of their own where they differ; what a program heard stays."""
    newest = rows.scalars(
        select(Transcript)
        .where(Transcript.recording_id == recording_id)
        .order_by(Transcript.engine == "person", Transcript.id)
    ).all()
    if newest and newest[-1].text.strip() == text:
        return
    rows.add(Transcript(recording_id=recording_id, engine="person", text=text, words=[], created_at=now))


def chosen_texts(texts: Sequence[str]) -> list[str]:
    """The ones that are merged: those with words, at most three, the longest where there are more."""
    spoken = [text for text in texts if text.strip()]
    longest = sorted(range(len(spoken)), key=lambda place: -len(spoken[place]))[:MOST]
    return [spoken[place] for place in sorted(longest)]


def texts_key(texts: Sequence[str]) -> str:
    """Which texts a caption was made of."""
    return sha256_bytes("\n\n".join(texts).encode())


def _said(work: Work) -> str:
    return " ".join(one.transcript.strip() for one in work.spoken if one.transcript.strip())


def _made_of(works: Sequence[Work]) -> tuple[Made, ...]:
    """Spoken; heard by a program; corrected or typed by the speaker."""
    ways = {one.how for work in works for one in work.spoken if one.transcript.strip()}
    heard = (Made.SPEECH,) if ways - {"typed"} else ()
    return (Made.SPOKEN, *heard, *((Made.WRITTEN,) if ways - {"recognised"} else ()))


def _caption(works: Sequence[Work], texts: Sequence[str]) -> tuple[str, Mapping[str, Any], tuple[Made, ...]]:
    """The reviewer's own, else the newest that was merged of exactly these texts, else merged now, without a model."""
    mended = [str(work.payload.get("caption") or "") for work in works]
    turns = [turn for work in works for turn in work.turns if turn["kind"] == "caption" and turn["text"]]
    fitting = [turn for turn in turns if turn["made"].get("texts_sha256") == texts_key(texts)]
    if fitting:
        turn = max(fitting, key=lambda turn: float(turn["at"]))
        text, how = str(turn["text"]), dict(turn["made"])
    else:
        merged = merge_offline(texts)
        text, how = merged.text, {"method": merged.method, "version": merged.version}
    made = (Made.TEXT_LLM,) if how.get("method") == "llm" else (Made.PROGRAM,)
    written = next((one for one in reversed(mended) if one), "")
    if written:
        return written, {**how, "mended": True}, (*made, Made.WRITTEN)
    return text, how, made


def _text(payload: Mapping[str, Any]) -> str:
    return " ".join(str(text) for text in (payload.get("texts") or {}).values())


SPEAK = SpeakMode()
