"""``/v1/chat/completions``: one or several replies, at once or as they are written."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from openmolmo.core.errors import OpenMolmoError
from openmolmo.serving.backend import Event, TokenLogprob
from openmolmo.serving.openai.asking import Asking, asking_of, log_text
from openmolmo.serving.openai.context import context_of
from openmolmo.serving.openai.failures import APIError, as_api_error, invalid
from openmolmo.serving.openai.points import fresh_points, points_of
from openmolmo.serving.openai.reading import read_body
from openmolmo.serving.openai.running import EventStream, Numbered, first_of, replies, unless_gone
from openmolmo.serving.openai.schemas import ChatRequest

__all__ = ["Whole", "collect", "event_line", "router", "told", "usage_of"]

router = APIRouter()


@router.post("/v1/chat/completions")
async def chat_completions(request: Request) -> Response:
    """Continue a conversation."""
    body = await read_body(request, ChatRequest, context_of(request).settings)
    asking = await asking_of(
        request,
        body,
        body.messages,
        max_tokens=_tokens(body),
        logprobs=_logprobs(body),
        continuing=bool(body.continue_final_message),
    )
    events = replies(request, asking.context, asking.model, asking.backend, asking.generations)
    head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": asking.model}
    if body.stream:
        first = await first_of(request, events)
        usage = bool(body.stream_options and body.stream_options.include_usage)
        return EventStream(told(_chunks(asking, first, events, head, usage=usage)))
    whole = await unless_gone(request, collect(events, len(asking.generations)))
    for reply in whole:
        log_text(asking.context, "answered", reply.text)
    choices = [_choice(index, reply, told_logprobs=bool(body.logprobs)) for index, reply in enumerate(whole)]
    return JSONResponse({**head, "object": "chat.completion", "choices": choices, "usage": usage_of(whole)})


def _tokens(body: ChatRequest) -> tuple[int | None, str]:
    if body.max_completion_tokens is not None:
        return body.max_completion_tokens, "max_completion_tokens"
    return body.max_tokens, "max_tokens"


def _logprobs(body: ChatRequest) -> int | None:
    if body.top_logprobs and not body.logprobs:
        raise invalid("top_logprobs needs logprobs to be true", "top_logprobs")
    return (body.top_logprobs or 0) if body.logprobs else None


# ------------------------------------------------------------------------------------ whole replies


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


async def collect(events: AsyncIterator[Numbered], count: int) -> list[Whole]:
    """All replies, whole."""
    whole = [Whole() for _ in range(count)]
    async for number, event in events:
        whole[number].tokens += event.tokens
        whole[number].last = event
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


def _choice(index: int, reply: Whole, *, told_logprobs: bool) -> dict[str, Any]:
    answer = reply.last.answer
    assert answer is not None
    message = {"role": "assistant", "content": answer.text, "refusal": None, "openmolmo": points_of(answer)}
    logprobs = {"content": [_logprob(one) for one in reply.tokens], "refusal": None} if told_logprobs else None
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": reply.last.finish}


def _logprob(token: TokenLogprob) -> dict[str, Any]:
    top = [{"token": text, "logprob": value, "bytes": _bytes(text)} for _, text, value in token.top]
    return {"token": token.text, "logprob": token.logprob, "bytes": _bytes(token.text), "top_logprobs": top}


def _bytes(text: str) -> list[int]:
    return list(text.encode("utf-8", errors="replace"))


# ------------------------------------------------------------------------------------ streams


async def _chunks(
    asking: Asking, first: Numbered, events: AsyncIterator[Numbered], head: dict[str, Any], *, usage: bool
) -> AsyncIterator[dict[str, Any]]:
    """Values of a stream: the role of each reply, its pieces, its end; then the usage where it is asked for."""
    base = {**head, "object": "chat.completion.chunk", **({"usage": None} if usage else {})}
    whole = [Whole() for _ in asking.generations]

    def chunk(number: int, delta: dict[str, Any], finish: str | None = None, logprobs: Any = None) -> dict[str, Any]:
        choice = {"index": number, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return {**base, "choices": [choice]}

    for number in range(len(whole)):
        yield chunk(number, {"role": "assistant", "content": ""})
    async for number, event in _from(first, events):
        whole[number].last = event
        delta: dict[str, Any] = {"content": event.text} if event.text else {}
        if event.answer is not None:
            delta["openmolmo"] = points_of(event.answer)
            log_text(asking.context, "answered", event.answer.text)
        elif event.points:
            delta["openmolmo"] = fresh_points(event.points)
        wanted = asking.generations[number].choosing.logprobs is not None and event.tokens
        logprobs = {"content": [_logprob(one) for one in event.tokens], "refusal": None} if wanted else None
        if delta or logprobs or event.finish:
            yield chunk(number, delta, event.finish, logprobs)
    if usage:
        yield {**base, "choices": [], "usage": usage_of(whole)}


async def _from(first: Numbered, events: AsyncIterator[Numbered]) -> AsyncIterator[Numbered]:
    try:
        yield first
        async for one in events:
            yield one
    finally:
        await events.aclose()  # type: ignore[attr-defined]


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
