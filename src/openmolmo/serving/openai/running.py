"""Has requests answered: several replies at once as they come, ended by time, by an error or by a client that left."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any, TypeVar

from fastapi import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from openmolmo.serving.backend import Backend, Event, Generation
from openmolmo.serving.openai.context import Context, note
from openmolmo.serving.openai.failures import APIError, ClientGone

__all__ = ["EventStream", "Numbered", "after", "first_of", "replies", "unless_gone"]

T = TypeVar("T")
Numbered = tuple[int, Event]
_Item = Numbered | asyncio.Task[None]


async def replies(
    request: Request, context: Context, name: str, backend: Backend, generations: Sequence[Generation]
) -> AsyncIterator[Numbered]:
    """(number of the reply, what came of it), until all are whole. Raises what the backend does; APIError 503 late.

    Each is read as quickly as it is written, whoever reads here: a slow client holds no row of the batch.
    """
    arrived: asyncio.Queue[_Item] = asyncio.Queue()
    watch = _Watch(context, name)

    async def read(number: int) -> None:
        async with contextlib.aclosing(backend.generate(generations[number])) as events:  # type: ignore[type-var]
            async for event in events:
                watch.saw(number, event)
                arrived.put_nowait((number, event))

    tasks = [asyncio.create_task(read(number)) for number in range(len(generations))]
    for task in tasks:
        task.add_done_callback(arrived.put_nowait)
    until, left = time.monotonic() + context.settings.request_seconds, len(tasks)
    try:
        while left:
            try:
                item = await asyncio.wait_for(arrived.get(), max(0.0, until - time.monotonic()))
            except TimeoutError:
                seconds = context.settings.request_seconds
                message = f"the reply was not whole within {seconds:g} seconds"
                raise APIError(503, message, code="timeout", retry_after=1.0) from None
            if isinstance(item, asyncio.Task):
                item.result()
                left -= 1
            else:
                yield item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        note(request, model=name, prompt_tokens=watch.prompt, tokens=watch.generated)


class _Watch:
    """Times and counts of the replies to one request."""

    def __init__(self, context: Context, name: str) -> None:
        self._metrics, self._name = context.metrics, name
        self._begun = time.monotonic()
        self._last: dict[int, tuple[float, int]] = {}
        self.prompt = self.generated = 0

    def saw(self, number: int, event: Event) -> None:
        now = time.monotonic()
        before, tokens = self._last.get(number, (self._begun, 0))
        fresh = event.completion_tokens - tokens
        if fresh > 0:
            if tokens == 0:
                self._metrics.began(self._name, now - self._begun)
            else:
                self._metrics.went_on(self._name, now - before, fresh)
            self._last[number] = (now, event.completion_tokens)
            self.generated += fresh
        self.prompt = max(self.prompt, event.prompt_tokens)
        if event.finish is not None:
            self._metrics.finished(self._name, now - self._begun, event.prompt_tokens, event.completion_tokens)


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` gives; it is ended, and ClientGone raised, when the client leaves before."""
    task, gone = asyncio.create_task(work), asyncio.create_task(_gone(request))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return task.result()
    finally:
        for one in (task, gone):
            one.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def first_of(request: Request, events: AsyncIterator[Numbered]) -> Numbered:
    """The first event: what is wrong with a request is known by then, and can be told with a status."""
    return await unless_gone(request, anext(events))  # type: ignore[arg-type]


async def after(first: Numbered, events: AsyncIterator[Numbered]) -> AsyncIterator[Numbered]:
    """``first`` and then the others; they are ended with this."""
    try:
        yield first
        async for one in events:
            yield one
    finally:
        await events.aclose()  # type: ignore[attr-defined]


class EventStream(StreamingResponse):
    """Server-sent events. Their maker is ended with the response, however that ends."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[str]) -> None:
        super().__init__(events, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            close = getattr(self._events, "aclose", None)
            if close is not None:
                await close()
