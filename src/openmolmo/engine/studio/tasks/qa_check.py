"""QA check: a question and answer that a program made from a caption are accepted, edited or rejected (CapQA).

Task: ``{"caption": "...", "question": "...", "answer": "...", "made": ["text-only-llm"]}``.
Work: ``{"question": "...", "answer": "...", "rejected": false, "reason": ""}``; changed texts are an edit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from types import MappingProxyType
from typing import Any

from openmolmo.engine.studio.tasks.base import Exported, JobRequest, TaskView, Work
from openmolmo.engine.studio.tasks.complaints import UnfinishedError
from openmolmo.engine.studio.tasks.reading import clean_text, made_in
from openmolmo.records.example import Made, QuestionAnswer

__all__ = ["QA_CHECK", "QaCheckMode"]


class QaCheckMode:
    """The mode ``qa_check``."""

    name: str = "qa_check"
    template: str = "modes/qa_check.html.j2"
    script: str = "qa_check.js"
    needs_review: bool = False
    defaults: Mapping[str, Any] = MappingProxyType({"annotations": 1, "lease_seconds": 900.0, "gold_share": 0.0})

    def check(self, task: TaskView, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Adds the ``verdict``: rejected (with a reason), accepted, or edited."""
        question, answer = _texts(payload)
        reason = clean_text(payload.get("reason"))
        if payload.get("rejected") is True:
            if not reason:
                raise UnfinishedError("qa_check.error.reason")
            verdict = "rejected"
        elif payload.get("rejected") is not False:
            raise UnfinishedError("qa_check.error.verdict")
        elif not question:
            raise UnfinishedError("qa_check.error.question")
        elif not answer:
            raise UnfinishedError("qa_check.error.answer")
        else:
            verdict = "accepted" if (question, answer) == _texts(task.payload) else "edited"
        return {
            "verdict": verdict,
            "rejected": verdict == "rejected",
            "question": question,
            "answer": answer,
            "reason": reason,
        }

    def jobs(self, task: TaskView, annotation_id: int, payload: Mapping[str, Any]) -> Sequence[JobRequest]:
        """None: nothing is left to do."""
        return ()

    def agreement(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
        """0 where only one rejects; else how much of the words of question and answer are the same, 0-1."""
        if _rejected(one) or _rejected(other):
            return float(_rejected(one) and _rejected(other))
        mine, theirs = (" ".join(_texts(payload)).lower().split() for payload in (one, other))
        # In a settled order, since the comparison is not the same both ways.
        first, second = sorted((mine, theirs))
        return SequenceMatcher(None, first, second, autojunk=False).ratio()

    def matches_gold(self, gold: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
        """The known answer is ``{"rejected": true}`` or ``false``, or ``answers`` of which one must be given."""
        if _rejected(gold) or _rejected(payload):
            return _rejected(gold) and _rejected(payload)
        answers = [clean_text(answer).lower() for answer in gold.get("answers", ())]
        return not answers or _texts(payload)[1].lower() in answers

    def export(self, task: TaskView, works: Sequence[Work]) -> Exported | None:
        """Kept where more than half (of the reviewed, if any) keep it, in the wording that most of them gave."""
        chosen = sorted((w for w in works if w.reviewed), key=_number) or sorted(works, key=_number)
        kept = [work for work in chosen if not _rejected(work.payload)]
        if not kept or 2 * len(kept) <= len(chosen):
            return None
        (question, answer), _ = Counter(_texts(work.payload) for work in kept).most_common(1)[0]
        agreed = [work for work in kept if _texts(work.payload) == (question, answer)]
        edited = (question, answer) != _texts(task.payload)
        verdict = "edited" if edited else "accepted"
        return Exported(
            annotations=(QuestionAnswer(question=question, answers=(answer,)),),
            made={"question_answer": (*made_in(task.payload), *((Made.WRITTEN,) if edited else ()))},
            receipts={f"qa_check_{task.id}": f"{verdict} by {', '.join(work.person for work in agreed)}"},
        )


def _texts(payload: Mapping[str, Any]) -> tuple[str, str]:
    return clean_text(payload.get("question")), clean_text(payload.get("answer"))


def _rejected(payload: Mapping[str, Any]) -> bool:
    return payload.get("rejected") is True


def _number(work: Work) -> int:
    return work.annotation_id


QA_CHECK = QaCheckMode()
