"""Text-only language models, behind one small client: any server, or none.

    settings.py      LLMSettings, and parse_llm for the line that people type      (start here)
    options.py       the options --llm, --llm-set and --llm-cache of every command
    request.py       what is asked: messages, a JSON schema, what a template answers from
    text_only.py     the refusal to send pictures
    client.py        LLM: complete, complete_many, acomplete; cache first, then many at once
    asking.py        one request: tries, pauses, JSON held to its schema
    json_reply.py    JSON found among words, mended where that is safe
    cache.py         every answer, in SQLite
    origin.py        how a text was made, for the provenance of examples
    providers/       openai (any server of that protocol), template (no model), mock (tests)
    prompts/         versioned prompt files: prompts.load("answer@1")
    failures.py      what can go wrong, in sentences

Nothing but text is ever sent: no vision-language model may have written supervision.
"""

from __future__ import annotations

from openmolmo.engine.llm.client import LLM, Reply, Result, all_or_raise
from openmolmo.engine.llm.failures import Failure, LLMFailed
from openmolmo.engine.llm.origin import Origin
from openmolmo.engine.llm.request import Request
from openmolmo.engine.llm.settings import LLMSettings, parse_llm
from openmolmo.engine.llm.text_only import PictureRefused

__all__ = [
    "LLM",
    "Failure",
    "LLMFailed",
    "LLMSettings",
    "Origin",
    "PictureRefused",
    "Reply",
    "Request",
    "Result",
    "all_or_raise",
    "parse_llm",
]
