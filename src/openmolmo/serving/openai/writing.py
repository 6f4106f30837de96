"""What came of a request, collected or in pieces: shared by every form of replies."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from openmolmo.core.errors import OpenMolmoError
from openmolmo.serving.backend import Event, TokenLogprob
from openmolmo.serving.openai.context import Context
from openmolmo.serving.openai.failures import APIError, as_api_error
from openmolmo.serving.openai.running import Numbered

__all__ = ["Whole", "collect", "event_line", "log_text", "logprob_of", "told", "usage_of"]

log = logging.getLogger("openmolmo.serve.contents")


@dataclass
class Whole:
    """One reply as it grows: its tokens and its last event."""

    tokens: list[TokenLogprob] = field(default_factory=list)
    last: Event = field(default_factory=Event)

    @property
    def text(self) -> str:
        """What was written."""
        assert self.last.answer is not None
        return self.last.answer.text

    def add(self, event: Event) -> None:
        """One more event."""
        self.tokens += event.tokens
        self.last = event


async def collect(events: AsyncIterator[Numbered], count: int) -> list[Whole]:
    """All replies, whole."""
    whole = [Whole() for _ in range(count)]
    async for number, event in events:
        whole[number].add(event)
    return whole


def usage_of(whole: Sequence[Whole]) -> dict[str, Any]:
    """Tokens of the prompt, once, and of all replies."""
    prompt = max(one.last.prompt_tokens for one in whole)
    written = sum(one.last.completion_tokens for one in whole)
    cached = max(one.last.cached_tokens for one in whole)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def logprob_of(token: TokenLogprob) -> dict[str, Any]:
    """A token as chat completions and responses tell it."""
    top = [{"token": text, "logprob": value, "bytes": _bytes(text)} for _, text, value in token.top]
    return {"token": token.text, "logprob": token.logprob, "bytes": _bytes(token.text), "top_logprobs": top}


def _bytes(text: str) -> list[int]:
    return list(text.encode("utf-8", errors="replace"))


async def told(values: AsyncIterator[dict[str, Any]]) -> AsyncIterator[str]:
    """Values as server-sent events; an error in their midst is the last of them, for the status is sent already."""
    try:
        async for value in values:
            yield event_line(value)
    except (APIError, OpenMolmoError) as error:
        yield event_line(as_api_error(error).body())
    finally:
        await values.aclose()  # type: ignore[attr-defined]
    yield "data: [DONE]\n\n"


def event_line(value: dict[str, Any], name: str | None = None) -> str:
    """One server-sent event."""
    data = f"data: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n"
    return data if name is None else f"event: {name}\n{data}"


def log_text(context: Context, what: str, text: str) -> None:
    """Write contents into the log, where that was asked for."""
    if context.settings.log_contents:
        log.info("%s: %s", what, ascii(text))
