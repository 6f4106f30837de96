"""Many clients of one model: each gets what it would get alone, and what goes wrong with one stays with it."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import io
import pickle
import time

import numpy as np
import pytest
from PIL import Image

import openmolmo
from openmolmo.core.errors import ConfigError, ImageError, PromptError, QueueFullError, UnavailableError
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.inference.continuous.config import BatchingConfig
from openmolmo.inference.predictor import Predictor
from openmolmo.inference.sampling import Sampling
from openmolmo.records.example import Pointing
from openmolmo.serving.backend import Choosing, Generation
from openmolmo.serving.local import LocalBackend, LocalConfig
from openmolmo.words.requests import Request, caption_request, count_request, point_request

TOKENS = 8


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
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until
        await asyncio.sleep(0.005)


def test_mixed_clients_get_what_each_would_get_alone(open_backend, predictor):
    backend = open_backend({"rows": 5, "kept": 3, "chunk": 24, "crops": 2})
    requests = mixed(12)

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


def test_logprobs_stops_seeds_and_raw_prompts(open_backend, predictor):
    backend = open_backend()
    request = point_request(drawn(0), "red square")
    greedy = predictor.answer_batch([request])[0].text
    drawing = Predictor(
        predictor.model, predictor.processor, max_new_tokens=TOKENS, sampling=Sampling(temperature=1.5, top_p=0.9)
    )
    seeded = Request(text="Tell me of clocks.", seed=7)
    raw = [*predictor.processor.prompt("Tell me of clocks.").input_ids.tolist()]

    async def ask():
        told = await last_event(backend, Generation(request=request))
        with_tokens = [
            event async for event in backend.generate(Generation(request=request, choosing=Choosing(logprobs=3)))
        ]
        first = with_tokens[0].tokens[0]
        stop = Choosing(stop_token_ids=(with_tokens[0].tokens[0].token,))
        stopped = await last_event(backend, Generation(request=request, choosing=stop))
        drawn_ = await last_event(backend, Generation(request=seeded, choosing=Choosing(temperature=1.5, top_p=0.9)))
        given = await last_event(backend, Generation(request=Request(), prompt_ids=tuple(raw)))
        with pytest.raises(PromptError, match="cannot stand in a prompt"):
            await last_event(backend, Generation(request=Request(), prompt_ids=(5, 10**6)))
        return told, with_tokens, first, stopped, drawn_, given

    told, with_tokens, first, stopped, drawn_, given = asyncio.run(ask())
    assert told.answer.text == greedy
    assert told.tokens == ()
    tokens = [token for event in with_tokens for token in event.tokens]
    assert "".join(token.text for token in tokens).strip() == greedy
    assert all(token.logprob == token.top[0][2] and len(token.top) == 3 for token in tokens)
    assert first.text.strip()
    assert stopped.answer.text == "" and stopped.finish == "stop"
    assert drawn_.answer == drawing.answer_batch([seeded])[0]
    (expected,) = predictor.answer_batch([Request(text="Tell me of clocks.")])
    assert given.answer == dataclasses.replace(expected, text=f" {expected.text}")  # as it was written
    assert given.prompt_tokens == len(raw)
    bos = predictor.processor.tokenizer.special.bos
    assert list(backend.tokenize("Hi", begin=True)) == [bos, *backend.tokenize("Hi")]
    assert list(backend.tokenize("Hi <im_patch>")) == predictor.processor.tokenizer.encode("Hi <im_patch>")
    assert backend.detokenize(backend.tokenize("Hi there")) == "Hi there"


def test_what_goes_on_from_a_begun_reply_keeps_its_blanks(predictor, open_backend):
    backend = open_backend()
    question = Request(text="Describe everything.", images=(drawn(1),))
    whole = predictor.answer_batch([question])[0].text
    begun = whole[: whole.index(" ")]
    assert len(begun) > 0

    async def ask():
        return await last_event(backend, Generation(request=question, begun=begun))

    assert (begun + asyncio.run(ask()).answer.text).startswith(whole)


def test_a_full_queue_a_client_that_leaves_and_the_end(open_backend):
    backend = open_backend({"rows": 1, "max_new_tokens": 300}, queue=1)
    endless = Generation(request=Request(text="Describe everything."), choosing=Choosing(temperature=50.0))

    async def ask():
        going, waiting = backend.generate(endless), backend.generate(endless)
        await anext(going)
        second = asyncio.ensure_future(anext(waiting))
        await settled(lambda: backend.load().waiting == 1)
        with pytest.raises(QueueFullError) as full:
            await anext(backend.generate(endless))
        assert full.value.retry_after >= 1
        await going.aclose()
        await second  # the row is free for the next
        third = asyncio.ensure_future(last_event(backend, endless))
        await settled(lambda: backend.load().waiting == 1)
        await backend.close()
        with pytest.raises(UnavailableError, match="stopping"):
            await third
        with pytest.raises(UnavailableError, match="stopping"):
            async for _ in waiting:
                pass
        with pytest.raises(UnavailableError, match="stopping"):
            await anext(backend.generate(endless))
        assert backend.load().running == 0

    asyncio.run(ask())


def test_processes_that_open_pictures_do_not_get_the_model(open_backend):
    backend = open_backend(workers=1)
    told = pickle.dumps(backend._reader._lanes._processor)
    assert len(told) < 2**20  # a tokenizer and settings: the model's weights are eighteen times that
    assert pickle.loads(told).crop == backend._reader._processor.crop


def test_the_learned_crop_policy_cannot_ask_from_other_processes(predictor):
    learned = copy.copy(predictor)
    learned.processor = copy.copy(predictor.processor)
    learned.processor.crop = predictor.processor.crop.replace(policy="learned", keep=1)
    with pytest.raises(ConfigError, match=r"'learned' looks at pictures through the model.*\n.*--workers 0"):
        LocalBackend(learned, LocalConfig(workers=1))


def test_an_answer_has_its_time(open_backend):
    backend = open_backend({"max_new_tokens": 2000}, timeout=0.1)
    endless = Generation(request=Request(text="Describe everything."), choosing=Choosing(temperature=50.0))
    with pytest.raises(UnavailableError, match="longer than it may"):
        asyncio.run(last_event(backend, endless))
    with pytest.raises(ConfigError, match="timeout"):
        LocalConfig(timeout=0)


def test_points_come_with_the_confidence_that_answering_alone_gives(open_backend, predictor):
    scene = make_example(GENERATORS.get("scenes"), seed=3, index=1, size=160)
    wanted = next(each for each in scene.annotations if isinstance(each, Pointing) and each.points)
    assert scene.image is not None
    request = point_request(scene.image.data, wanted.label)
    longer = Predictor(predictor.model, predictor.processor, max_new_tokens=64)
    alone = longer.answer_batch([request])[0].points
    backend = open_backend({"max_new_tokens": 64})

    async def all_points():
        events = [event async for event in backend.generate(Generation(request=request))]
        return [point for event in events for point in event.points], events[-1].answer.points

    streamed, whole = asyncio.run(all_points())
    assert alone and all(point.confidence is not None for point in alone)
    for points in (streamed, whole):
        assert [(p.x, p.y) for p in points] == [(p.x, p.y) for p in alone]
        assert [p.confidence for p in points] == pytest.approx([p.confidence for p in alone], rel=1e-4)
