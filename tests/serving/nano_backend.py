"""A backend that answers with nano, one reply at a time: enough to try the API and the page by hand.

python tests/serving/nano_backend.py 8000
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Sequence

import openmolmo
from openmolmo.inference.stream import Piece
from openmolmo.serving.backend import Event, Generation, Load


class NanoBackend:
    """One reply at a time, greedy, in a thread."""

    def __init__(self) -> None:
        self._predictor = openmolmo.load("nano")
        self._turn = asyncio.Lock()
        self._running = 0

    async def generate(self, generation: Generation) -> AsyncIterator[Event]:
        self._running += 1
        try:
            async with self._turn:
                pieces: Iterator[Piece] = await asyncio.to_thread(self._predictor.stream, generation.request)
                count = 0
                while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                    count += 1
                    finish = None
                    if piece.answer is not None:
                        finish = "stop" if piece.answer.finished else "length"
                    yield Event(
                        text=piece.text,
                        points=piece.points,
                        answer=piece.answer,
                        finish=finish,
                        prompt_tokens=1,
                        completion_tokens=count,
                    )
        finally:
            self._running -= 1

    def tokenize(self, text: str) -> Sequence[int]:
        return self._predictor.processor.tokenizer.encode(text)

    def detokenize(self, ids: Sequence[int]) -> str:
        return self._predictor.processor.tokenizer.decode(ids)

    def load(self) -> Load:
        return Load(running=self._running, slots=1)

    async def close(self) -> None:
        return None


if __name__ == "__main__":
    from openmolmo.serving.openai import ModelCard, ServeSettings, create_app
    from openmolmo.serving.openai.server import ServingServer, listen, run

    settings = ServeSettings()
    app = create_app({"nano": NanoBackend()}, settings, {"nano": ModelCard(knows="drawings", context=2048)})
    try:
        from openmolmo.serving.chat import mount_chat
    except ImportError:
        pass
    else:
        mount_chat(app, {"nano": "nano"})
    run(ServingServer(app, settings), listen("127.0.0.1", int(sys.argv[1])))
