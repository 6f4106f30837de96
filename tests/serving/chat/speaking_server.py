"""A server that speaks the API as the page hears it, and says what a test gives it to say."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from openmolmo.serving.chat import mount_chat

__all__ = ["NANO", "PLAIN", "Reply", "Speaker"]

NANO = {"id": "nano", "openmolmo": {"description": "A model of 10 million parameters.", "knows": "drawings"}}
PLAIN = {"id": "large", "openmolmo": {"description": "A larger one.", "knows": None}}


@dataclass(frozen=True, kw_only=True, eq=False)
class Reply:
    """What is said: ``pieces`` of text, ``gap`` seconds apart; or ``error``, with ``status`` where nothing was said.

    ``found``: the extension field of the last piece. ``cut``: the connection ends in the middle.
    """

    pieces: tuple[str, ...] = ()
    found: Any = None
    gap: float = 0.0
    status: int = 200
    error: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    cut: bool = False


@dataclass
class Speaker:
    """``replies``: what comes next, the last again and again; ``heard``: bodies of requests; ``left``: who went."""

    models: list[dict[str, Any]] = field(default_factory=lambda: [NANO])
    replies: list[Reply] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)
    key: str = ""
    left: int = 0
    address: str = ""

    def app(self) -> FastAPI:
        app = FastAPI()
        mount_chat(app)

        @app.get("/v1/models")
        def models(request: Request) -> Response:
            return self._refusal(request) or JSONResponse({"object": "list", "data": self.models})

        @app.post("/v1/chat/completions")
        async def completions(request: Request) -> Response:
            if (refusal := self._refusal(request)) is not None:
                return refusal
            self.heard.append(await request.json())
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
            if reply.status != 200:
                error = {"error": {"message": reply.error, "type": "invalid_request_error", "code": None}}
                return JSONResponse(error, reply.status, headers=dict(reply.headers))
            return StreamingResponse(self._said(reply), media_type="text/event-stream")

        return app

    def _refusal(self, request: Request) -> Response | None:
        if not self.key or request.headers.get("authorization") == f"Bearer {self.key}":
            return None
        return JSONResponse({"error": {"message": "Incorrect API key provided.", "code": "invalid_api_key"}}, 401)

    async def _said(self, reply: Reply) -> AsyncIterator[str]:
        try:
            for piece in reply.pieces:
                yield _event({"content": piece})
                await asyncio.sleep(reply.gap)
        except (asyncio.CancelledError, GeneratorExit):
            self.left += 1
            raise
        if reply.error:
            yield f"data: {json.dumps({'error': {'message': reply.error, 'type': 'server_error', 'code': 500}})}\n\n"
        elif not reply.cut:
            yield _event({"openmolmo": reply.found} if reply.found else {}, "stop")
            yield "data: [DONE]\n\n"

    @contextmanager
    def running(self) -> Iterator[Speaker]:
        """Serve on a free port of this machine, in a thread."""
        config = uvicorn.Config(self.app(), port=0, log_level="error", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        self.address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
        try:
            yield self
        finally:
            server.should_exit = True
            thread.join(10)


def _event(delta: dict[str, Any], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps({'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n"
