"""Many requests answered by vLLM, in the process that asks: what ``openmolmo answer --engine vllm`` runs.

vLLM batches by itself and knows our models by its plug-in. Requests go to it as conversations; styles, lengths and
crops are told to the plug-in beside them; answers come back with the confidence of their points.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image

from openmolmo.core.errors import ConfigError, OpenMolmoError, PromptError
from openmolmo.core.files import sha256_bytes
from openmolmo.core.optional import require
from openmolmo.inference.settings import Settings
from openmolmo.model.find import find_model
from openmolmo.pictures import open_image
from openmolmo.pictures.addresses import to_address
from openmolmo.words.answer import Answer, read_answer
from openmolmo.words.confidence import with_confidence
from openmolmo.words.requests import ImageSource, Request

__all__ = ["VllmAnswerer", "vllm"]

_AT_ONCE = 256
"""Requests handed to vLLM together: enough for its batches, few enough pictures in memory."""

_EDGE = 2**20


def vllm(settings: Settings) -> VllmAnswerer:
    """The engine ``vllm``: an entry point of ``openmolmo.answer_engines``."""
    if settings.quantize is not None:
        raise ConfigError("--quantize is for our own engine", fix="leave it out; vLLM has --quantization of its own")
    return VllmAnswerer(settings)


class VllmAnswerer:
    """vLLM's engine with one model; it answers what a :class:`~openmolmo.inference.predictor.Predictor` would."""

    def __init__(self, settings: Settings) -> None:
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        library = require("vllm", extra="vllm")
        folder = find_model(settings.model)
        self.name, self._settings, self._library = settings.model, settings, library
        self._engine: Any = library.LLM(str(folder), dtype=settings.dtype or "float32", seed=settings.seed)
        marks = [(path.name, path.stat().st_size, _head(path)) for path in sorted(folder.glob("*.safetensors"))]
        self.weights = sha256_bytes(repr(marks).encode())[:16]

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, Answer | OpenMolmoError]]:
        """(place, answer or what is wrong) of every request."""
        for start in range(0, len(requests), _AT_ONCE):
            sound: dict[int, tuple[list[dict[str, Any]], list[tuple[int, int]]]] = {}
            for place in range(start, min(start + _AT_ONCE, len(requests))):
                try:
                    sound[place] = _conversation(requests[place])
                except OpenMolmoError as error:
                    yield place, error
            # Of one kind together: style, length and crops are said once for a whole call.
            kinds: dict[str, list[int]] = {}
            for place in sound:
                kinds.setdefault(repr(_options(requests[place])), []).append(place)
            for places in kinds.values():
                yield from self._ask([(place, requests[place], *sound[place]) for place in places])

    def _ask(
        self, asked: Sequence[tuple[int, Request, list[dict[str, Any]], list[tuple[int, int]]]]
    ) -> Iterator[tuple[int, Answer | OpenMolmoError]]:
        choosing = [self._choosing(request, place) for place, request, _, _ in asked]
        messages = [one[2] for one in asked]
        try:
            replies = self._engine.chat(messages, choosing, use_tqdm=False, **_options(asked[0][1]))
        except ValueError as error:  # what vLLM says of a request that it cannot take; of several it does not say which
            if len(asked) > 1:
                for one in asked:
                    yield from self._ask([one])
                return
            yield asked[0][0], PromptError(f"vLLM refuses it: {' '.join(str(error).split())}")
            return
        for (place, request, _, sizes), reply in zip(asked, replies, strict=True):
            yield place, _read(reply.outputs[0], request, sizes)

    def _choosing(self, request: Request, place: int) -> Any:
        settings = self._settings
        return self._library.SamplingParams(
            temperature=settings.temperature,
            top_p=settings.top_p,
            seed=settings.seed + (place if request.seed is None else request.seed),
            max_tokens=min(settings.max_new_tokens, request.max_new_tokens or settings.max_new_tokens),
            stop=list(request.stop) or None,
            logprobs=0,  # of the chosen tokens alone
        )


def _conversation(request: Request) -> tuple[list[dict[str, Any]], list[tuple[int, int]]]:
    """The messages of a request, pictures in the first one, and the sizes of its pictures."""
    parts, sizes = [], []
    for image in request.images:
        url, size = _data_url(image)
        parts.append({"type": "image_url", "image_url": {"url": url}})
        sizes.append(size)
    messages: list[dict[str, Any]] = [
        {"role": ("user", "assistant")[turn % 2], "content": [{"type": "text", "text": text}]}
        for turn, text in enumerate([*request.history, request.text])
    ]
    messages[0]["content"] = [*parts, *messages[0]["content"]]
    return messages, sizes


def _options(request: Request) -> dict[str, Any]:
    """What the plug-in takes beside a conversation."""
    words = {"style": request.style, "length_hint": request.length_hint}
    words = {name: value for name, value in words.items() if value is not None}
    made: dict[str, Any] = {"chat_template_kwargs": words} if words else {}
    return made if request.max_crops is None else {**made, "mm_processor_kwargs": {"max_crops": request.max_crops}}


def _read(output: Any, request: Request, sizes: Sequence[tuple[int, int]]) -> Answer:
    answer = read_answer(output.text, sizes, finished=output.finish_reason == "stop", counted=not request.describes)
    chosen = [known[token] for token, known in zip(output.token_ids, output.logprobs or (), strict=False)]
    return with_confidence(answer, [(one.decoded_token or "", one.logprob) for one in chosen])


def _data_url(image: ImageSource) -> tuple[str, tuple[int, int]]:
    """The pixels that our own reader sees, as a PNG: upright, and the same everywhere."""
    picture = Image.fromarray(open_image(image))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=1)
    return to_address(buffer.getvalue(), "image/png"), picture.size


def _head(path: Any) -> str:
    with path.open("rb") as stream:
        return sha256_bytes(stream.read(_EDGE))
