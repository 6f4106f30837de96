"""A server that speaks as OpenAI's does, by the client of the benchmark suite. It gives texts alone."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from openmolmo.core.errors import ConfigError, OpenMolmoError
from openmolmo.evaluation.suite.models.server import Chat, ServerModel
from openmolmo.pictures.addresses import to_address
from openmolmo.serving.parity.asked import Question
from openmolmo.serving.parity.backends.address import Address
from openmolmo.serving.parity.backends.base import Outcome, Reply

__all__ = ["ServerBackend"]

_AT_ONCE, _RETRIES = 4, 2


class ServerBackend:
    """A model by its name on a server; several requests are on their way together."""

    def __init__(self, address: Address) -> None:
        assert address.url is not None
        self._model = ServerModel(address.model, base_url=address.url, at_once=_AT_ONCE, retries=_RETRIES)
        self.about: dict[str, Any] = {"base_url": address.url}

    def replies(self, questions: Sequence[Question]) -> Iterator[Outcome]:
        """Each when it comes; ``seconds`` is the time since the last one."""
        chats: list[Chat] = []
        places: list[int] = []
        for place, question in enumerate(questions):
            try:
                chats.append(_chat(question))
                places.append(place)
            except OpenMolmoError as error:
                yield place, error
        started = time.perf_counter()
        for outcomes in self._model.answer(chats):
            for at, said in outcomes:
                if isinstance(said, OpenMolmoError):
                    yield places[at], said
                else:
                    now = time.perf_counter()
                    yield places[at], Reply(text=said.text, finished=said.finished, seconds=now - started)
                    started = now

    def close(self) -> None:
        """Nothing: the connections end with it."""


def _chat(question: Question) -> Chat:
    """The messages of one question; pictures stand in the first."""
    request = question.request
    for name in ("max_crops", "stop"):
        if getattr(request, name):
            value = getattr(request, name)
            raise ConfigError(f"a server is not told {name}={value}", fix="leave it out of the request")
    shown = [
        {"type": "image_url", "image_url": {"url": to_address(image, "image/png")}}
        for image in request.images
        if isinstance(image, bytes)
    ]
    said: list[dict[str, Any]] = [
        {"role": "assistant" if place % 2 else "user", "content": text}
        for place, text in enumerate([*request.history, request.text])
    ]
    said[0]["content"] = [*shown, {"type": "text", "text": said[0]["content"]}]
    return Chat(said, request.max_new_tokens or 512)
