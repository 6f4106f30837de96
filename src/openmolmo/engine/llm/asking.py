"""One request, asked until there is an answer: tries with pauses, JSON held to its schema, one word of correction."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from openmolmo.core.rng import derive
from openmolmo.engine.llm import prompts
from openmolmo.engine.llm.cache import Cache, Kept
from openmolmo.engine.llm.failures import CallFailed
from openmolmo.engine.llm.json_reply import NotTheJson, check_schema, read_json, without_thoughts
from openmolmo.engine.llm.providers.base import Answer, Provider
from openmolmo.engine.llm.request import Call, Request
from openmolmo.engine.llm.settings import LLMSettings
from openmolmo.engine.llm.text_only import plain_messages
from openmolmo.engine.llm.usage import Usage

__all__ = ["Asking"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0  # seconds
_ROUNDS = 2
"""How often JSON is asked for from the beginning; in each round a wrong reply is asked for once more."""

_PROBE_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"colour": {"type": "string", "enum": ["teal", "ochre"]}},
    "required": ["colour"],
    "additionalProperties": False,
}


class Asking:
    """Asks a provider; lives in the event loop of its client."""

    def __init__(self, settings: LLMSettings, provider: Provider, usage: Usage, cache: Cache | None) -> None:
        self._settings, self._provider, self._usage, self._cache = settings, provider, usage, cache
        self._schemas = {"auto": provider.schemas, "schema": True, "prompt": False}[settings.json_mode]
        self._probing: asyncio.Task[bool | None] | None = None

    async def answer(self, request: Request, key: str) -> Kept:
        """The answer, valid where it has to be JSON. Raises CallFailed."""
        started = time.perf_counter()
        messages = plain_messages(request.messages)
        call = Call(request=request, messages=messages, seed=self._seed(request.sample), key=key)
        if request.schema is None:
            answer, value = await self._text(call), None
        else:
            check_schema(request.schema)
            answer, value = await self._json(call, request.schema)
        return Kept(
            text=answer.text,
            value=value,
            served=answer.served,
            cut=answer.cut,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            seconds=round(time.perf_counter() - started, 4),
        )

    async def _text(self, call: Call) -> Answer:
        """A reply with something in it, without what was thought aloud."""
        answer = await self._send(call)
        answer = replace(answer, text=without_thoughts(answer.text))
        if answer.text.strip():
            return answer
        if answer.cut:
            limit = self._settings.max_tokens
            raise CallFailed("cut", f"max_tokens={limit} ended the reply before it began", fix="give it more")
        raise CallFailed("empty", f"{self._settings.line()} sent an empty reply", fix="ask it in other words")

    async def holds_to_schemas(self) -> bool:
        """Whether the server holds replies to a schema: tried once, with a question that invites another answer."""
        if self._schemas is None and self._cache is not None:
            self._schemas = self._cache.schemas(self._settings.url, self._settings.model)
        if self._schemas is None:
            if self._probing is None:  # all who want to know wait for one try, and share how it fails
                self._probing = asyncio.create_task(self._probe())
                self._probing.add_done_callback(self._probed)
            return bool(await asyncio.shield(self._probing))
        return self._schemas

    def _probed(self, probing: asyncio.Task[bool | None]) -> None:
        self._probing = None
        if probing.cancelled() or probing.exception() is not None:
            return  # the next request tries again
        found = probing.result()
        self._schemas = bool(found)
        if self._cache is not None and found is not None:
            self._cache.note_schemas(self._settings.url, self._settings.model, found)

    async def _probe(self) -> bool | None:
        """What the server does; None where it may be in trouble, so that a later run asks again."""
        request = prompts.load("check_schema@1").request(schema=_PROBE_SCHEMA)
        messages = plain_messages(request.messages)
        call = Call(request=request, messages=messages, schema=_PROBE_SCHEMA, seed=self._seed(0), key="probe")
        for _ in range(2):  # one reply may be garbled on its way
            try:
                read_json((await self._send(call)).text, _PROBE_SCHEMA)
            except NotTheJson:
                continue
            except CallFailed as error:
                if error.kind not in ("refused", "server"):
                    raise
                return False if error.kind == "refused" else None
            return True
        return False

    async def _json(self, first: Call, schema: Mapping[str, Any]) -> tuple[Answer, Any]:
        """A reply that fits the schema."""
        held = await self.holds_to_schemas()
        fault = ""
        for number in range(_ROUNDS):
            call = replace(first, seed=self._seed(first.request.sample, number), attempt=number * 1000)
            if held:
                try:
                    return await self._round(replace(call, schema=schema), schema)
                except CallFailed as error:
                    if error.kind not in ("refused", "schema"):
                        raise
                    held = error.kind == "schema"  # this schema is not taken, others were
                    fault = error.message
            if not held:
                try:
                    return await self._round(_in_words(call, schema), schema)
                except CallFailed as error:
                    if error.kind != "schema":
                        raise
                    fault = error.message
        raise CallFailed("schema", fault, fix="try a larger model, or a simpler schema")

    async def _round(self, call: Call, schema: Mapping[str, Any]) -> tuple[Answer, Any]:
        """Ask, and once more with what was wrong."""
        answer = await self._send(call)
        try:
            return answer, self._read(answer, schema)
        except NotTheJson as fault:
            self._usage.asked_again += 1
            words = prompts.load("again@1").messages({"fault": fault, "schema": _spelt(schema)})
            said = [{"role": "assistant", "content": answer.text or "(nothing)"}, *words]
            second = await self._send(replace(call, messages=[*call.messages, *said]))
        try:
            return _both(answer, second), self._read(second, schema)
        except NotTheJson as fault:
            raise CallFailed("schema", f"{self._settings.line()} does not reply as asked: {fault}") from None

    def _read(self, answer: Answer, schema: Mapping[str, Any]) -> Any:
        try:
            value, mended = read_json(answer.text, schema)
        except NotTheJson:
            if not answer.cut:
                raise
            limit = self._settings.max_tokens
            raise CallFailed(
                "cut", f"the reply was cut at max_tokens={limit}, in the middle of its JSON", fix="give it more"
            ) from None
        self._usage.mended += mended
        return value

    async def _send(self, call: Call) -> Answer:
        """One answer, after as many tries as the settings allow where a fault may pass."""
        for attempt in range(self._settings.retries + 1):
            started = time.perf_counter()
            try:
                answer = await self._provider.send(replace(call, attempt=call.attempt + attempt))
            except CallFailed as error:
                if not error.transient or attempt == self._settings.retries:
                    raise
                self._usage.retries += 1
                await asyncio.sleep(_pause(call.key, attempt))
            else:
                self._usage.add(answer, time.perf_counter() - started)
                return answer
        raise AssertionError("the last try returns or raises")

    def _seed(self, sample: int, number: int = 0) -> int | None:
        seed = self._settings.seed
        return None if seed is None else seed + sample + number * 1_000_003


def _in_words(call: Call, schema: Mapping[str, Any]) -> Call:
    """The schema as part of the last message, for servers that are not held to one."""
    (words,) = prompts.load("json@1").messages({"schema": _spelt(schema)})
    *others, last = call.messages
    told: Sequence[dict[str, str]] = [*others, {**last, "content": f"{last['content']}\n\n{words['content']}"}]
    return replace(call, messages=told)


def _both(first: Answer, second: Answer) -> Answer:
    """The second answer with the tokens of both."""
    return replace(
        second,
        prompt_tokens=first.prompt_tokens + second.prompt_tokens,
        completion_tokens=first.completion_tokens + second.completion_tokens,
    )


def _spelt(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, ensure_ascii=False, default=dict)


def _pause(key: str, attempt: int) -> float:
    """Seconds before the next try: longer each time, and not the same for all requests."""
    longest = min(_FIRST_PAUSE * 2.0**attempt, _LONGEST_PAUSE)
    share = derive(0, "pause", key, attempt).random()
    return longest * (0.5 + 0.5 * share)
