"""Whether a language model can be used: it answers, how fast, and what it does with a JSON schema."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from openmolmo.engine.llm import prompts
from openmolmo.engine.llm.client import LLM
from openmolmo.engine.llm.settings import LLMSettings

__all__ = ["ServerCheck", "check_server"]


@dataclass(frozen=True, kw_only=True)
class ServerCheck:
    """What was found. ``seconds`` of one short answer, ``tokens_per_second`` of it (0 where the server does not count).

    ``json`` is "schema" where the server holds replies to a schema, "prompt" where they are asked for in words.
    """

    line: str
    host: str
    served: str
    made: str
    reply: str
    seconds: float
    tokens_per_second: float
    json: str

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def check_server(settings: LLMSettings) -> ServerCheck:
    """Ask one question, and for one value in JSON. Nothing is taken from the cache. Raises LLMFailed."""
    with LLM(settings.replace(cache=None, retries=min(settings.retries, 1))) as llm:
        started = time.perf_counter()
        reply = llm.complete(prompts.load("check@1").request())
        seconds = time.perf_counter() - started
        held = llm.holds_to_schemas()
    return ServerCheck(
        line=settings.line(),
        host=reply.origin.host,
        served=reply.origin.served,
        made=str(reply.origin.made),
        reply=reply.text.strip(),
        seconds=round(seconds, 3),
        tokens_per_second=round(reply.completion_tokens / seconds, 1) if reply.completion_tokens else 0.0,
        json="schema" if held else "prompt",
    )
