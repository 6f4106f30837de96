"""A language model as the author of documents: data, then code, a repair where a tool complains, then questions."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from openmolmo.core.config import from_dict, to_dict
from openmolmo.core.errors import DataError
from openmolmo.engine.docs.base import Content, Program, Rendered, Spec
from openmolmo.engine.docs.codec import content_to_dict
from openmolmo.engine.docs.failures import AuthorGone, RenderError
from openmolmo.engine.docs.llm.asking import question_request, questions_of
from openmolmo.engine.docs.llm.contents import SCHEMAS, content_of
from openmolmo.engine.docs.llm.personas import persona
from openmolmo.engine.docs.questions.base import Question
from openmolmo.engine.docs.tools.typst import PRELUDE
from openmolmo.engine.llm import LLM, Failure, LLMSettings, Reply, Request, prompts
from openmolmo.engine.llm.failures import HOPELESS

__all__ = ["PROMPTS_VERSION", "LLMAuthor", "llm_author", "llm_options_of"]

PROMPTS_VERSION = "1"
"""Of all the prompts together: part of every address."""

_PACKAGE = "openmolmo.engine.docs.llm"
_FENCE = re.compile(r"^[ \t]*```[\w+-]*[ \t]*$", re.MULTILINE)
_LANGUAGES = {"en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese"}


class LLMAuthor:
    """Asks one model. ``name`` is part of every address, so another model makes other documents."""

    own_questions = True
    waits = True

    def __init__(self, llm: LLM) -> None:
        self._llm = llm
        settings = llm.settings
        self.model = settings.model or settings.provider
        self.name = f"llm {settings.line()} prompts {PROMPTS_VERSION}"

    def write(self, spec: Spec, attempt: int) -> Program:
        """Data for somebody who wants such a document, then code that draws it; ``attempt`` asks for another draft."""
        spec = dataclasses.replace(spec, persona=spec.persona or persona(spec.seed, spec.index))
        said = self._asked(_data_request(spec, attempt)).value
        spec = dataclasses.replace(spec, topic=said["topic"])
        content = content_of(spec, said)
        return self._program(spec, content, _code_request(spec, content, attempt))

    def repair(self, program: Program, error: str, attempt: int) -> Program:
        """The same data; the model sees its code and the tool's words."""
        spec = program.spec
        values = {**_code_values(spec, program.content), "code": _own(program), "error": error}
        request = prompts.load("repair@1", package=_PACKAGE).request(sample=attempt, **values)
        return self._program(spec, program.content, request)

    def ask(self, program: Program, rendered: Rendered) -> Sequence[Question]:
        """Questions of the model about data and code; none where it gives none, which is no fault of the picture."""
        del rendered  # it sees no picture, nor what was measured in one
        request = question_request(program)
        if request is None:
            return ()
        result = self._llm.attempt(request)
        if isinstance(result, Failure):
            self._stop_where_hopeless(result)
            return ()
        return questions_of(program, result.value, self.model)

    def close(self) -> None:
        """Close the client."""
        self._llm.close()

    def _program(self, spec: Spec, content: Content, request: Request) -> Program:
        reply = self._asked(request)
        if reply.cut:
            raise DataError("the code was cut in the middle", fix="--llm-set max_tokens=8192")
        source = _source(spec.tool, reply.text)
        return Program(spec=spec, content=content, source=source, made_by=self.model)

    def _asked(self, request: Request) -> Reply:
        result = self._llm.attempt(request)
        if isinstance(result, Failure):
            self._stop_where_hopeless(result)
            raise DataError(f"the model gave no answer: {result.message}", fix=result.fix)
        return result

    @staticmethod
    def _stop_where_hopeless(failure: Failure) -> None:
        if failure.kind in HOPELESS or failure.kind in ("busy", "slow", "server"):
            raise AuthorGone(failure.message, fix=failure.fix or "run the same command again: what is made is kept")


def llm_author(options: Mapping[str, Any]) -> LLMAuthor:
    """The author that ``options`` name: the settings of the model, as :func:`llm_options_of` wrote them."""
    settings = from_dict(LLMSettings, options["llm"])
    assert isinstance(settings, LLMSettings)
    return LLMAuthor(LLM(settings))


def llm_options_of(settings: LLMSettings) -> dict[str, Any]:
    """The options of a run with this model, as JSON values."""
    values: dict[str, Any] = json.loads(json.dumps(to_dict(settings), default=str))
    return {"llm": values}


def _data_request(spec: Spec, attempt: int) -> Request:
    return prompts.load(f"data_{spec.kind}@1", package=_PACKAGE).request(
        schema=SCHEMAS[spec.kind],
        sample=attempt,
        persona=spec.persona,
        form=_form(spec),
        language=_LANGUAGES.get(spec.language, spec.language),
        number=spec.index,
    )


def _code_values(spec: Spec, content: Content) -> dict[str, Any]:
    return {
        "tool": spec.tool,
        "kind": spec.kind,
        "form": getattr(content, "form", "") or _form(spec),
        "rules": prompts.load(f"rules_{spec.tool}@1", package=_PACKAGE).text.strip(),
        "data": json.dumps(content_to_dict(content), ensure_ascii=False, indent=1),
    }


def _code_request(spec: Spec, content: Content, attempt: int) -> Request:
    values = {**_code_values(spec, content), "persona": spec.persona, "number": spec.index}
    return prompts.load("code@1", package=_PACKAGE).request(sample=attempt, **values)


def _form(spec: Spec) -> str:
    return spec.family.removeprefix(f"{spec.tool}_").replace("_", " ")


def _source(tool: str, reply: str) -> str:
    """The code in a reply: its longest fenced part, or the whole; what it reaches for is looked at later."""
    parts = _FENCE.split(reply)
    inner = parts[1:-1] or parts[1:] or parts  # fences may lie in each other, and the last one may lack
    source = max(inner, key=len)
    if not source.strip():
        raise RenderError(tool, "there is no code in the reply")
    source = f"{source.strip()}\n"
    return PRELUDE + source if tool == "typst" else source


def _own(program: Program) -> str:
    """The part of the source that the model wrote."""
    return program.source.removeprefix(PRELUDE) if program.spec.tool == "typst" else program.source
