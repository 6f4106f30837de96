"""What is asked of a language model, and the key under which its answer is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from openmolmo.core.files import sha256_bytes
from openmolmo.engine.llm.settings import LLMSettings
from openmolmo.engine.llm.text_only import plain_messages, refuse_pictures

__all__ = ["Call", "Request", "key_material", "request_sha256"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """Messages (``{"role": ..., "content": text}``) and, for a reply in JSON, the JSON schema that it must fit.

    ``purpose`` and ``context`` (JSON values) are what the template provider answers from; they are not sent.
    ``prompt`` and ``prompt_sha256`` say which prompt file the messages come from. Requests that differ in ``sample``
    alone are asked separately, each with a seed of its own: several drafts of one thing.
    """

    messages: Sequence[Mapping[str, Any]]
    schema: Mapping[str, Any] | None = None
    purpose: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)
    prompt: str = ""
    prompt_sha256: str = ""
    sample: int = 0

    @classmethod
    def of(cls, user: str, *, system: str | None = None, **others: Any) -> Request:
        """A request of one text, and perhaps another that says how to answer."""
        first = [{"role": "system", "content": system}] if system else []
        return cls(messages=[*first, {"role": "user", "content": user}], **others)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One try of a request, as a provider gets it: text only, and whether the server is held to the schema."""

    request: Request
    messages: Sequence[dict[str, str]]
    schema: Mapping[str, Any] | None = None
    seed: int | None = None
    attempt: int = 0
    key: str = ""


def key_material(settings: LLMSettings, request: Request) -> dict[str, Any]:
    """All that decides what the answer is, as JSON values. Raises PictureRefused for anything but text in it.

    Not among it: the number of calls at once, timeouts, and by which means JSON is asked for.
    """
    messages = plain_messages(request.messages)
    refuse_pictures([request.schema, settings.extra], "the schema or a setting of the request")
    material: dict[str, Any] = {
        "provider": settings.provider,
        "base_url": settings.url,
        "model": settings.model,
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
        "seed": settings.seed,
        "extra": dict(settings.extra),
        "messages": messages,
        "schema": request.schema,
        "sample": request.sample,
    }
    if settings.provider != "openai":  # those that send nothing answer from these
        refuse_pictures(request.context, "the context of the request")
        material |= {"purpose": request.purpose, "context": request.context}
    return material


def request_sha256(material: Mapping[str, Any]) -> str:
    """The key of a request: SHA-256 of :func:`key_material` in one fixed spelling."""
    return sha256_bytes(
        json.dumps(material, sort_keys=True, ensure_ascii=False, default=_json).encode("utf-8", "replace")
    )


def _json(value: Any) -> Any:
    """Mappings and sequences of other kinds, as the plain ones."""
    return dict(value) if isinstance(value, Mapping) else list(value)
