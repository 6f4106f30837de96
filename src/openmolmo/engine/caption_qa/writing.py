"""Questions by a text-only language model that sees the caption only; a second call judges each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from openmolmo.core.errors import RunError
from openmolmo.engine.caption_qa.talk import Talk
from openmolmo.engine.llm import LLM, Failure, Reply, Request, prompts
from openmolmo.engine.llm.failures import HOPELESS

__all__ = ["PROMPTS", "write_talks"]

PROMPTS = {"single": "single@1", "dialogue": "dialogue@1", "judge": "judge@1"}
"""Which version of each prompt is used."""

_PACKAGE = "openmolmo.engine.caption_qa"
_TEXT = {"type": "string", "minLength": 1}


def _pairs(most: int) -> Mapping[str, Any]:
    pair = {
        "type": "object",
        "properties": {"question": _TEXT, "answer": _TEXT},
        "required": ["question", "answer"],
        "additionalProperties": False,
    }
    pairs = {"type": "array", "items": pair, "minItems": 1, "maxItems": most}
    return {"type": "object", "properties": {"pairs": pairs}, "required": ["pairs"], "additionalProperties": False}


_VERDICTS: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "verdicts": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "number": {"type": "integer", "minimum": 1},
                    "answerable": {"type": "boolean"},
                    "correct": {"type": "boolean"},
                },
                "required": ["number", "answerable", "correct"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["verdicts"],
    "additionalProperties": False,
}


def write_talks(
    llm: LLM, captions: Sequence[str], *, single: int, turns: int, dropped: Counter[str], name: str = "questions"
) -> list[list[Talk]]:
    """For each caption its talks that the judge let pass: up to ``single`` questions, and one of ``turns``.

    Each of the two is left out at 0. What failed is counted in ``dropped``. Raises RunError where the model cannot be
    asked at all: then nothing is known of any caption.
    """
    asked: list[tuple[int, bool, Request]] = []
    for number, caption in enumerate(captions):
        for is_single, count in ((True, single), (False, turns)):
            if count:
                prompt = prompts.load(PROMPTS["single" if is_single else "dialogue"], package=_PACKAGE)
                request = prompt.request(schema=_pairs(2 * count), caption=caption, count=count)
                asked.append((number, is_single, request))
    drafts: list[tuple[int, Talk]] = []
    replies = llm.complete_many([request for *_, request in asked], description=name)
    for (number, is_single, _), result in zip(asked, replies, strict=True):
        reply = _reply(result, dropped, "failed")
        if reply is not None:
            drafts += [(number, talk) for talk in _talks(reply, is_single)]
    return _judged(llm, captions, drafts, dropped, f"judging {name}")


def _talks(reply: Reply, is_single: bool) -> list[Talk]:
    pairs = [(pair["question"].strip(), pair["answer"].strip()) for pair in reply.value["pairs"]]
    common: dict[str, Any] = {"how": "llm", "made": reply.origin.made, "receipts": reply.origin.receipts("questions")}
    if is_single:
        return [Talk(turns=(pair,), **common) for pair in pairs]
    return [Talk(turns=tuple(pairs), **common)] if len(pairs) > 1 else []


def _judged(
    llm: LLM, captions: Sequence[str], drafts: Sequence[tuple[int, Talk]], dropped: Counter[str], name: str
) -> list[list[Talk]]:
    """One call for each caption, over all its questions; a conversation stands or falls as a whole."""
    kept: list[list[Talk]] = [[] for _ in captions]
    of_caption: dict[int, list[Talk]] = {}
    for number, talk in drafts:
        of_caption.setdefault(number, []).append(talk)
    prompt = prompts.load(PROMPTS["judge"], package=_PACKAGE)
    requests = [
        prompt.request(
            schema=_VERDICTS, caption=captions[number], pairs=[list(turn) for talk in talks for turn in talk.turns]
        )
        for number, talks in of_caption.items()
    ]
    results = llm.complete_many(requests, description=name)
    for (number, talks), result in zip(of_caption.items(), results, strict=True):
        reply = _reply(result, dropped, "not_judged", len(talks))
        if reply is None:
            continue
        verdicts = {one["number"]: one for one in reply.value["verdicts"]}
        first = 1
        for talk in talks:
            said = [verdicts.get(place) for place in range(first, first + len(talk.turns))]
            first += len(talk.turns)
            reason = _reason(said)
            if reason is None:
                kept[number].append(talk)
            else:
                dropped[reason] += 1
    return kept


def _reason(verdicts: Sequence[Mapping[str, Any] | None]) -> str | None:
    if any(one is None for one in verdicts):
        return "not_judged"
    if not all(one["answerable"] for one in verdicts if one):
        return "unanswerable"
    return None if all(one["correct"] for one in verdicts if one) else "wrong"


def _reply(result: Reply | Failure, dropped: Counter[str], reason: str, times: int = 1) -> Reply | None:
    if isinstance(result, Reply):
        return result
    if result.kind in HOPELESS or result.kind == "not-tried":
        raise RunError(result.message, fix=result.fix or "run the same command again: answers so far are kept")
    dropped[reason] += times
    return None
