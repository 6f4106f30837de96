"""No model at all: functions that answer from what is known, one for each purpose.

So demos, tests and small projects work offline. Such a text is marked as made by a program, not by a language model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from openmolmo.core.errors import NotRegisteredError
from openmolmo.core.registry import Registry
from openmolmo.engine.llm.failures import CallFailed
from openmolmo.engine.llm.providers.base import Answer
from openmolmo.engine.llm.request import Call
from openmolmo.engine.llm.settings import FORMS, LLMSettings
from openmolmo.records.example import Made

__all__ = ["TEMPLATES", "Template", "TemplateProvider", "answer", "check"]

Template = Callable[[Mapping[str, Any]], Any]
"""From a request's context to the reply: a text, or a JSON value where the request has a schema."""

TEMPLATES: Registry[Template] = Registry("llm_template")


class TemplateProvider:
    """Answers without a model, by a function for the request's purpose; the text is marked as made by a program."""

    made = Made.PROGRAM
    kept = False
    schemas: bool | None = True

    def __init__(self, settings: LLMSettings) -> None:
        del settings  # it has none

    async def send(self, call: Call) -> Answer:
        purpose = call.request.purpose
        try:
            template = TEMPLATES.get(purpose)
        except NotRegisteredError:
            raise CallFailed(
                "purpose",
                f"without a model there is no answer to {f'the purpose {purpose!r}' if purpose else 'a free question'}"
                f"; there are functions for: {', '.join(TEMPLATES)}",
                fix=f"name a model: --llm {FORMS.partition(' | ')[2]}",
            ) from None
        try:
            value = template(call.request.context)
        except KeyError as error:
            raise CallFailed("purpose", f"the template {purpose!r} needs {error} in the request's context") from None
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return Answer(text=text, served=f"template:{purpose}")

    async def close(self) -> None:
        pass


def check(context: Mapping[str, Any]) -> str:
    """Says that no language model is here."""
    del context
    return "I am no language model: functions answer from what is known."


def answer(context: Mapping[str, Any]) -> str:
    """Answer ``question`` by what ``caption`` or a line of ``ocr`` says that shares most words with it."""
    asked = _stems(context["question"])
    sentences = [part.strip() for part in re.split(r"(?<=[.!?])\s+", str(context.get("caption") or "")) if part.strip()]
    lines = [str(line).strip() for line in context.get("ocr") or () if str(line).strip()]
    if lines and asked & _READING and not any(asked & _stems(line) for line in lines):
        return f"It says: {'; '.join(lines)}."
    found = _nearest(asked, [*sentences, *lines])
    if found is None:
        return "What is known of the picture does not say."
    return f'It says "{found}".' if found in lines else found


_READING = frozenset({"say", "read", "writ", "text", "word", "sign", "titl"})
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by do does for from has have how in is it its of on or that the there this to was what "
        "when where which who why with",
    )
)


def _stems(text: str) -> frozenset[str]:
    """Words that carry meaning, without their commonest endings."""
    words = re.findall(r"\w+", str(text).casefold())
    return frozenset(re.sub(r"(?<=\w{3})(?:ing|ed|es|s|e)$", "", word) for word in words if word not in _COMMON)


def _nearest(asked: frozenset[str], texts: Iterable[str]) -> str | None:
    """The text with most words of the question, the earliest of several; None where none has any."""
    scored = [(len(asked & _stems(text)), text) for text in texts]
    best = max((score for score, _ in scored), default=0)
    return next((text for score, text in scored if score == best), None) if best else None
