"""A model ready to answer: pictures and words in, text and points out."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from openmolmo.core.errors import ConfigError, PromptError
from openmolmo.imaging import open_image
from openmolmo.inference.answer import Answer, read_answer
from openmolmo.inference.generate import generate
from openmolmo.inference.requests import (
    ImageSource,
    Request,
    ask_request,
    caption_request,
    count_request,
    point_request,
)
from openmolmo.inference.sampling import Sampling
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.processor import Processor
from openmolmo.prompting.sequence import Tokens

__all__ = ["Predictor"]

_WINDOW = 8  # batches prepared ahead and sorted by length together
_DESCRIPTIONS = ("long_caption", "transcript")


class Predictor:
    """Answers questions about pictures.

        predictor = openmolmo.load()
        predictor.point("shapes.png", "red star").points[0].x_pixel

    A picture is a path, encoded bytes, a PIL picture or an array (H, W, 3) uint8 RGB. Decoding is
    greedy unless ``sampling`` says otherwise; ``max_new_tokens`` cuts replies that do not end;
    a request may ask for fewer.
    """

    def __init__(
        self,
        model: Molmo,
        processor: Processor,
        *,
        name: str = "",
        batch_size: int = 16,
        max_new_tokens: int = 512,
        sampling: Sampling | None = None,
    ) -> None:
        if batch_size < 1 or max_new_tokens < 1:
            raise ConfigError(f"batch_size={batch_size} and max_new_tokens={max_new_tokens} must be at least 1")
        self.model, self.processor, self.name = model.eval(), processor, name
        self.batch_size, self.max_new_tokens = batch_size, max_new_tokens
        self.sampling = sampling or Sampling()

    def ask(self, image: ImageSource | list[ImageSource], text: str, *, style: str | None = None) -> Answer:
        """Answer a question about one picture (or several, shown in order)."""
        return self.answer_batch([ask_request(image, text, style)])[0]

    def caption(self, image: ImageSource, length: int | None = None) -> Answer:
        """Describe a picture. ``length``: a hint of about 0-100, in units of 15 characters; None: the model's own
        default (65 for the released models, whatever there is to say for nano)."""
        return self.answer_batch([caption_request(image, length)])[0]

    def point(self, image: ImageSource, label: str) -> Answer:
        """Point to every ``label``, e.g. ``"red star"``; ``Answer.points`` is empty when there is none."""
        return self.answer_batch([point_request(image, label)])[0]

    def count(self, image: ImageSource, label: str) -> Answer:
        """Count every ``label`` by pointing; ``Answer.count`` is None when no number can be read."""
        return self.answer_batch([count_request(image, label)])[0]

    def answer_batch(self, requests: Sequence[Request]) -> list[Answer]:
        """One answer a request, in order; requests of similar length are decoded together."""
        answers: list[Answer | None] = [None] * len(requests)
        window = self.batch_size * _WINDOW
        with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            for start in range(0, len(requests), window):
                part = range(start, min(start + window, len(requests)))
                prepared = dict(zip(part, pool.map(self._prepare, (requests[i] for i in part)), strict=True))
                order = sorted(part, key=lambda i: (self._limit(requests[i]), len(prepared[i][0].input_ids)))
                for first in range(0, len(order), self.batch_size):
                    chosen = order[first : first + self.batch_size]
                    for i, answer in zip(chosen, self._decode(requests, prepared, chosen), strict=True):
                        answers[i] = answer
        return [answer for answer in answers if answer is not None]

    def _prepare(self, request: Request) -> tuple[Tokens, list[tuple[int, int]]]:
        """Tokens of the prompt, and (width, height) of its pictures."""
        images = [open_image(image) for image in request.images]
        return self.processor.prompt(self._wording(request), images), [(i.shape[1], i.shape[0]) for i in images]

    def _wording(self, request: Request) -> str:
        """The request in the words and with the tags that this model was trained on."""
        settings, style = self.processor.format, request.style
        if style in _DESCRIPTIONS and not request.text:
            return self.processor.caption_text(request.length_hint, style=style)
        untagged = settings.system_prompt == "none" or (
            settings.system_prompt == "demo_or_style" and style in settings.demo_styles
        )
        if style is None or untagged:
            return request.text
        return f"{self.processor.formatter.tag(style, request.length_hint)} {request.text}"

    def _limit(self, request: Request) -> int:
        return min(self.max_new_tokens, request.max_new_tokens or self.max_new_tokens)

    def _decode(
        self,
        requests: Sequence[Request],
        prepared: dict[int, tuple[Tokens, list[tuple[int, int]]]],
        chosen: Sequence[int],
    ) -> list[Answer]:
        prompts = [prepared[i][0] for i in chosen]
        limits = [self._room(self._limit(requests[i]), len(prepared[i][0].input_ids)) for i in chosen]
        replies = generate(
            self.model,
            prompts,
            max_new_tokens=limits,
            end_id=self.processor.tokenizer.special.eos,
            sampling=self.sampling,
            seeds=list(chosen),
        )
        answers = []
        for i, reply in zip(chosen, replies, strict=True):
            text = self.processor.decode(reply.ids)
            answer = read_answer(text, prepared[i][1], finished=reply.finished)
            # The first number in a description is no count of anything asked for.
            describes = requests[i].style in _DESCRIPTIONS
            answers.append(dataclasses.replace(answer, count=None) if describes else answer)
        return answers

    def _room(self, wanted: int, prompt: int) -> int:
        """How many tokens may follow a prompt within the language model's context."""
        context = int(self.model.config.text_config.max_position_embeddings)
        if prompt >= context:
            raise PromptError(
                f"the prompt takes {prompt} tokens, the model's context has {context}",
                fix="ask with fewer pictures or a shorter text",
            )
        return min(wanted, context - prompt)
