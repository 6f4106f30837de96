"""Backends that say what a test wants, and questions about one picture."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image

from openmolmo.core.errors import RunError
from openmolmo.inference.request_file import Asked
from openmolmo.serving.parity.asked import Question
from openmolmo.serving.parity.backends.address import Address
from openmolmo.serving.parity.backends.base import Outcome, Reply
from openmolmo.words.requests import Request

A, B = "openai:a@http://127.0.0.1:9/v1", "openai:b@http://127.0.0.1:9/v1"
"""Addresses without a model on this machine."""


def picture(width: int = 200, height: int = 100) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), 200, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def question(text: str = "Point to star.", *, counted: bool = True) -> Question:
    request = Request(text=text, images=(picture(),), max_new_tokens=8)
    return Question(id=text, request=request, sizes=((200, 100),), counted=counted)


def asked(*texts: str) -> list[Asked]:
    return [Asked(text, Request(text=text, images=(picture(),), style="pointing"), text) for text in texts]


def point(x: float, y: float) -> str:
    return f'<point x="{x:.1f}" y="{y:.1f}" alt="star">star</point>'


class Saying:
    """Replies by text of the question; ``dies_at``: there is no more from that question on."""

    def __init__(self, replies: dict[str, str], dies_at: str | None = None) -> None:
        self._replies, self._dies_at = replies, dies_at
        self.about: dict[str, Any] = {"load_seconds": 0.5}
        self.closed = False

    def replies(self, questions: Sequence[Question]) -> Iterator[Outcome]:
        for place, one in enumerate(questions):
            name = one.request.text.partition(": ")[2]
            if name == self._dies_at:
                raise RunError("the machine is gone")
            yield place, Reply(text=self._replies[name], seconds=1.0)

    def close(self) -> None:
        self.closed = True


def opener(a: Saying, b: Saying) -> Callable[[Address], Saying]:
    return lambda address: a if address.model == "a" else b
