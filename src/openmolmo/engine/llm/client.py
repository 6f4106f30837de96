"""The client: what is answered already comes from the cache, the rest is asked, many at once, none hurting another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any

from openmolmo.core.errors import PromptError, RunError
from openmolmo.core.progress import make_progress
from openmolmo.engine.llm.asking import Asking
from openmolmo.engine.llm.cache import Cache, Kept
from openmolmo.engine.llm.failures import HOPELESS, CallFailed, Failure, LLMFailed
from openmolmo.engine.llm.loop_thread import LoopThread
from openmolmo.engine.llm.origin import Origin, host_class
from openmolmo.engine.llm.providers.base import PROVIDERS, Provider
from openmolmo.engine.llm.request import Request, key_material, request_sha256
from openmolmo.engine.llm.settings import LLMSettings
from openmolmo.engine.llm.text_only import PictureRefused
from openmolmo.engine.llm.usage import Usage

__all__ = ["LLM", "Reply", "Result", "all_or_raise"]

_GIVE_UP = 3
"""Failures in a row of a kind that all requests would meet, after which the rest of them is not tried."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer: its text, its JSON value where the request has a schema, and how it was made.

    ``cut``: it ended at ``max_tokens``. ``cached``: it was asked for before. ``seconds`` is what it took then.
    """

    text: str
    value: Any
    origin: Origin
    cut: bool
    cached: bool
    prompt_tokens: int
    completion_tokens: int
    seconds: float


Result = Reply | Failure


class LLM:
    """A text-only language model. Use it with ``with``, or close it; from any thread, with or without asyncio.

        with LLM(parse_llm("openai:MODEL@http://localhost:8000/v1", cache=Path("answers.sqlite"))) as llm:
            reply = llm.complete(Request.of("Which colour is the sky?"))

    ``provider`` replaces the registered one that the settings name (tests).
    """

    def __init__(self, settings: LLMSettings, *, provider: Provider | None = None) -> None:
        self.settings = settings
        self.usage = Usage()
        self._provider = provider or PROVIDERS.get(settings.provider)(settings)
        self._cache = Cache(settings.cache) if settings.cache and self._provider.kept else None
        self._asking = Asking(settings, self._provider, self.usage, self._cache)
        self._thread = LoopThread(f"llm {settings.line()}")
        self._turns = asyncio.Semaphore(settings.concurrency)
        self._flying: dict[str, asyncio.Task[Kept]] = {}

    def __enter__(self) -> LLM:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End what still runs; let go of connections and the cache."""
        if self._thread.closed:
            return
        self._thread.run(self._provider.close())
        self._thread.close()
        if self._cache is not None:
            self._cache.close()

    def complete(self, request: Request) -> Reply:
        """The answer. Raises LLMFailed where there is none, PictureRefused for a picture in the request."""
        return self._thread.run(self._complete(request))

    async def acomplete(self, request: Request) -> Reply:
        """:meth:`complete` for programs with asyncio."""
        return await asyncio.wrap_future(self._thread.submit(self._complete(request)))

    def attempt(self, request: Request) -> Result:
        """The answer, or the failure as a value."""
        return self._thread.run(self._attempt(request))

    def complete_many(self, requests: Iterable[Request], *, description: str | None = None) -> list[Result]:
        """Answers in the order of the requests, each of them a reply or the failure that it met.

        ``description`` shows a bar on standard error with that name.
        """
        asked = list(requests)
        results: list[Result | None] = [None] * len(asked)
        with make_progress("note") as progress:
            bar = progress.add_task(description or "", total=len(asked), note="", visible=description is not None)
            for index, result in self.as_completed(asked):
                results[index] = result
                progress.update(bar, advance=1, note=self._note())
        return [result for result in results if result is not None]

    def as_completed(self, requests: Iterable[Request]) -> Iterator[tuple[int, Result]]:
        """Index and result of each request as they come, in this thread; ``requests`` is read as there is room.

        Where a fault meets all alike (the server is down, the key is wrong), the rest is not tried.
        """
        numbered = enumerate(requests)
        pending: dict[Future[Result], int] = {}
        last: Failure | None = None
        in_a_row = 0
        try:
            while in_a_row < _GIVE_UP:
                for index, request in islice(numbered, 2 * self.settings.concurrency - len(pending)):
                    pending[self._thread.submit(self._attempt(request))] = index
                if not pending:
                    return
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    result = future.result()
                    hopeless = isinstance(result, Failure) and result.kind in HOPELESS
                    in_a_row = in_a_row + 1 if hopeless else 0
                    last = result if isinstance(result, Failure) else last
                    yield pending.pop(future), result
            assert last is not None
            for future, index in pending.items():
                future.cancel()
                yield index, self._not_tried(last)
            pending.clear()
            for index, _ in numbered:
                yield index, self._not_tried(last)
        finally:
            for future in pending:
                future.cancel()

    def holds_to_schemas(self) -> bool:
        """Whether replies in JSON are held to a schema by the server. Raises LLMFailed where it cannot be asked."""
        try:
            return self._thread.run(self._asking.holds_to_schemas())
        except CallFailed as error:
            raise LLMFailed(_failure(error, "")) from None

    async def _complete(self, request: Request) -> Reply:
        material = key_material(self.settings, request)  # refuses pictures, before anything else
        key = request_sha256(material)
        self.usage.requests += 1
        kept = self._cache.get(key) if self._cache is not None else None
        cached = kept is not None
        self.usage.cache_hits += cached
        try:
            if kept is None:
                kept = await self._fly(request, key, material)
        except CallFailed as error:
            self.usage.failures[error.kind] += 1
            if self._cache is not None:
                self._cache.note_failure(key, self.settings.model, error)
            raise LLMFailed(_failure(error, key)) from None
        return Reply(
            text=kept.text,
            value=kept.value,
            origin=self._origin(request, kept, key),
            cut=kept.cut,
            cached=cached,
            prompt_tokens=kept.prompt_tokens,
            completion_tokens=kept.completion_tokens,
            seconds=kept.seconds,
        )

    async def _attempt(self, request: Request) -> Result:
        try:
            return await self._complete(request)
        except LLMFailed as error:
            return error.failure
        except PictureRefused as error:
            return self._refused("picture", error)
        except PromptError as error:
            return self._refused("refused", error)

    async def _fly(self, request: Request, key: str, material: dict[str, Any]) -> Kept:
        """Ask, once for all who want the same answer at the same time."""
        if self._cache is None:
            return await self._ask(request, key, material)
        if key not in self._flying:
            task = asyncio.create_task(self._ask(request, key, material))
            self._flying[key] = task
            task.add_done_callback(lambda _: self._flying.pop(key, None))
        return await asyncio.shield(self._flying[key])

    async def _ask(self, request: Request, key: str, material: dict[str, Any]) -> Kept:
        async with self._turns:
            kept = await self._asking.answer(request, key)
        if self._cache is not None:
            self._cache.put(key, kept, material=material, prompt=request.prompt)
        return kept

    def _origin(self, request: Request, kept: Kept, key: str) -> Origin:
        return Origin(
            made=self._provider.made,
            provider=self.settings.provider,
            model=self.settings.model,
            host=host_class(self.settings.url),
            served=kept.served,
            prompt=request.prompt,
            prompt_sha256=request.prompt_sha256,
            request_sha256=key,
        )

    def _refused(self, kind: str, error: PromptError) -> Failure:
        self.usage.failures[kind] += 1
        return Failure(kind=kind, message=error.message, fix=error.fix)

    def _not_tried(self, last: Failure) -> Failure:
        self.usage.failures["not-tried"] += 1
        return Failure(kind="not-tried", message=f"not tried, since others met this: {last.message}", fix=last.fix)

    def _note(self) -> str:
        failed = self.usage.failures.total()
        return f"{self.usage.cache_hits} from before" + (f", {failed} failed" if failed else "")


def _failure(error: CallFailed, key: str) -> Failure:
    return Failure(kind=error.kind, message=error.message, fix=error.fix, request_sha256=key)


def all_or_raise(results: Iterable[Result]) -> list[Reply]:
    """The replies. Raises RunError where any request failed, with how many did and the first reason."""
    found = list(results)
    failed = [one for one in found if isinstance(one, Failure)]
    if failed:
        raise RunError(
            f"{len(failed)} of {len(found)} requests failed, the first so: {failed[0].message}", fix=failed[0].fix
        )
    return [one for one in found if isinstance(one, Reply)]
