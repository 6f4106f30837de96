"""Answering many at once beside one by one: throughput, waiting, memory, and a crowd.

    python benchmarks/serve.py                                          # throughput alone, about a minute
    python benchmarks/serve.py --long --out benchmarks/results/serve.json --capability avx2
    python benchmarks/serve.py --http                                   # also through a server that it starts
    python benchmarks/serve.py --url http://127.0.0.1:8000              # of a server that runs nano already

Sixteen clients each ask their next question when they have the answer to the last. Three kinds of questions: each
about a picture of its own (*fresh*), four about every picture (*several*), and without a picture (*words*). Pictures
are drawn scenes, and nano answers. ``one by one`` is the same questions put to a ``Predictor`` in turn, which looks at
every picture again. All answers must be the same text. The ratio by processor time is the one to go by on a machine
that is shared. ``--long`` also asks 10,000 questions while memory is watched, and 1,000 at once of a queue that takes
256 of them: each must be answered rightly or refused. ``--http`` asks ``openmolmo serve`` in a process of its own,
by streams, and says what share of the server's processor time its thread of HTTP, JSON and events takes. With ``--url``
memory and processor time are the server's own affair, and are not measured.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import openmolmo
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.inference.continuous.config import BatchingConfig
from openmolmo.serving.local import LocalBackend, LocalConfig
from openmolmo.words.requests import Request, caption_request, count_request, point_request
from serve_clients import Answered, Ask, ask_backend, ask_server
from serve_http import Server, served
from surroundings import add_capability_option, hold_to, memory, surroundings, write_figures

CLIENTS, TOKENS, AIM = 16, 64, 4.0
LONG, CROWD, QUEUE = 10_000, 1_000, 256
SPREAD = 24
"""Different questions that the long run and the crowd ask over and over."""


def picture(number: int) -> bytes:
    """A drawn scene of 256 pixels."""
    image = make_example(GENERATORS.get("scenes"), 0, number).images[0]
    assert image.data is not None
    return image.data


def questions(shown: bytes) -> list[Request]:
    """What is asked about one picture."""
    return [
        caption_request(shown),
        point_request(shown, "circles"),
        count_request(shown, "stars"),
        Request(text="What colours are there, and where?", images=(shown,)),
    ]


def fresh(count: int) -> list[Request]:
    """Each about a picture of its own."""
    return [questions(picture(number))[number % 4] for number in range(count)]


def several(count: int) -> list[Request]:
    """Four about every picture."""
    return [one for number in range(-(-count // 4)) for one in questions(picture(1000 + number))][:count]


def words(count: int) -> list[Request]:
    """Without a picture."""
    return [Request(text=f"Tell me about {number} red circles and a blue star.") for number in range(count)]


KINDS: dict[str, Callable[[int], list[Request]]] = {"fresh": fresh, "several": several, "words": words}


@dataclass
class Round:
    """Answers in the order of their questions, with what they took."""

    answers: list[Answered]
    seconds: float
    processor: float
    tokens: int = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = sum(answer.tokens for answer in self.answers)


async def clients(ask: Ask, requests: Sequence[Request], count: int) -> list[Answered]:
    """So many clients share out the questions; each waits for its answer before the next."""
    answers: dict[int, Answered] = {}
    left = iter(enumerate(requests))

    async def client() -> None:
        for place, request in left:
            answers[place] = await ask(request)

    await asyncio.gather(*(client() for _ in range(count)))
    return [answers[place] for place in range(len(requests))]


def timed(ask: Ask, requests: Sequence[Request], count: int) -> Round:
    """A round of clients by the clock and by this process's processor time."""
    start, begun = time.perf_counter(), time.process_time()
    answers = asyncio.run(clients(ask, requests, count))
    return Round(answers, time.perf_counter() - start, time.process_time() - begun)


