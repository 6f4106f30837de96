"""``/v1/chat/completions``: one or several replies, at once or as they are written."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from openmolmo.serving.openai.asking import Asking, asking_of
from openmolmo.serving.openai.context import context_of
from openmolmo.serving.openai.failures import invalid
from openmolmo.serving.openai.points import fresh_points, points_of
from openmolmo.serving.openai.reading import read_body
from openmolmo.serving.openai.running import EventStream, Numbered, after, first_of, replies, unless_gone
from openmolmo.serving.openai.schemas import ChatRequest
from openmolmo.serving.openai.writing import Whole, collect, log_text, logprob_of, told, usage_of

__all__ = ["router"]

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
        return EventStream(told(_chunks(asking, after(first, events), head, usage=usage)))
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


def _choice(index: int, reply: Whole, *, told_logprobs: bool) -> dict[str, Any]:
    answer = reply.last.answer
    assert answer is not None
    message = {"role": "assistant", "content": answer.text, "refusal": None, "openmolmo": points_of(answer)}
    logprobs = {"content": [logprob_of(one) for one in reply.tokens], "refusal": None} if told_logprobs else None
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": reply.last.finish}


# ------------------------------------------------------------------------------------ streams


async def _chunks(
    asking: Asking, events: AsyncIterator[Numbered], head: dict[str, Any], *, usage: bool
) -> AsyncIterator[dict[str, Any]]:
    """Values of a stream: the role of each reply, its pieces, its end; then the usage where it is asked for."""
    base = {**head, "object": "chat.completion.chunk", **({"usage": None} if usage else {})}
    whole = [Whole() for _ in asking.generations]

    def chunk(number: int, delta: dict[str, Any], finish: str | None = None, logprobs: Any = None) -> dict[str, Any]:
        choice = {"index": number, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return {**base, "choices": [choice]}

    for number in range(len(whole)):
        yield chunk(number, {"role": "assistant", "content": ""})
    async for number, event in events:
        whole[number].last = event
        delta: dict[str, Any] = {"content": event.text} if event.text else {}
        if event.answer is not None:
            delta["openmolmo"] = points_of(event.answer)
            log_text(asking.context, "answered", event.answer.text)
        elif event.points:
            delta["openmolmo"] = fresh_points(event.points)
        wanted = asking.generations[number].choosing.logprobs is not None and event.tokens
        logprobs = {"content": [logprob_of(one) for one in event.tokens], "refusal": None} if wanted else None
        if delta or logprobs or event.finish:
            yield chunk(number, delta, event.finish, logprobs)
    if usage:
        yield {**base, "choices": [], "usage": usage_of(whole)}
