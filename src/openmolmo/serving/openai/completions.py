"""``/v1/completions``: a raw text or ids continued, without the form of a conversation."""

from __future__ import annotations

import asyncio
import dataclasses
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from openmolmo.serving.backend import Backend, Generation, TokenLogprob
from openmolmo.serving.openai.asking import Asking
from openmolmo.serving.openai.choosing import choices_of, choosing_of, refuse_unknown_ways, stops_of, tokens_of
from openmolmo.serving.openai.context import Context, context_of
from openmolmo.serving.openai.failures import invalid
from openmolmo.serving.openai.messages import check_text
from openmolmo.serving.openai.reading import read_body
from openmolmo.serving.openai.running import EventStream, Numbered, after, first_of, replies, unless_gone
from openmolmo.serving.openai.schemas import CompletionRequest
from openmolmo.serving.openai.writing import Whole, collect, log_text, told, usage_of
from openmolmo.words.requests import Request as Question

__all__ = ["router"]

router = APIRouter()

_DEFAULT_TOKENS = 16  # as OpenAI has it


@router.post("/v1/completions")
async def completions(request: Request) -> Response:
    """Continue texts."""
    context = context_of(request)
    body = await read_body(request, CompletionRequest, context.settings)
    model, backend = context.backend(body.model)
    refuse_unknown_ways(body)
    if body.suffix or body.echo:
        name = "suffix" if body.suffix else "echo"
        raise invalid(f"{name} is not supported by this server", name, "unsupported_parameter")
    prompts = await _prompts(body, backend, context)
    asking = Asking(
        request=request,
        context=context,
        model=model,
        backend=backend,
        generations=_generations(body, prompts, context),
    )
    events = replies(request, context, model, backend, asking.generations)
    head = {
        "id": f"cmpl-{uuid.uuid4().hex}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": model,
    }
    if body.stream:
        first = await first_of(request, events)
        usage = bool(body.stream_options and body.stream_options.include_usage)
        return EventStream(told(_chunks(asking, after(first, events), head, usage=usage)))
    whole = await unless_gone(request, collect(events, len(asking.generations)))
    choices = []
    for index, reply in enumerate(whole):
        log_text(context, "answered", reply.text)
        choices.append(_choice(index, reply.text, reply.tokens, reply.last.finish, told=body.logprobs is not None))
    return JSONResponse({**head, "choices": choices, "usage": usage_of(whole)})


async def _prompts(body: CompletionRequest, backend: Backend, context: Context) -> list[tuple[int, ...]]:
    """Ids of each prompt."""
    given = _several(body.prompt)
    if not given or len(given) > context.settings.max_choices:
        raise invalid(f"prompt must be 1-{context.settings.max_choices} texts or lists of ids", "prompt")
    check_text([one for one in given if isinstance(one, str)], context.settings, "prompt")
    if not all(given):
        raise invalid("a prompt is empty", "prompt")
    begin = body.add_special_tokens  # as vLLM has it: before texts, never before ids
    ids = [
        await asyncio.to_thread(backend.tokenize, one, begin=begin) if isinstance(one, str) else one for one in given
    ]
    if any(not 0 <= one < 2**31 for prompt in ids for one in prompt):
        raise invalid("prompts in tokens are ids of 0 or more", "prompt")
    return [tuple(prompt) for prompt in ids]


def _several(prompt: str | list[str] | list[int] | list[list[int]]) -> list[str | list[int]]:
    """One prompt or several, as a list of them."""
    if isinstance(prompt, str):
        return [prompt]
    ids = [one for one in prompt if isinstance(one, int)]
    return [ids] if ids else [one for one in prompt if not isinstance(one, int)]


def _generations(
    body: CompletionRequest, prompts: Sequence[tuple[int, ...]], context: Context
) -> tuple[Generation, ...]:
    wanted = choices_of(body, context.settings)
    if wanted * len(prompts) > context.settings.max_choices:
        raise invalid(f"at most {context.settings.max_choices} replies are given to one request", "n")
    tokens = tokens_of(body.max_tokens or _DEFAULT_TOKENS, context.settings, "max_tokens")
    question = Question(max_new_tokens=tokens, stop=stops_of(body))
    choosing = choosing_of(body, body.logprobs)
    return tuple(
        Generation(
            request=question,
            prompt_ids=prompt,
            choosing=dataclasses.replace(choosing, seed=choosing.seed + number),
        )
        for prompt in prompts
        for number in range(wanted)
    )


def _choice(index: int, text: str, tokens: Sequence[TokenLogprob], finish: str | None, *, told: bool) -> dict[str, Any]:
    logprobs = None
    if told:
        offsets = [sum(len(one.text) for one in tokens[:place]) for place in range(len(tokens))]
        logprobs = {
            "tokens": [one.text for one in tokens],
            "token_logprobs": [one.logprob for one in tokens],
            "top_logprobs": [{text: value for _, text, value in one.top} for one in tokens],
            "text_offset": offsets,
        }
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}


async def _chunks(
    asking: Asking, events: AsyncIterator[Numbered], head: dict[str, Any], *, usage: bool
) -> AsyncIterator[dict[str, Any]]:
    whole = [Whole() for _ in asking.generations]
    base = {**head, **({"usage": None} if usage else {})}
    async for number, event in events:
        whole[number].last = event
        wanted = asking.generations[number].choosing.logprobs is not None
        if event.text or event.finish or (wanted and event.tokens):
            yield {**base, "choices": [_choice(number, event.text, event.tokens, event.finish, told=wanted)]}
    if usage:
        yield {**base, "choices": [], "usage": usage_of(whole)}
