"""Ask: people ask; a text-only language model drafts, and they mend until it is right (PixMo-AskModelAnything).

Work: ``{"question": "...", "answer": "..."}``. The turns that led to the answer are rows of their own (``Turn``). A
task may give the ``question``, and a ``caption`` with ``caption_by``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from types import MappingProxyType
from typing import Any

from openmolmo.engine.studio.tasks.base import Exported, JobRequest, TaskView, Work
from openmolmo.engine.studio.tasks.complaints import UnfinishedError
from openmolmo.engine.studio.tasks.drafted import all_made, drafted
from openmolmo.engine.studio.tasks.reading import clean_text
from openmolmo.records.example import QuestionAnswer

__all__ = ["ASK", "AskMode", "alike"]


class AskMode:
    """The mode ``ask``."""

    name: str = "ask"
    template: str = "modes/ask.html.j2"
    script: str = "ask.js"
    needs_review: bool = False
    defaults: Mapping[str, Any] = MappingProxyType(
        {"annotations": 1, "lease_seconds": 1800.0, "gold_share": 0.0, "ocr": "rapidocr", "captioner": ""}
    )

    def check(self, task: TaskView, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Question and answer, cleaned."""
        question, answer = clean_text(payload.get("question")), clean_text(payload.get("answer"))
        if not question:
            raise UnfinishedError("ask.error.question")
        if not answer:
            raise UnfinishedError("ask.error.answer")
        return {"question": question, "answer": answer}

    def jobs(self, task: TaskView, annotation_id: int, payload: Mapping[str, Any]) -> Sequence[JobRequest]:
        """None: drafts are asked for while people work."""
        return ()

    def agreement(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
        """How alike two answers to one question are, 0-1; none where they asked different things."""
        if _words(one.get("question")) != _words(other.get("question")):
            return None
        return alike(one.get("answer"), other.get("answer"))

    def matches_gold(self, gold: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
        """The known answer is ``{"answers": ["fish", ...]}``: the words of one of them must be in the answer."""
        said = f" {' '.join(_words(payload.get('answer')))} "
        known = [" ".join(_words(answer)) for answer in gold.get("answers", ())]
        return not known or any(f" {answer} " in said for answer in known)

    def export(self, task: TaskView, works: Sequence[Work]) -> Exported | None:
        """Each person's question with their answer; of two that asked the same, the one that was reviewed, or first."""
        kept: dict[tuple[str, ...], Work] = {}
        for work in sorted(works, key=lambda work: (not work.reviewed, work.annotation_id)):
            kept.setdefault(tuple(_words(work.payload.get("question"))), work)
        told = [(work, drafted(work, clean_text(work.payload.get("answer")))) for work in kept.values()]
        if not told:
            return None
        return Exported(
            annotations=tuple(
                QuestionAnswer(
                    question=clean_text(work.payload.get("question")), answers=(clean_text(work.payload.get("answer")),)
                )
                for work, _ in told
            ),
            made={"question_answer": all_made(how.made for _, how in told)},
            receipts={name: value for _, how in told for name, value in how.receipts.items()},
            facts={"ask": [{"drafts": how.drafts, "edited": how.edited, "turns": list(how.turns)} for _, how in told]},
        )


def alike(one: object, other: object) -> float:
    """The share of words that two texts have in common in the same order, 0-1."""
    first, second = sorted((_words(one), _words(other)))  # the comparison is not the same both ways
    return SequenceMatcher(None, first, second, autojunk=False).ratio()


def _words(text: object) -> list[str]:
    return re.findall(r"\w+", str(text or "").casefold())


ASK = AskMode()
"""The mode ``ask``, as it is registered."""
