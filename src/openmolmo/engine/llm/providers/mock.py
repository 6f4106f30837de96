"""Scripted replies, and faults by the dice: to rehearse all that goes wrong without a server.

provider = MockProvider(replies=["yes", "no"])                               in turn, from the first again
provider = MockProvider(replies={"Which colour": "Red."})                    by what the last message contains
provider = MockProvider(reply=lambda call: ..., faults={"busy": 0.09})       by a function; 9 % of tries say 429
--llm mock --llm-set 'extra={"faults": {"busy": 0.1}, "replies": {"hello": "Hello!"}}'
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from openmolmo.core.errors import ConfigError
from openmolmo.core.rng import derive
from openmolmo.engine.llm.failures import CallFailed
from openmolmo.engine.llm.providers.base import Answer
from openmolmo.engine.llm.request import Call
from openmolmo.engine.llm.settings import LLMSettings
from openmolmo.records.example import Made

__all__ = ["FAULTS", "MockProvider", "sample_value"]

FAULTS = {
    "busy": "429",
    "server": "500",
    "timeout": "no answer in time",
    "bad_json": "words where JSON was asked for",
    "half_json": "the first half of the reply",
}
"""Faults by name; the last two are replies, the others are errors that are tried again."""


class MockProvider:
    """Scripted replies and seeded faults, for tests; a text of it is marked as made by a program."""

    made = Made.PROGRAM
    kept = True
    schemas: bool | None = True

    def __init__(
        self,
        settings: LLMSettings | None = None,
        *,
        replies: Sequence[str] | Mapping[str, str] | None = None,
        reply: Callable[[Call], str] | None = None,
        faults: Mapping[str, float] | None = None,
        seed: int = 0,
    ) -> None:
        given = dict(settings.extra) if settings else {}
        self._replies = replies if replies is not None else given.get("replies")
        self._reply = reply
        self._faults: Mapping[str, float] = faults if faults is not None else given.get("faults", {})
        self._seed = seed
        unknown = sorted(set(self._faults) - set(FAULTS))
        if unknown:
            raise ConfigError(f"there is no fault called {unknown[0]!r}", fix=f"known: {', '.join(FAULTS)}")
        self._turn = itertools.count()
        self.calls: list[Call] = []
        """Every call so far, those with faults too."""

    async def send(self, call: Call) -> Answer:
        self.calls.append(call)
        fault = self._fault(call)
        if fault in ("busy", "server", "timeout"):
            kind = "slow" if fault == "timeout" else fault
            raise CallFailed(kind, f"the mock provider plays {FAULTS[fault]}", transient=True)
        text = self._text(call)
        if fault == "bad_json":
            text = "Certainly! I would be delighted to help."
        elif fault == "half_json":
            text = text[: len(text) // 2]
        tokens = [sum(len(one["content"].split()) for one in call.messages), len(text.split())]
        return Answer(text=text, served="mock", prompt_tokens=tokens[0], completion_tokens=tokens[1])

    async def close(self) -> None:
        pass

    def _fault(self, call: Call) -> str | None:
        """Drawn from the request and the number of its try, so a run is the same however its calls interleave."""
        tries = (call.key, call.attempt, len(call.messages))
        draw = derive(self._seed, "fault", *tries).random()
        for fault, share in self._faults.items():
            if draw < share:
                return fault
            draw -= share
        return None

    def _text(self, call: Call) -> str:
        last = call.messages[-1]["content"]
        if self._reply is not None:
            return self._reply(call)
        if isinstance(self._replies, Mapping):
            found = next((reply for part, reply in self._replies.items() if part in last), None)
            if found is not None:
                return found
        elif self._replies:
            return self._replies[next(self._turn) % len(self._replies)]
        if call.request.schema is not None:
            return json.dumps(sample_value(call.request.schema))
        return f"mock reply to: {last}"


def sample_value(schema: Mapping[str, Any]) -> Any:
    """A small value that fits a plain JSON schema: types, properties, items, enum, const, anyOf, least numbers."""
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf"):
        if schema.get(choice):
            return sample_value(schema[choice][0])
    kind = schema.get("type", "object" if "properties" in schema else "null")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: sample_value(inner) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [sample_value(schema.get("items", {"type": "null"}))] * max(1, schema.get("minItems", 1))
    if kind in ("integer", "number"):
        return max(schema.get("minimum", 0), 0)
    return {"string": "mock", "boolean": True}.get(kind)
