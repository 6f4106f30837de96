"""Any model behind an address that speaks as OpenAI's does: many questions at once, each tried several times.

Pictures are sent: the model is judged here, it supervises nothing.
"""

from __future__ import annotations

import asyncio
import io
import os
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from PIL import Image

from openmolmo.core.errors import ConfigError, OpenMolmoError, RunError
from openmolmo.core.optional import require
from openmolmo.evaluation.suite.journal import Said
from openmolmo.evaluation.suite.models.base import NoReply, Outcomes
from openmolmo.evaluation.tasks.base import Question, image_source
from openmolmo.pictures import open_image
from openmolmo.pictures.addresses import to_address
from openmolmo.records.pictures import picture_bytes

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = ["Chat", "Prompted", "ServerModel"]

Prompted = Literal["instructions", "tags"]
"""How a question is worded: with what to answer, in words; or with the tag that a Molmo knows."""

_SENT = {b"\xff\xd8\xff": "jpeg", b"\x89PNG": "png"}
"""First bytes of files that every server reads, and what they are called; others are sent as PNG."""

_GIVES_UP = 20  # questions in a row without a reply, after which the server is taken to be down
_FATAL = ("AuthenticationError", "PermissionDeniedError", "NotFoundError")


@dataclass(frozen=True, slots=True)
class Chat:
    """What is sent: messages, and how many tokens the reply may have."""

    messages: list[dict[str, Any]]
    max_tokens: int


class ServerModel:
    """A model by its name on a server; ``at_once`` requests are on their way together, each tried ``retries`` times
    more when the server is busy (429), fails or does not answer in time.
    """

    looks = True

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None,
        prompted: Prompted = "instructions",
        at_once: int = 8,
        retries: int = 6,
    ) -> None:
        if not name:
            raise ConfigError("openai: names no model", fix="write --model openai:NAME")
        library = require("openai", extra="eval")
        key = os.environ.get("OPENAI_API_KEY")
        if base_url is None and key is None:
            raise ConfigError(
                "neither --base-url nor OPENAI_API_KEY is given", fix="say where the server is: --base-url http://..."
            )
        self._library = library
        self._client: AsyncOpenAI = library.AsyncOpenAI(
            base_url=base_url, api_key=key or "none", max_retries=retries, timeout=300
        )
        self.name, self._at_once, self._prompted = name, at_once, prompted
        self.window = 8 * at_once
        self.about: dict[str, Any] = {"model": name, "base_url": str(self._client.base_url), "prompt": prompted}
        self._failed_in_a_row = 0
        self._runner = asyncio.Runner()  # one for all windows: connections belong to its loop
        weakref.finalize(self, self._runner.close)

    def prepare(self, name: str, question: Question, instruction: str) -> Chat:
        """The message with its pictures."""
        if self._prompted == "tags":
            text = f"{question.style}: {question.text}" if question.style else question.text
        else:
            text = "\n".join(part for part in (question.text.rstrip("\n"), instruction) if part)
        shown = [{"type": "image_url", "image_url": {"url": _address(image)}} for image in question.images]
        content = [*shown, {"type": "text", "text": text.replace("<|image|>", "<image>")}]
        return Chat([{"role": "user", "content": content}], question.max_new_tokens)

    def answer(self, prepared: Sequence[Chat]) -> Iterator[Outcomes]:
        """Each reply when it comes. RunError where the server refuses the key or the model, or answers nothing."""
        loop, gate = self._runner.get_loop(), asyncio.Semaphore(self._at_once)
        left = {loop.create_task(self._ask(gate, place, chat)) for place, chat in enumerate(prepared)}
        try:
            while left:
                done, left = self._runner.run(_some(left))
                for task in done:
                    yield [self._checked(*task.result())]
        finally:
            for task in left:
                task.cancel()
            self._runner.run(_ended(left))

    async def _ask(self, gate: asyncio.Semaphore, place: int, chat: Chat) -> tuple[int, Said | OpenMolmoError]:
        messages: Any = chat.messages
        async with gate:
            try:
                made = await self._client.chat.completions.create(
                    model=self.name, messages=messages, max_tokens=chat.max_tokens, temperature=0
                )
            except self._library.OpenAIError as error:
                why = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}"
                if type(error).__name__ in _FATAL:
                    return place, RunError(f"{self.about['base_url']} refuses: {why}", fix="check the name and the key")
                return place, NoReply(why)
        choice = next(iter(made.choices or ()), None)
        if choice is None or choice.message.content is None:
            return place, NoReply("the server's answer has no text")
        return place, Said(choice.message.content.strip(), choice.finish_reason != "length")

    def _checked(self, place: int, outcome: Said | OpenMolmoError) -> tuple[int, Said | OpenMolmoError]:
        if isinstance(outcome, RunError) and not isinstance(outcome, NoReply):
            raise outcome
        self._failed_in_a_row = 0 if isinstance(outcome, Said) else self._failed_in_a_row + 1
        if self._failed_in_a_row >= _GIVES_UP:
            raise RunError(
                f"{self.about['base_url']} answered none of the last {_GIVES_UP} questions; the last: {outcome}",
                fix="see whether it runs, then go on with the same command and --resume",
            )
        return place, outcome


async def _ended(tasks: set[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


async def _some(tasks: set[asyncio.Task[Any]]) -> tuple[set[asyncio.Task[Any]], set[asyncio.Task[Any]]]:
    return await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


def _address(image: Any) -> str:
    """The picture in a ``data:`` address, as it is or (other formats) as PNG. ImageError where it cannot be read."""
    pixels = open_image(image_source(image))
    data = picture_bytes(image) or b""
    kind = next((kind for start, kind in _SENT.items() if data.startswith(start)), None)
    if kind is None:
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        data, kind = stream.getvalue(), "png"
    return to_address(data, f"image/{kind}")
