"""Questions by a model from data and code: first held against the data, later found again in the picture (verify)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from openmolmo.engine.docs.base import Program
from openmolmo.engine.docs.codec import content_to_dict
from openmolmo.engine.docs.llm.contents import numbers_of
from openmolmo.engine.docs.llm.menu import Way, menu
from openmolmo.engine.docs.questions.base import Question
from openmolmo.engine.llm import Request, prompts

__all__ = ["UNCHECKED", "question_request", "questions_of"]

UNCHECKED = "llm_unchecked"
"""The family of questions that name no way to be checked: no check knows it, so they are dropped and counted."""

_PACKAGE = "openmolmo.engine.docs.llm"
_MOST = 8


def question_request(program: Program) -> Request | None:
    """What the model is asked; None for a kind of which nothing could be checked."""
    ways = menu(program.spec.kind)
    if not ways:
        return None
    names = [way.name for way in ways]
    item = {
        "type": "object",
        "properties": {
            "question": {"type": "string", "minLength": 8, "maxLength": 300},
            "answer": {"type": "string", "minLength": 1, "maxLength": 200},
            "check": {"type": "string", "enum": names},
            "args": {"type": "array", "items": {"type": "string"}, "maxItems": 4},
        },
        "required": ["question", "answer", "check", "args"],
        "additionalProperties": False,
    }
    schema = {
        "type": "object",
        "properties": {"questions": {"type": "array", "items": item, "minItems": 1, "maxItems": _MOST}},
        "required": ["questions"],
        "additionalProperties": False,
    }
    return prompts.load("questions@1", package=_PACKAGE).request(
        schema=schema,
        kind=program.spec.kind,
        language=program.spec.language,
        count=_MOST - 2,
        data=json.dumps(content_to_dict(program.content), ensure_ascii=False),
        code=program.source,
        ways=[[way.name, ", ".join(way.args) or "nothing", way.answer, way.about] for way in ways],
    )


def questions_of(program: Program, value: Mapping[str, Any], model: str) -> list[Question]:
    """The model's questions in the verifier's terms; what cannot be put so is of the family :data:`UNCHECKED`."""
    ways = {way.name: way for way in menu(program.spec.kind)}
    return [_question(program, one, ways.get(one["check"]), model) for one in value["questions"]]


def _question(program: Program, one: Mapping[str, Any], way: Way | None, model: str) -> Question:
    text, answer = one["question"].strip(), one["answer"].strip()
    claimed = None if way is None else _claimed(program, way, answer, one["args"])
    if way is None or claimed is None:
        return Question(family=UNCHECKED, question=text, answer=answer, value="", made_by=model)
    value, args = claimed
    return Question(family=way.name, question=text, answer=answer, value=value, args=args, made_by=model)


def _claimed(
    program: Program, way: Way, answer: str, args: Sequence[str]
) -> tuple[str | float, tuple[str | float, ...]] | None:
    """The answer as a value, and the arguments; None where they are not what this way needs."""
    if len(args) != len(way.args):
        return None
    numbers = numbers_of(program.spec.language)
    given: list[str | float] = []
    for name, said in zip(way.args, args, strict=True):
        number = numbers.parse(said) if name.endswith("a number") else said
        if number is None or (name == "max or min" and said not in ("max", "min")):
            return None
        given.append(number)
    value = numbers.parse(answer) if way.answer == "number" else answer
    return None if value is None else (value, tuple(given))
