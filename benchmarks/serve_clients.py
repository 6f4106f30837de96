"""Clients of ``serve.py``: of a backend in this process, and of a server over HTTP."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2

from openmolmo.core.errors import QueueFullError
from openmolmo.serving.backend import Backend, Generation
from openmolmo.words.requests import Request

__all__ = ["Answered", "Ask", "ask_backend", "ask_server"]

_TOO_MANY = 429


@dataclass
class Answered:
    """What came of one question; ``first`` and ``gaps`` are seconds to the first token and between two."""

    text: str = ""
    tokens: int = 0
    first: float = 0.0
    gaps: list[float] = field(default_factory=list)
    refused: bool = False
    ended: bool = False


Ask = Callable[[Request], Awaitable[Answered]]


class _Clock:
    """When tokens come. Several that come together are counted as equally far apart."""

    def __init__(self) -> None:
        self.began = self.last = time.perf_counter()
        self.answered = Answered()

    def tick(self, tokens: int) -> None:
        now, new = time.perf_counter(), tokens - self.answered.tokens
        if self.answered.tokens == 0:
            self.answered.first = now - self.began
        elif new > 0:
            self.answered.gaps += [(now - self.last) / new] * new
        self.answered.tokens, self.last = tokens, now


def ask_backend(backend: Backend) -> Ask:
    """Asks a backend of this process."""

    async def ask(request: Request) -> Answered:
        clock = _Clock()
        try:
            async for event in backend.generate(Generation(request=request)):
                clock.tick(event.completion_tokens)
                if event.answer is not None:
                    clock.answered.text, clock.answered.ended = event.answer.text, True
        except QueueFullError:
            clock.answered.refused = True
        return clock.answered

    return ask


def ask_server(url: str, tokens: int) -> Ask:
    """Asks a server in OpenAI's form, as a stream; a connection for each question."""

    async def ask(request: Request) -> Answered:
        clock = _Clock()
        pieces = []
        # Certificates, of which none is needed here, would take longer to read than a question to ask.
        async with httpx2.AsyncClient(base_url=url, timeout=600.0, verify=False, trust_env=False) as http:
            body = await _body(http, request, tokens)
            clock.began = time.perf_counter()
            async with http.stream("POST", "/v1/chat/completions", json=body) as response:
                if response.status_code == _TOO_MANY:
                    return Answered(refused=True)
                response.raise_for_status()
                async for line in response.aiter_lines():
                    data = line.removeprefix("data: ")
                    if data == "[DONE]":
                        clock.answered.ended = True
                    elif line.startswith("data: ") and (choices := json.loads(data).get("choices")):
                        pieces.append(choices[0]["delta"].get("content") or "")
                        if pieces[-1]:
                            clock.tick(clock.answered.tokens + 1)
        clock.answered.text = "".join(pieces).strip()
        return clock.answered

    return ask


_names: dict[str, str] = {}


async def _body(http: httpx2.AsyncClient, request: Request, tokens: int) -> dict[str, Any]:
    address = str(http.base_url)
    if address not in _names:
        _names[address] = (await http.get("/v1/models")).json()["data"][0]["id"]
    parts: list[dict[str, Any]] = []
    for image in request.images:
        assert isinstance(image, bytes)
        data = base64.b64encode(image).decode()
        parts.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}})
    parts.append({"type": "text", "text": request.text})
    extension = {"style": request.style} if request.style else {}
    return {
        "model": _names[address],
        "messages": [{"role": "user", "content": parts}],
        "temperature": 0,
        "max_tokens": tokens,
        "stream": True,
        "openmolmo": extension,
    }
