"""Many clients of one model: each gets what it would get alone, and what goes wrong with one stays with it."""

from __future__ import annotations

import asyncio
import io
import time

import numpy as np
import pytest
from PIL import Image

import openmolmo
from openmolmo.core.errors import ConfigError, ImageError, PromptError
from openmolmo.inference.continuous.config import BatchingConfig
from openmolmo.inference.predictor import Predictor
from openmolmo.serving.backend import Generation
from openmolmo.serving.local import LocalBackend, LocalConfig
from openmolmo.words.requests import Request, caption_request, count_request, point_request

TOKENS = 12


def drawn(number: int) -> bytes:
    """A small picture of rectangles as PNG."""
    rng = np.random.default_rng(number)
    pixels = np.full((60 + 7 * (number % 5), 70, 3), 240, np.uint8)
    for _ in range(4):
        top, left = rng.integers(0, 40, 2)
        pixels[top : top + 15, left : left + 20] = rng.integers(0, 255, 3)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return openmolmo.load("nano", max_new_tokens=TOKENS)


@pytest.fixture
def open_backend(predictor):
    """Makes backends, which are closed in the end."""
    made = []

    def call(batching=None, **settings):
        config = BatchingConfig(**{"max_new_tokens": TOKENS, **(batching or {})})
        made.append(LocalBackend(predictor, LocalConfig(batching=config, **settings)))
        return made[-1]

    yield call
    for backend in made:
        asyncio.run(backend.close())


def mixed(number: int) -> list[Request]:
    """Requests of every kind."""
    kinds = (
        lambda i: point_request(drawn(i % 3), "red square"),
        lambda i: caption_request(drawn(i % 2)),
        lambda i: Request(text="How is <|image|> unlike <|image|>?", images=(drawn(i % 3), drawn(4)), max_new_tokens=5),
        lambda i: Request(text="What do you know of shapes and clocks? " * (1 + i % 9), max_new_tokens=1 + i % 12),
        lambda i: count_request(drawn(i % 4), "circles"),
        lambda i: Request(text="And now?", images=(drawn(1),), history=("What is there?", "A square."), stop=("re",)),
    )
    return [kinds[i % len(kinds)](i) for i in range(number)]


async def last_event(backend, generation):
    """The last event, once the others fit it."""
    text, points = "", []
    async for event in backend.generate(generation):
        text, points = text + event.text, [*points, *event.points]
    assert event.answer is not None
    assert text == event.answer.text
    assert len(points) == len(event.answer.points)
    return event


async def settled(condition):
    """Wait until it is so."""
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        await asyncio.sleep(0.005)


def test_mixed_clients_get_what_each_would_get_alone(open_backend, predictor):
    backend = open_backend({"rows": 5, "kept": 3, "chunk": 24, "crops": 2})
    requests = mixed(18)

    async def left(request):
        events = backend.generate(Generation(request=request))
        await anext(events)
        await events.aclose()

    async def everyone():
        going = [last_event(backend, Generation(request=request)) for request in requests]
        leaving = [left(request) for request in mixed(4)]
        wrong = [
            last_event(backend, Generation(request=point_request(b"<html>no picture</html>", "star"))),
            last_event(backend, Generation(request=Request(text="long " * 3000))),
            last_event(backend, Generation(request=Request(text="Hi"), adapter="other")),
        ]
        return await asyncio.gather(*going, *leaving, *wrong, return_exceptions=True)

    *events, html, long, adapter = asyncio.run(everyone())
    assert isinstance(html, ImageError)
    assert isinstance(long, PromptError)
    assert isinstance(adapter, ConfigError)
    expected = [predictor.answer_batch([request])[0] for request in requests]
    assert [event.answer for event in events[: len(requests)]] == expected
    assert events[len(requests) :] == [None] * 4
    load = backend.load()
    assert (load.running, load.waiting) == (0, 0)
    assert load.prefix_tokens > 0
    assert load.feature_hits + load.feature_misses > 0
