"""A backend that says what a test tells it to, and a server around it that listens on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

from openmolmo.serving.backend import Backend, Event, Generation, Load, TokenLogprob
from openmolmo.serving.openai import ModelCard, ServeSettings, create_app
from openmolmo.serving.openai.server import ServingServer, listen
from openmolmo.words.answer import read_answer

SIZE = (200, 100)
REPLY = 'Here: <points x1="10.0" y1="20.0" x2="50.0" y2="60.0" alt="cups">cups</points> Two.'


class Scripted:
    """Replies with ``say(generation)``, a word a token; it may raise. ``seconds``: between two tokens."""

    def __init__(self, say: Callable[[Generation], str] = lambda _: REPLY, *, seconds: float = 0.0) -> None:
        self.say, self.seconds = say, seconds
        self.asked: list[Generation] = []
        self.running = self.left = 0
        self.closed = False

    async def generate(self, generation: Generation) -> AsyncIterator[Event]:
        self.asked.append(generation)
        self.running += 1
        try:
            text = self.say(generation)
            words = [word if i == 0 else f" {word}" for i, word in enumerate(text.split(" "))]
            limit = generation.request.max_new_tokens or len(words)
            written, seen = "", 0
            for number, word in enumerate(words[:limit], start=1):
                await asyncio.sleep(self.seconds)
                written += word
                points = read_answer(written, [SIZE]).points if ">" in word else ()
                fresh, seen = points[seen:], max(seen, len(points))
                told = generation.choosing.logprobs
                top = tuple((7, "x", -2.0) for _ in range(told or 0))
                tokens = () if told is None else (TokenLogprob(number, word, -0.5, top),)
                yield Event(text=word, tokens=tokens, points=fresh, prompt_tokens=7, completion_tokens=number)
            yield Event(
                answer=read_answer(written, [SIZE], finished=limit >= len(words)),
                finish="stop" if limit >= len(words) else "length",
                prompt_tokens=7,
                cached_tokens=3,
                completion_tokens=min(limit, len(words)),
            )
        except (asyncio.CancelledError, GeneratorExit):
            self.left += 1
            raise
        finally:
            self.running -= 1

    def tokenize(self, text: str, *, begin: bool = False) -> Sequence[int]:
        return [2] * begin + list(text.encode())

    def detokenize(self, ids: Sequence[int]) -> str:
        return bytes(ids).decode()

    def load(self) -> Load:
        return Load(running=self.running, slots=4)

    async def close(self) -> None:
        self.closed = True


class Served:
    """A server in a thread."""

    def __init__(self, models: Mapping[str, Backend], settings: ServeSettings, cards: Mapping[str, ModelCard]) -> None:
        self.socket: socket.socket = listen("127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self.port}"
        self.app = create_app(models, settings, cards)
        self.server = ServingServer(self.app, settings)
        self._thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]}, daemon=True)

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def start(self) -> None:
        self._thread.start()
        until = time.monotonic() + 120
        while not self.server.started:
            assert time.monotonic() < until
            time.sleep(0.005)

    def stop(self) -> None:
        self.server.should_exit = True
        self._thread.join(timeout=60)


@contextlib.contextmanager
def served(
    models: Mapping[str, Backend] | Backend,
    settings: ServeSettings | None = None,
    cards: Mapping[str, ModelCard] | None = None,
) -> Iterator[Served]:
    """A running server; one backend alone is called ``nano``."""
    known = models if isinstance(models, Mapping) else {"nano": models}
    server = Served(known, settings or ServeSettings(), cards or {})
    server.start()
    try:
        yield server
    finally:
        server.stop()
