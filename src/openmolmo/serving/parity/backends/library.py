"""A model of the library, asked one question at a time, with the likeliest tokens of every step."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from openmolmo.core.errors import ConfigError, OpenMolmoError
from openmolmo.inference.decoding import Decoding
from openmolmo.inference.generate import generate_one
from openmolmo.inference.load import load
from openmolmo.serving.parity.asked import Question
from openmolmo.serving.parity.backends.address import Address
from openmolmo.serving.parity.backends.base import TOP, Outcome, Reply
from openmolmo.words.reply import ReplyText

__all__ = ["LibraryBackend"]


class LibraryBackend:
    """A predictor."""

    def __init__(self, address: Address) -> None:
        known = inspect.signature(load).parameters
        for name in address.options:
            if name not in known:
                raise ConfigError(f"{address.given!r}: this version loads no model with {name}=", fix="leave it out")
        started = time.perf_counter()
        options: dict[str, Any] = dict(address.options)
        self._predictor = load(address.model, **options)
        model = self._predictor.model
        self.about: dict[str, Any] = {
            "load_seconds": time.perf_counter() - started,
            "dtype": str(model.dtype).removeprefix("torch."),
            "device": str(model.device),
            "weights": self._predictor.weights,
        }

    def replies(self, questions: Sequence[Question]) -> Iterator[Outcome]:
        """One after the other."""
        for place, question in enumerate(questions):
            try:
                yield place, self._reply(question)
            except OpenMolmoError as error:
                yield place, error

    def close(self) -> None:
        """Forget the weights."""
        del self._predictor

    def _reply(self, question: Question) -> Reply:
        started, request, predictor = time.perf_counter(), question.request, self._predictor
        processor = predictor.processor
        prompt = processor.prompt([*request.history, request.text], request.images, max_crops=request.max_crops)
        text = ReplyText(processor.tokenizer.decode, request.stop)
        limit = predictor.limit(prompt, request.max_new_tokens, text=text)
        decoding = _Watched(predictor.model, [prompt], room=limit.tokens)
        ids: list[int] = []
        finished = False
        for reply in generate_one(decoding, limit, predictor.sampling):
            ids, finished = reply.ids, reply.finished
        if finished and len(ids) < len(decoding.tops):
            ids = [*ids, limit.end_id]
        return Reply(
            text=text.finish(),
            ids=tuple(ids),
            tops=tuple(decoding.tops[: len(ids)]),
            finished=finished,
            seconds=time.perf_counter() - started,
        )


class _Watched(Decoding):
    """Keeps the likeliest tokens of every step of its one row."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.tops: list[Mapping[int, float]] = []

    def start(self) -> Tensor:
        return self._seen_by_us(super().start())

    def step(self, ids: Tensor) -> Tensor:
        return self._seen_by_us(super().step(ids))

    def _seen_by_us(self, logits: Tensor) -> Tensor:
        best = torch.log_softmax(logits[0].float(), dim=-1).topk(min(TOP, logits.shape[-1]))
        self.tops.append(dict(zip(best.indices.tolist(), best.values.tolist(), strict=True)))
        return logits
