"""The backend of this process under load, for long, and when processes are lost."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from scripted import served
from test_local import TOKENS, drawn, last_event, mixed

import openmolmo
from openmolmo.core.errors import QueueFullError, UnavailableError
from openmolmo.inference.continuous.config import BatchingConfig
from openmolmo.serving.backend import Generation
from openmolmo.serving.local import LocalBackend, LocalConfig
from openmolmo.words.requests import Request, point_request
from surroundings import memory

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def predictor():
    return openmolmo.load("nano", max_new_tokens=TOKENS)


def opened(predictor, **settings):
    return LocalBackend(predictor, LocalConfig(batching=BatchingConfig(max_new_tokens=TOKENS), **settings))


async def asked(backend, requests, clients):
    """Outcomes of requests of so many clients, in order."""
    outcomes, left = [None] * len(requests), iter(enumerate(requests))

    async def client():
        for place, request in left:
            try:
                outcomes[place] = (await last_event(backend, Generation(request=request))).answer
            except QueueFullError as error:
                outcomes[place] = error

    await asyncio.gather(*(client() for _ in range(clients)))
    return outcomes


def test_two_hundred_mixed_requests_get_the_tokens_of_each_alone(predictor):
    requests = mixed(200)
    expected = {request: predictor.answer_batch([request])[0] for request in dict.fromkeys(requests)}
    backend = opened(predictor)
    answers = asyncio.run(asked(backend, requests, 40))
    asyncio.run(backend.close())
    assert answers == [expected[request] for request in requests]


def test_more_than_may_wait_are_refused_and_none_is_lost(predictor):
    requests = mixed(300)
    backend = opened(predictor, queue=20)
    outcomes = asyncio.run(asked(backend, requests, 300))
    asyncio.run(backend.close())
    refused = [outcome for outcome in outcomes if isinstance(outcome, QueueFullError)]
    assert 0 < len(refused) <= 300 - 36
    for request, outcome in list(zip(requests, outcomes, strict=True))[:40]:
        assert isinstance(outcome, QueueFullError) or outcome == predictor.answer_batch([request])[0]
    assert None not in outcomes


def test_memory_stays_flat_over_two_thousand_requests(predictor):
    backend = opened(predictor)
    asyncio.run(asked(backend, mixed(400), 32))
    before = memory("VmRSS")
    for part in range(4):
        asyncio.run(asked(backend, [point_request(drawn(part * 400 + i), "red star") for i in range(100)], 32))
        asyncio.run(asked(backend, mixed(400), 32))
    asyncio.run(backend.close())
    assert memory("VmRSS") - before < 64 * 2**20


def test_a_lost_process_takes_one_request_with_it(predictor):
    backend = opened(predictor, workers=1)
    generation = Generation(request=point_request(drawn(1), "red square"))
    other = Generation(request=point_request(drawn(2), "red square"))

    async def ask():
        first = await last_event(backend, generation)
        (lane,) = backend._reader._lanes._all
        (pid,) = lane._processes
        os.kill(pid, signal.SIGSTOP)
        reading = asyncio.ensure_future(last_event(backend, other))
        await asyncio.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(UnavailableError, match="process that read the pictures was lost"):
            await reading
        again = await last_event(backend, other)
        (lane,) = backend._reader._lanes._all
        os.kill(next(iter(lane._processes)), signal.SIGKILL)  # this time it has nothing to do
        await asyncio.sleep(0.3)
        later = await last_event(backend, Generation(request=point_request(drawn(3), "red square")))
        await backend.close()
        return first, again, later

    for number, event in enumerate(asyncio.run(ask()), start=1):
        assert event.answer == predictor.answer_batch([point_request(drawn(number), "red square")])[0]


def test_over_http_a_lost_process_is_told_and_disturbs_nobody(predictor):
    """Three wait for the process that is lost, or for the one after it; one has no picture; all are asked at once."""
    backend = opened(predictor, workers=1)

    def ask(client, *pictures):
        parts = [
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64encode(p).decode()}"}}
            for p in pictures
        ]
        content = [*parts, {"type": "text", "text": "Point to the red square."}]
        return client.post(
            "/v1/chat/completions", json={"messages": [{"role": "user", "content": content}], "max_tokens": TOKENS}
        )

    with served(backend) as server, httpx2.Client(base_url=server.address, timeout=120) as client:
        assert ask(client, drawn(0)).status_code == 200
        (lane,) = backend._reader._lanes._all
        (pid,) = lane._processes
        os.kill(pid, signal.SIGSTOP)
        with ThreadPoolExecutor() as pool:
            waiting = [pool.submit(ask, client, drawn(number)) for number in (1, 2, 3)]
            until = time.monotonic() + 30
            while backend.load().waiting < 3 and time.monotonic() < until:
                time.sleep(0.01)
            os.kill(pid, signal.SIGKILL)
            replies = [future.result() for future in waiting]
        lost = [reply for reply in replies if reply.status_code != 200]
        assert len(lost) == 1
        assert lost[0].status_code == 503 and lost[0].headers["Retry-After"]
        assert "what read the pictures was lost" in lost[0].json()["error"]["message"]
        again = ask(client, drawn(3)).json()["choices"][0]["message"]["content"]
    (expected,) = predictor.answer_batch([Request(text="Point to the red square.", images=(drawn(3),))])
    assert again == expected.text
