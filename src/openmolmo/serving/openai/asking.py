"""From a body to what the backend is asked: shared by chat completions and responses."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from fastapi import Request

from openmolmo.serving.backend import Backend, Choosing, Generation
from openmolmo.serving.openai.choosing import choices_of, choosing_of, refuse_unknown_ways, stops_of, tokens_of
from openmolmo.serving.openai.context import Context, context_of
from openmolmo.serving.openai.failures import invalid
from openmolmo.serving.openai.messages import Asked, read_messages
from openmolmo.serving.openai.pictures import read_pictures
from openmolmo.serving.openai.running import unless_gone
from openmolmo.serving.openai.schemas import Message, Sampled
from openmolmo.serving.openai.writing import log_text
from openmolmo.words.requests import Request as Question

__all__ = ["Asking", "asking_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One request, ready for its backend: a generation for each reply that is wanted."""

    request: Request
    context: Context
    model: str
    backend: Backend
    generations: tuple[Generation, ...]


async def asking_of(
    request: Request,
    body: Sampled,
    messages: list[Message],
    *,
    max_tokens: tuple[int | None, str],
    logprobs: int | None = None,
    continuing: bool = False,
) -> Asking:
    """Messages as a question, checked against every limit. Raises APIError."""
    context = context_of(request)
    settings = context.settings
    model, backend = context.backend(body.model)
    refuse_unknown_ways(body)
    asked = read_messages(messages, settings, continuing=continuing)
    crops = _crops(body, asked, context, model)
    question = Question(
        text=asked.texts[-1],
        history=tuple(asked.texts[:-1]),
        images=tuple(await unless_gone(request, read_pictures(asked.addresses, settings))),
        style=body.openmolmo.style,
        length_hint=body.openmolmo.length_hint,
        max_new_tokens=tokens_of(max_tokens[0], settings, max_tokens[1]),
        max_crops=crops,
        stop=stops_of(body),
    )
    log_text(context, "asked", "\n".join((*asked.texts, asked.begun)))
    choosing = choosing_of(body, logprobs)
    generations = (
        Generation(request=question, choosing=_of_choice(choosing, number), begun=asked.begun)
        for number in range(choices_of(body, settings))
    )
    return Asking(request=request, context=context, model=model, backend=backend, generations=tuple(generations))


def _of_choice(choosing: Choosing, number: int) -> Choosing:
    """Each of several replies draws for itself."""
    return dataclasses.replace(choosing, seed=choosing.seed + number)


def _crops(body: Sampled, asked: Asked, context: Context, model: str) -> int | None:
    """Into how many crops pictures are cut: as was said, or as the closest look that is asked for needs."""
    most, said = context.settings.max_crops, body.openmolmo.max_crops
    if said is not None:
        if said > most:
            raise invalid(f"max_crops={said} is asked for, the limit is {most}", "openmolmo.max_crops")
        return said
    if "original" in asked.details:
        return most
    return 1 if asked.details and set(asked.details) == {"low"} else None
