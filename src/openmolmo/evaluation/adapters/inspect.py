"""Our models in inspect_ai (0.3.285): ``inspect eval task.py --model openmolmo/nano``.

The harness finds this by the entry point group ``inspect_ai``.
"""

from __future__ import annotations

import base64
import binascii
import threading
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from inspect_ai.model import ChatMessage, GenerateConfig, ModelAPI, ModelOutput, ModelUsage, StopReason, modelapi

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.evaluation.adapters.text_model import in_turn
from openmolmo.inference.load import load
from openmolmo.inference.sampling import Sampling
from openmolmo.words.requests import ImageSource, Request

__all__ = ["openmolmo"]

_MAX_TOKENS = 512


@modelapi(name="openmolmo")  # type: ignore[untyped-decorator]
def openmolmo() -> type[ModelAPI]:
    """The provider: ``openmolmo/MODEL``, any model that ``openmolmo.load`` takes."""
    return OpenMolmoAPI


class OpenMolmoAPI(ModelAPI):  # type: ignore[misc]
    """One question at a time. Of ``-M`` it takes ``device``, ``dtype``, ``style`` and ``max_crops``."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008  (the harness's own signature)
        *,
        device: str | None = None,
        dtype: str | None = None,
        style: str | None = None,
        max_crops: int | None = None,
        **unknown: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        if unknown:
            raise ConfigError(f"{', '.join(unknown)}: no such setting", fix="known: device, dtype, style, max_crops")
        self._predictor = load(model_name, device=device, dtype=dtype, max_new_tokens=4096)
        self._style, self._max_crops = style, max_crops
        self._lock = threading.Lock()

    def max_connections(self) -> int:
        """Questions at once."""
        return 1

    def max_tokens(self) -> int | None:
        """The longest reply where a task says nothing."""
        return _MAX_TOKENS

    async def generate(
        self, input: list[ChatMessage], tools: list[Any], tool_choice: Any, config: GenerateConfig
    ) -> ModelOutput:
        """The reply to a conversation, with its pictures."""
        if tools:
            raise ConfigError("the task gives the model tools, and it can call none", fix="judge it on another task")
        request = self._request(input, config)
        sampling = Sampling(temperature=config.temperature or 0.0, top_p=config.top_p or 1.0, seed=config.seed or 0)
        return await anyio.to_thread.run_sync(partial(self._answer, request, sampling))

    def _request(self, messages: list[ChatMessage], config: GenerateConfig) -> Request:
        said, images = [], []
        for message in messages:
            text, pictures = _read(message)
            said.append({"role": message.role, "content": text})
            images += pictures
        *history, question = in_turn(said)
        return Request(
            text=question,
            history=tuple(history),
            images=tuple(images),
            style=self._style,
            max_crops=self._max_crops,
            max_new_tokens=config.max_tokens or _MAX_TOKENS,
            stop=tuple(config.stop_seqs or ()),
            seed=config.seed,
        )

    def _answer(self, request: Request, sampling: Sampling) -> ModelOutput:
        with self._lock:
            self._predictor.sampling = sampling
            (answer,) = self._predictor.answer_batch([request])
        encode = self._predictor.processor.tokenizer.encode
        read, written = len(encode("".join((*request.history, request.text)))), len(encode(answer.text))
        reason: StopReason = "stop" if answer.finished else "max_tokens"
        output = ModelOutput.from_content(model=self.model_name, content=answer.text, stop_reason=reason)
        output.usage = ModelUsage(input_tokens=read, output_tokens=written, total_tokens=read + written)
        return output


def _read(message: ChatMessage) -> tuple[str, list[ImageSource]]:
    if isinstance(message.content, str):
        return message.content, []
    texts: list[str] = []
    images: list[ImageSource] = []
    for part in message.content:
        if part.type == "text":
            texts.append(part.text)
        elif part.type == "image":
            images.append(_picture(part.image))
        else:
            raise DataError(f"a message holds {part.type}, which the model cannot read", fix="judge it on other tasks")
    return "\n".join(texts), images


def _picture(place: str) -> ImageSource:
    """A path, or the bytes of a ``data:`` address."""
    if not place.startswith("data:"):
        return Path(place.removeprefix("file://"))
    try:
        return base64.b64decode(place.partition(",")[2], validate=True)
    except binascii.Error as error:
        raise DataError(f"a picture in a message cannot be read: {error}", field="image") from error
