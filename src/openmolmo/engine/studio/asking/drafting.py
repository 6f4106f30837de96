"""The job ``draft``: answers the newest question or rejection of a work, by a language model that sees text only.

A fault of the model is told to the person at once, who may try again or write the answer; only a worker that dies is
taken up again by itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from openmolmo.core.errors import ConfigError, PromptError
from openmolmo.engine.llm import LLM, LLMFailed, Reply, Request, parse_llm, prompts
from openmolmo.engine.studio.asking.looking import Known, look
from openmolmo.engine.studio.asking.turns import add_turn, turns_of
from openmolmo.engine.studio.jobs import BadJobError, JobContext
from openmolmo.engine.studio.store.tables import Annotation, Task, Turn
from openmolmo.engine.studio.tasks.markers import missing_markers, strange_markers
from openmolmo.engine.studio.tasks.reading import LONGEST_TEXT, clean_text

__all__ = ["draft"]

_PACKAGE = "openmolmo.engine.studio"
_SETTINGS = ("timeout=90", "retries=2", "max_tokens=700", "concurrency=1")


def draft(context: JobContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Draft an answer, and keep it as a turn. Running twice keeps one."""
    number, asked = int(payload.get("annotation", 0)), int(payload.get("turn", -1))
    with context.database.read() as rows:
        work = rows.get(Annotation, number)
        if work is None or work.state not in ("draft", "sent_back"):
            raise BadJobError(f"work {number} is {'not there' if work is None else work.state}: nobody waits for it")
        task = rows.get_one(Task, work.task_id)
        turns = turns_of(rows, number)
    known = look(context, task.id)
    values = _values(turns, asked, known)
    try:
        reply, missing = _ask(context.settings.llm or "template", task.mode, values)
    except (LLMFailed, PromptError, ConfigError) as error:
        raise BadJobError(error.message, fix=error.fix) from error
    text = clean_text(reply.text[:LONGEST_TEXT])
    if not text:
        raise BadJobError("the language model answered with nothing that can be read", fix="try again")
    made = {
        "for": asked,
        "origin": reply.origin.to_dict(),
        "ocr_lines": len(known.ocr),
        "ocr_by": known.ocr_by if known.ocr else "",
        "caption": known.caption,
        "caption_from": known.caption_from,
        "caption_by": known.caption_by,
        **({"missing": missing} if missing else {}),
    }
    with context.database.begin() as rows:
        rows.get(Annotation, number, with_for_update=True)
        there = next((turn for turn in turns_of(rows, number) if turn.made.get("for") == asked), None)
        turn = there or add_turn(rows, number, "draft", text, time.time(), made)
        return {"turn": turn.number, "provider": reply.origin.provider, "missing": missing}


def _ask(line: str, mode: str, values: dict[str, Any]) -> tuple[Reply, list[int]]:
    """The reply, and numbers of clicked things that it leaves out after it was asked once more."""
    with LLM(parse_llm(line, _SETTINGS if line.startswith("openai") else ())) as llm:
        if mode != "explain":
            return llm.complete(_request("ask@1", values)), []
        things = len(values["things"])
        reply = llm.complete(_request("explain@1", {**values, "missing": "", "last": ""}))
        wrong = _wrong(reply.text, things)
        if wrong:
            numbers = ", ".join(f"[{number}]" for number in range(1, things + 1))
            reply = llm.complete(_request("explain@1", {**values, "missing": numbers, "last": reply.text.strip()}))
            wrong = _wrong(reply.text, things)
        return reply, wrong


def _wrong(text: str, things: int) -> list[int]:
    return [*missing_markers(text, things), *strange_markers(text, things)]


def _request(name: str, values: Mapping[str, Any]) -> Request:
    return prompts.load(name, package=_PACKAGE).request(purpose=f"studio_{name.partition('@')[0]}", **values)


def _values(turns: Sequence[Turn], asked: int, known: Known) -> dict[str, Any]:
    """What the prompt is filled with: the question, what is known, and earlier answers that were rejected."""
    upto = [turn for turn in turns if turn.number <= asked]
    question = next((turn for turn in reversed(upto) if turn.kind == "question"), None)
    if question is None:
        raise BadJobError(f"turn {asked} answers no question")
    rejected, last = [], ""
    for turn in upto[upto.index(question) :]:
        if turn.kind in ("draft", "edit"):
            last = turn.text
        elif turn.kind == "reject":
            rejected.append({"text": last, "reason": turn.text})
    values: dict[str, Any] = {
        "question": question.text,
        "caption": known.caption,
        "ocr": list(known.ocr),
        "rejected": rejected,
    }
    if "things" in question.made:
        values["things"] = question.made["things"]
    return values