def one_by_one(predictor: Any, requests: Sequence[Request]) -> Round:
    """The same questions in turn."""
    start, begun = time.perf_counter(), time.process_time()
    texts = [predictor.answer_batch([request])[0].text for request in requests]
    seconds, processor = time.perf_counter() - start, time.process_time() - begun
    encode = predictor.processor.tokenizer.encode
    return Round([Answered(text=text, tokens=len(encode(text))) for text in texts], seconds, processor)


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Milliseconds."""
    half, most = np.percentile(values, [50, 95]) if len(values) else (0.0, 0.0)
    return {"p50_ms": round(1000 * float(half), 1), "p95_ms": round(1000 * float(most), 1)}


def throughput(ask: Ask, predictor: Any, count: int, server: Server | None = None) -> list[dict[str, Any]]:
    """A row for each kind of questions; ``server``: what answers, where that is not this process."""
    rows = []
    for kind, make in KINDS.items():
        requests = make(count)
        alone = one_by_one(predictor, requests)
        asyncio.run(clients(ask, words(4), 4))  # wakes everything up
        before = None if server is None else server.work()
        together = timed(ask, requests, CLIENTS)
        wrong = sum(a.text != b.text for a, b in zip(alone.answers, together.answers, strict=True))
        answers = together.answers
        row = {
            "kind": kind,
            "requests": count,
            "wrong": wrong,
            "tokens": alone.tokens,
            "one_by_one_per_second": round(count / alone.seconds, 2),
            "together_per_second": round(count / together.seconds, 2),
            "ratio_by_clock": round(alone.seconds / together.seconds, 2),
            "to_first_token": percentiles([answer.first for answer in answers]),
            "per_token": percentiles([gap for answer in answers for gap in answer.gaps]),
        }
        if server is None:
            row["ratio_by_processor_time"] = round(alone.processor / together.processor, 2)
        elif before is not None and (after := server.work()) is not None:
            work = after - before
            row["ratio_by_processor_time"] = round(alone.processor / work.all, 2)
            row["server_ms_per_request"] = round(1000 * work.all / count, 1)
            row["talking_share"] = round(work.talking / work.all, 3)
        rows.append(row)
        print(row)
    return rows


def long_run(ask: Ask, requests: Sequence[Request], expected: Sequence[str], count: int) -> dict[str, Any]:
    """Resident memory after every tenth of many questions."""
    marks, wrong = [], 0
    start = time.perf_counter()
    for _ in range(10):
        chosen = [place % len(requests) for place in range(count // 10)]
        answers = asyncio.run(clients(ask, [requests[place] for place in chosen], CLIENTS))
        wrong += sum(answer.text != expected[place] for answer, place in zip(answers, chosen, strict=True))
        marks.append(round(memory("VmRSS") / 2**20))
        print(f"{len(marks) * count // 10} answered, {marks[-1]} MiB, {wrong} wrong")
    seconds = round(time.perf_counter() - start)
    return {"requests": count, "wrong": wrong, "mib_after_each_tenth": marks, "seconds": seconds}


def crowd(ask: Ask, requests: Sequence[Request], expected: Sequence[str], count: int) -> dict[str, Any]:
    """All at once: how many were answered, refused, wrong, lost."""
    chosen = [place % len(requests) for place in range(count)]
    answers = asyncio.run(clients(ask, [requests[place] for place in chosen], count))
    refused = sum(answer.refused for answer in answers)
    wrong = sum(
        not answer.refused and answer.text != expected[place] for answer, place in zip(answers, chosen, strict=True)
    )
    found = {"at_once": count, "answered": count - refused, "refused": refused, "wrong": wrong}
    lost = sum(not answer.refused and not answer.ended for answer in answers)
    print({**found, "lost": lost})
    return {**found, "lost": lost}


def main() -> None:
    """Measure, print and write JSON where asked."""
    parser = argparse.ArgumentParser(description="Answering many at once beside one by one.")
    parser.add_argument("--out", type=Path, help="write the figures as JSON here")
    parser.add_argument("--requests", type=int, default=64, help="questions of each kind")
    parser.add_argument("--long", action="store_true", help="also 10,000 questions, and 1,000 at once")
    parser.add_argument("--long-requests", type=int, default=LONG, help="questions of the long run")
    parser.add_argument("--http", action="store_true", help="also through a server in a process of its own")
    parser.add_argument("--url", help="a server that runs already, instead of a backend in this process")
    add_capability_option(parser)
    arguments = parser.parse_args()
    hold_to(arguments.capability)
    where = surroundings("torch", "transformers") | {"threads": torch.get_num_threads()}
    print(", ".join(f"{key} {value}" for key, value in where.items()))
    predictor = openmolmo.load("nano", max_new_tokens=TOKENS)
    figures: dict[str, Any] = {**where, "clients": CLIENTS, "most_tokens": TOKENS, "aim": AIM}
    if arguments.http:  # before this process has a backend of its own, whose threads could be in the way
        with served(TOKENS, QUEUE) as running:
            figures["http"] = throughput(ask_server(running.url, TOKENS), predictor, arguments.requests, running)
    backend, server = None, None
    if arguments.url is None:
        backend = LocalBackend(predictor, LocalConfig(batching=BatchingConfig(max_new_tokens=TOKENS), queue=QUEUE))
        ask = ask_backend(backend)
    else:
        ask, server = ask_server(arguments.url, TOKENS), Server(arguments.url)
    figures["over"] = "http" if backend is None else "the backend in this process"
    figures["rows"] = throughput(ask, predictor, arguments.requests, server)
    if arguments.long:
        requests = [*fresh(SPREAD // 2), *several(SPREAD // 4), *words(SPREAD // 4)]
        expected = [answer.text for answer in one_by_one(predictor, requests).answers]
        figures["crowd"] = crowd(ask, requests, expected, CROWD)
        figures["long"] = long_run(ask, requests, expected, arguments.long_requests)
    if backend is not None:
        print(backend.load())
        asyncio.run(backend.close())
    if arguments.out is not None:
        write_figures(arguments.out, "serve", figures)


if __name__ == "__main__":
    main()
