"""``/v1/responses``: OpenAI's newer form. Nothing is stored: a conversation is sent whole each time."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import JSONResponse, Response

from openmolmo.core.errors import OpenMolmoError
from openmolmo.serving.backend import Event
from openmolmo.serving.openai.asking import Asking, asking_of
from openmolmo.serving.openai.choosing import check_format
from openmolmo.serving.openai.context import context_of
from openmolmo.serving.openai.failures import APIError, as_api_error, invalid
from openmolmo.serving.openai.points import fresh_points, points_of
from openmolmo.serving.openai.reading import read_body
from openmolmo.serving.openai.running import EventStream, Numbered, after, first_of, replies, unless_gone
from openmolmo.serving.openai.schemas import Message, ResponsesRequest
from openmolmo.serving.openai.writing import Whole, collect, event_line, log_text, logprob_of

__all__ = ["router"]

router = APIRouter()

_LOGPROBS = "message.output_text.logprobs"
_KEPT_NOWHERE = {
    "previous_response_id": "send the conversation in input",
    "conversation": "send the conversation in input",
    "background": "wait for the reply, or stream it",
    "prompt": "send the text in input",
}


@router.post("/v1/responses")
async def responses(request: Request) -> Response:
    """Answer in the form of responses."""
    body = await read_body(request, ResponsesRequest, context_of(request).settings)
    for name, instead in _KEPT_NOWHERE.items():
        if getattr(body, name):
            raise invalid(f"{name}: nothing is stored by this server; {instead}", name, "unsupported_parameter")
    if body.n not in (None, 1):
        raise invalid("n is not a field of responses", "n")
    if body.text and body.text.get("format") is not None:
        check_format(body.text["format"], "text.format")
    logprobs = (body.top_logprobs or 0) if _LOGPROBS in (body.include or ()) or body.top_logprobs else None
    asking = await asking_of(
        request,
        body,
        _messages(body),
        max_tokens=(body.max_output_tokens, "max_output_tokens"),
        logprobs=logprobs,
    )
    events = replies(request, asking.context, asking.model, asking.backend, asking.generations)
    form = _Form(body=body, model=asking.model)
    if body.stream:
        first = await first_of(request, events)
        return EventStream(_told(asking, form, after(first, events)))
    (whole,) = await unless_gone(request, collect(events, 1))
    log_text(asking.context, "answered", whole.text)
    return JSONResponse(form.finished(whole))


# ------------------------------------------------------------------------------------ what is asked


def _messages(body: ResponsesRequest) -> list[Message]:
    messages = [Message(role="system", content=body.instructions)] if body.instructions else []
    if isinstance(body.input, str):
        return [*messages, Message(role="user", content=body.input)]
    for place, item in enumerate(body.input):
        kind = item.get("type", "message") if isinstance(item, dict) else "none"
        if kind == "reasoning":  # what other models thought is sent back by their clients
            continue
        if kind != "message":
            raise invalid(f"an item of type {str(kind)[:32]!r} is not known here; known: message", f"input.{place}")
        try:
            messages.append(Message.model_validate(item))
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(("input", str(place), *map(str, fault["loc"])))
            raise invalid(f"{where}: {fault['msg']}", where, "invalid_type") from error
    return messages


# ------------------------------------------------------------------------------------ what is answered


@dataclass
class _Form:
    """Values of one response."""

    body: ResponsesRequest
    model: str

    def __post_init__(self) -> None:
        self.id, self.item = f"resp_{uuid.uuid4().hex}", f"msg_{uuid.uuid4().hex}"
        self.made = time.time()

    def response(self, status: str, output: list[Any], **more: Any) -> dict[str, Any]:
        body = self.body
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.made,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "instructions": body.instructions,
            "max_output_tokens": body.max_output_tokens,
            "metadata": body.metadata or {},
            "model": self.model,
            "output": output,
            "parallel_tool_calls": False,
            "previous_response_id": None,
            "store": False,
            "temperature": 0.0 if body.temperature is None else body.temperature,
            "text": {"format": {"type": "text"}},
            "tool_choice": "none",
            "tools": [],
            "top_p": 1.0 if body.top_p is None else body.top_p,
            "truncation": "disabled",
            "usage": None,
            "user": body.user,
            **more,
        }

    def message(self, status: str, content: list[Any], **more: Any) -> dict[str, Any]:
        return {
            "type": "message",
            "id": self.item,
            "role": "assistant",
            "status": status,
            "content": content,
            **more,
        }

    def part(self, text: str, logprobs: list[Any]) -> dict[str, Any]:
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}

    def finished(self, whole: Whole) -> dict[str, Any]:
        last = whole.last
        assert last.answer is not None
        status = "incomplete" if last.finish == "length" else "completed"
        part = self.part(whole.text, [logprob_of(one) for one in whole.tokens])
        more = {"incomplete_details": {"reason": "max_output_tokens"}} if status == "incomplete" else {}
        message = self.message(status, [part], openmolmo=points_of(last.answer))
        done = {"completed_at": time.time()} if status == "completed" else {}
        return self.response(status, [message], usage=_usage(last), **more, **done)


def _usage(last: Event) -> dict[str, Any]:
    return {
        "input_tokens": last.prompt_tokens,
        "input_tokens_details": {"cached_tokens": last.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": last.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": last.prompt_tokens + last.completion_tokens,
    }


# ------------------------------------------------------------------------------------ streams


async def _told(asking: Asking, form: _Form, events: AsyncIterator[Numbered]) -> AsyncIterator[str]:
    """Named events, numbered; an error in their midst is told as ``response.failed``."""
    number = 0
    values = _values(asking, form, events)
    try:
        async for value in values:
            yield event_line({**value, "sequence_number": number}, value["type"])
            number += 1
    except (APIError, OpenMolmoError) as error:
        told = as_api_error(error)
        code = "rate_limit_exceeded" if told.status == 429 else "server_error"
        failed = form.response("failed", [], error={"code": code, "message": told.message})
        value = {"type": "response.failed", "response": failed, "sequence_number": number}
        yield event_line(value, value["type"])
    finally:
        await values.aclose()  # type: ignore[attr-defined]


async def _values(asking: Asking, form: _Form, events: AsyncIterator[Numbered]) -> AsyncIterator[dict[str, Any]]:
    at = {"item_id": form.item, "output_index": 0, "content_index": 0}
    yield {"type": "response.created", "response": form.response("in_progress", [])}
    yield {"type": "response.in_progress", "response": form.response("in_progress", [])}
    yield {"type": "response.output_item.added", "output_index": 0, "item": form.message("in_progress", [])}
    yield {"type": "response.content_part.added", **at, "part": form.part("", [])}
    whole = Whole()
    async for _, event in events:
        whole.add(event)
        logprobs = [logprob_of(one) for one in event.tokens]
        found = {"openmolmo": fresh_points(event.points)} if event.points else {}
        if event.text or found:
            delta = {"type": "response.output_text.delta", **at, "delta": event.text, "logprobs": logprobs}
            yield {**delta, **found}
    log_text(asking.context, "answered", whole.text)
    done = form.finished(whole)
    (message,) = done["output"]
    (part,) = message["content"]
    yield {"type": "response.output_text.done", **at, "text": part["text"], "logprobs": part["logprobs"]}
    yield {"type": "response.content_part.done", **at, "part": part}
    yield {"type": "response.output_item.done", "output_index": 0, "item": message}
    yield {"type": f"response.{done['status']}", "response": done}
