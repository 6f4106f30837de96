"""Any server that speaks OpenAI's protocol: the official client, its retries, and sentences for what goes wrong."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from typing import Any

from openmolmo.core.errors import ConfigError
from openmolmo.core.optional import require
from openmolmo.engine.llm.failures import CallFailed
from openmolmo.engine.llm.providers.base import Answer
from openmolmo.engine.llm.request import Call
from openmolmo.engine.llm.settings import OPENAI_KEY, OPENAI_URL, LLMSettings
from openmolmo.engine.llm.text_only import plain_messages
from openmolmo.records.example import Made

__all__ = ["OpenAIServer"]

_PAUSE = 30.0
"""Seconds that a try may wait for its turn, on the average: servers ask for it by Retry-After."""

_ACCOUNT = ("OpenAI-Organization", "OpenAI-Project")

_SHOWN = 160
"""Letters of a server's own words that a message quotes."""


class OpenAIServer:
    """OpenAI, or any server with its protocol: vLLM, Ollama, llama.cpp, a vendor. ``openai:MODEL[@BASE_URL]``."""

    made = Made.TEXT_LLM
    kept = True
    schemas: bool | None = None

    def __init__(self, settings: LLMSettings) -> None:
        openai = require("openai", extra="llm")
        self._settings = settings
        self._openai = openai
        # The client would take the account's names from the environment, and send them to any server.
        private = {} if settings.url == OPENAI_URL else dict.fromkeys(_ACCOUNT, openai.Omit())
        self._client = openai.AsyncOpenAI(
            base_url=settings.url,
            api_key=_key(settings),
            default_headers=private,
            timeout=settings.timeout,
            max_retries=settings.retries,
        )
        self._limit_name = "max_tokens"

    async def send(self, call: Call) -> Answer:
        settings = self._settings
        whole = (settings.retries + 1) * (settings.timeout + _PAUSE)
        try:
            async with asyncio.timeout(whole):  # the client's limit is for each read: a server that drips has none
                raw = await self._create(call)
        except TimeoutError:
            raise self._slow(whole) from None
        except self._openai.APITimeoutError:
            raise self._slow(settings.timeout) from None
        except self._openai.APIStatusError as error:
            raise self._refused(error.status_code, _words(error)) from None
        except self._openai.APIConnectionError as error:
            cause = error.__cause__ or error
            raise CallFailed(
                "unreachable",
                f"no language model answers at {settings.url}: {str(cause) or type(cause).__name__}",
                fix="start the server, or mend the address: --llm openai:MODEL@http://host:port/v1",
            ) from None
        except self._openai.OpenAIError as error:
            raise CallFailed("nonsense", f"{settings.url} cannot be understood: {error}", transient=True) from None
        return self._read(raw.http_response.content, raw.retries_taken)

    async def close(self) -> None:
        await self._client.close()

    async def _create(self, call: Call) -> Any:
        """The raw response; newer models of OpenAI have another name for the limit of tokens, and say so."""
        create = self._client.chat.completions.with_raw_response.create
        try:
            return await create(**self._body(call))
        except self._openai.BadRequestError as error:
            if self._limit_name != "max_tokens" or "max_completion_tokens" not in _words(error):
                raise
            self._limit_name = "max_completion_tokens"
            return await create(**self._body(call))

    def _body(self, call: Call) -> dict[str, Any]:
        settings = self._settings
        values = {"temperature": settings.temperature, self._limit_name: settings.max_tokens, "seed": call.seed}
        body: dict[str, Any] = {
            "model": settings.model,
            "messages": plain_messages(call.messages),  # once more: nothing but text passes here
            **{name: value for name, value in values.items() if value is not None},
        }
        if call.schema is not None:
            form = {"name": "reply", "schema": call.schema, "strict": _is_strict(call.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        if settings.extra:
            body["extra_body"] = dict(settings.extra)
        return body

    def _read(self, content: bytes, retries: int) -> Answer:
        try:
            reply = json.loads(content)
            choice = reply["choices"][0]
            text = choice["message"].get("content") or ""
            usage = reply.get("usage") or {}
            counts = [int(usage.get(name) or 0) for name in ("prompt_tokens", "completion_tokens")]
            if not isinstance(text, str):
                raise TypeError
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            shown = content[:_SHOWN].decode("utf-8", "replace")
            raise CallFailed(
                "nonsense",
                f"{self._settings.url} does not speak OpenAI's protocol: it sent {shown!r}",
                fix="see that the address ends as the server's manual says, mostly in /v1",
                transient=True,
            ) from None
        return Answer(
            text=text,
            served=str(reply.get("model") or ""),
            prompt_tokens=counts[0],
            completion_tokens=counts[1],
            cut=choice.get("finish_reason") == "length",
            retries=retries,
        )

    def _slow(self, seconds: float) -> CallFailed:
        return CallFailed(
            "slow",
            f"{self._settings.url} gave no answer within {seconds:g} s, in {self._settings.retries + 1} tries",
            fix="ask less at once (concurrency=4), or wait longer (timeout=600)",
        )

    def _refused(self, status: int, words: str) -> CallFailed:
        settings = self._settings
        said = f"{settings.url} answers {status}" + (f": {words[:_SHOWN]}" if words else "")
        if status in (401, 403):
            name = settings.api_key_env or (OPENAI_KEY if settings.url == OPENAI_URL else None)
            now = f"the key in {name} is not accepted" if name else "no key was sent"
            return CallFailed("key", f"{said}; {now}", fix="put a key into a variable and name it: api_key_env=MY_KEY")
        if status == 404:
            fix = f"the model {settings.model!r} or the path may be wrong: curl {settings.url}/models lists its models"
            return CallFailed("model", said, fix=fix)
        if status == 429:
            return CallFailed("busy", said, fix="ask less at once (concurrency=4), or see that the account has credit")
        if status >= 500 or status in (408, 409):
            return CallFailed("server", said, fix="see the server's log; the same command later asks only what is left")
        fix = "if it names a setting, leave that out: temperature=none, seed=none, max_tokens=none"
        return CallFailed("refused", said, fix=fix)


def _key(settings: LLMSettings) -> str:
    """The key of the named variable; a server with an address of its own may want none."""
    name = settings.api_key_env or (OPENAI_KEY if settings.url == OPENAI_URL else None)
    if name is None:
        return "none"
    key = os.environ.get(name, "").strip()
    if not key:
        raise ConfigError(
            f"there is no key for {settings.url}: the variable {name} is not set",
            fix=f"export {name}=..., or give the address of a server without keys: {settings.line()}@http://host:8000/v1"
            if settings.base_url is None
            else f"export {name}=...",
        )
    return key


def _words(error: Any) -> str:
    """What the server itself says is wrong, on one line."""
    body = error.body
    inner = body.get("error", body) if isinstance(body, Mapping) else body
    text = inner.get("message", "") if isinstance(inner, Mapping) else inner
    return " ".join(str(text or error.response.text).split())


def _is_strict(schema: Any) -> bool:
    """Whether OpenAI's strict form takes this schema: every object names all its properties and allows no others."""
    if isinstance(schema, Mapping):
        properties = schema.get("properties")
        if isinstance(properties, Mapping) and (
            schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties)
        ):
            return False
        return all(_is_strict(inner) for inner in schema.values())
    return all(_is_strict(inner) for inner in schema) if isinstance(schema, (list, tuple)) else True
