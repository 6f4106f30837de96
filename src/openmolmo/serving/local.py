"""The backend of this process: a model of ours, stepped by a thread of its own for all who ask.

backend = LocalBackend.open("nano")
async for event in backend.generate(Generation(request=point_request(picture, "red star"))):
    ...
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from openmolmo.core.config import Config
from openmolmo.core.errors import ConfigError, QueueFullError, UnavailableError
from openmolmo.inference.continuous.config import BatchingConfig
from openmolmo.inference.continuous.engine import Engine, too_late
from openmolmo.inference.continuous.reading import Reader
from openmolmo.inference.continuous.reply import Reply, Update
from openmolmo.inference.load import load
from openmolmo.inference.predictor import Predictor
from openmolmo.inference.stream import fresh_points
from openmolmo.serving.backend import Event, Generation, Load
from openmolmo.words.answer import Answer, FoundPoint, read_answer, worst
from openmolmo.words.choosing import TokenLogprob
from openmolmo.words.confidence import with_confidence
from openmolmo.words.requests import Request

__all__ = ["LocalBackend", "LocalConfig"]


@dataclass(frozen=True, kw_only=True)
class LocalConfig(Config):
    """``batching``: how much is done at once. ``queue``: requests that may wait, beyond those being answered.
    ``workers``: processes that open pictures; 0: threads of this one. ``timeout``: seconds that an answer may take,
    waiting included; None: as long as it likes."""

    batching: BatchingConfig = field(default_factory=BatchingConfig)
    queue: int = 256
    workers: int = 0
    timeout: float | None = None

    def __post_init__(self) -> None:
        if self.queue < 0:
            raise ConfigError(f"queue={self.queue} must be at least 0")
        if self.timeout is not None and self.timeout <= 0:
            raise ConfigError(f"timeout={self.timeout} must be above 0 seconds")


class LocalBackend:
    """Answers with a predictor's model and processor; its other settings are ``config``'s."""

    def __init__(self, predictor: Predictor, config: LocalConfig | None = None) -> None:
        self.config = config or LocalConfig()
        self.name, self.processor, self.model = predictor.name, predictor.processor, predictor.model
        text, batching = self.model.config.text_config, self.config.batching
        self.context = int(text.max_position_embeddings)
        self._engine = Engine(self.model, self.processor.tokenizer, batching)
        self._reader = Reader(
            self.processor,
            self._engine.features,
            batching,
            context=self.context,
            ids=text.vocab_size + self.model.config.extra_embeddings,
            workers=self.config.workers,
        )
        self._inboxes: dict[Reply, _Inbox] = {}
        self._asked = 0  # replies wanted now, wherever they are
        self._closing = self._stopped = False
        self._pace = _Pace()
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"answering {self.name}", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, model: str = "nano", *, config: LocalConfig | None = None, **loading: Any) -> LocalBackend:
        """Load a model; ``loading`` as in :func:`openmolmo.load`."""
        return cls(load(model, **loading), config)

    # -------------------------------------------------------------------------- what a backend does

    async def generate(self, generation: Generation) -> AsyncIterator[Event]:
        """Events of one reply; see :class:`openmolmo.serving.backend.Backend`."""
        if generation.adapter is not None:
            raise ConfigError(
                f"this backend has no adapter {generation.adapter!r}: adapters are added to the weights when loaded",
                fix="serve the checkpoint of the adapter under a name of its own",
            )
        self._check_room()
        self._asked += 1
        began = time.monotonic()
        deadline = None if self.config.timeout is None else began + self.config.timeout
        reply: Reply | None = None
        try:
            reply = await self._read(generation, deadline)
            inbox = self._enter(reply)
            async for event in _events(inbox, generation.request):
                yield event
            self._pace.took(time.monotonic() - began)
        finally:
            self._asked -= 1
            if reply is not None:
                self._leave(reply)

    def tokenize(self, text: str, *, begin: bool = False) -> Sequence[int]:
        """Ids of a text, special tokens left as plain text; ``begin``: after the token that texts begin with."""
        tokenizer = self.processor.tokenizer
        return [tokenizer.special.bos] * begin + tokenizer.encode(text)

    def detokenize(self, ids: Sequence[int]) -> str:
        """The text of ids."""
        return self.processor.tokenizer.decode(ids, keep_specials=True)

    def load(self) -> Load:
        """Figures of now."""
        engine = self._engine
        running = engine.running
        return Load(
            running=running,
            waiting=max(0, self._asked - running),
            slots=self.config.batching.rows,
            feature_hits=engine.features.counts.hits,
            feature_misses=engine.features.counts.misses,
            prefix_tokens=engine.rows.prefix_tokens,
            prompt_tokens=engine.figures.prompt_tokens,
            generated_tokens=engine.figures.generated_tokens,
        )

    async def close(self, *, grace: float = 0.0) -> None:
        """Take nothing more; after ``grace`` seconds whoever still waits gets UnavailableError."""
        self._closing = True
        until = time.monotonic() + grace
        while self._asked and time.monotonic() < until:
            await asyncio.sleep(0.02)
        self._reader.close()
        with self._news:
            self._stopped = True
            self._news.notify()
        await asyncio.to_thread(self._thread.join)

    # -------------------------------------------------------------------------- parts of it

    def _check_room(self) -> None:
        if self._closing:
            raise UnavailableError("the server is stopping", fix="try again when it has started anew")
        rows = self.config.batching.rows
        if self._asked >= rows + self.config.queue:
            raise QueueFullError(
                f"{rows} requests are being answered and {self._asked - rows} wait, of {self.config.queue} that may",
                retry_after=self._pace.wait_for(self._asked, rows),
                fix="try again a little later",
            )

    async def _read(self, generation: Generation, deadline: float | None) -> Reply:
        """The request as tokens, its pictures opened, in another thread."""
        reading = self._reader.submit(
            generation.request, generation.choosing, generation.prompt_ids, deadline, generation.begun
        )
        try:
            return await asyncio.wait_for(asyncio.wrap_future(reading), self.config.timeout)
        except TimeoutError as error:
            raise too_late() from error
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closing and task is not None and not task.cancelling():
                raise _stopping() from None
            raise

    def _enter(self, reply: Reply) -> _Inbox:
        inbox = _Inbox(reply)
        with self._news:
            if self._stopped:
                raise _stopping()
            self._inboxes[reply] = inbox
            self._engine.add(reply)
            self._news.notify()
        return inbox

    def _leave(self, reply: Reply) -> None:
        with self._news:
            if self._inboxes.pop(reply, None) is not None and reply.finish is None:
                self._engine.cancel(reply)
                self._news.notify()

    def _run(self) -> None:
        """The thread that steps."""
        while True:
            with self._news:
                while not (self._engine.busy or self._stopped):
                    self._news.wait()
                if self._stopped:
                    break
            try:
                updates = self._engine.step()
            except Exception:  # noqa: BLE001 - the thread must live: without it nobody would get an answer, nor an error
                updates = self._engine.restart(list(self._inboxes))
            self._deliver(updates)
        self._deliver(self._engine.fail(_stopping()))

    def _deliver(self, updates: Sequence[Update]) -> None:
        """Hand out what a step gave, with one call for each event loop."""
        for_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Inbox, Update]]] = {}
        for update in updates:
            inbox = self._inboxes.get(update.reply)
            if inbox is not None:
                for_loop.setdefault(inbox.loop, []).append((inbox, update))
        for loop, news in for_loop.items():
            try:
                loop.call_soon_threadsafe(_put, news)
            except RuntimeError:  # the loop was closed, and with it all who waited there
                for _, update in news:
                    self._engine.cancel(update.reply)


def _stopping() -> UnavailableError:
    return UnavailableError("the server is stopping", fix="ask again when it has started anew")


class _Inbox:
    """Updates of a reply that its consumer has not taken yet."""

    def __init__(self, reply: Reply) -> None:
        self.reply, self.loop = reply, asyncio.get_running_loop()
        self.updates: list[Update] = []
        self.filled = asyncio.Event()

    async def take(self) -> list[Update]:
        """All that has come, at least one."""
        await self.filled.wait()
        self.filled.clear()
        taken, self.updates = self.updates, []
        return taken


def _put(news: Sequence[tuple[_Inbox, Update]]) -> None:
    for inbox, update in news:
        inbox.updates.append(update)
        inbox.filled.set()


async def _events(inbox: _Inbox, request: Request) -> AsyncIterator[Event]:
    """Events of a reply, the last one with all of it; several tokens in one where the consumer is slow."""
    reply, shown, told, tokens = inbox.reply, "", Counter[tuple[float, float]](), list[TokenLogprob]()
    while True:
        updates = await inbox.take()
        last = updates[-1]
        if last.error is not None:
            raise last.error
        new = [update.token for update in updates if update.token is not None]
        tokens += new
        common: dict[str, Any] = {
            "tokens": tuple(new) if reply.choosing.logprobs is not None else (),
            "prompt_tokens": len(reply.prompt),
            "cached_tokens": reply.reused,
            "completion_tokens": len(tokens),
        }
        if last.finish is not None:
            answer = _answer(last.text, reply, request, tokens, finished=last.finish == "stop")
            points = fresh_points(answer.points, told)
            yield Event(text=answer.text[len(shown) :], points=points, answer=answer, finish=last.finish, **common)
            return
        fresh = "".join(update.text for update in updates)
        shown += fresh
        # A point ends with a sign; most tokens need not be looked at.
        ended = any(not sign.isalnum() and not sign.isspace() for sign in fresh)
        points = _new_points(shown, reply, tokens, told) if ended else ()
        yield Event(text=fresh, points=points, **common)


def _new_points(
    shown: str, reply: Reply, tokens: Sequence[TokenLogprob], told: Counter[tuple[float, float]]
) -> tuple[FoundPoint, ...]:
    answer = read_answer(shown, reply.prompt.sizes)
    return fresh_points(_sure(answer, reply, tokens).points, told) if len(answer.points) > told.total() else ()


def _sure(answer: Answer, reply: Reply, tokens: Sequence[TokenLogprob]) -> Answer:
    """The answer with the confidence of its points."""
    if not answer.points:
        return answer
    chances = (token.logprob for token in tokens)  # one more where a token ended the reply
    return with_confidence(answer, list(zip(reply.text.added, chances, strict=False)))


def _answer(text: str, reply: Reply, request: Request, tokens: Sequence[TokenLogprob], *, finished: bool) -> Answer:
    """The whole reply; ``tokens`` is where confidence in its points comes from."""
    answer = read_answer(text, reply.prompt.sizes, finished=finished, counted=not request.describes)
    answer = _sure(replace(answer, out_of_world=worst(seen.out_of_world for seen in reply.pictures)), reply, tokens)
    return replace(answer, text=text) if reply.text.as_written else answer


class _Pace:
    """How long answers take, for telling how long to wait."""

    def __init__(self) -> None:
        self._seconds = 1.0

    def took(self, seconds: float) -> None:
        """One more answer, from question to end."""
        self._seconds += (seconds - self._seconds) / 8

    def wait_for(self, asked: int, rows: int) -> float:
        """Seconds until there is room again, at least one."""
        return max(1.0, self._seconds * asked / rows / 4)
