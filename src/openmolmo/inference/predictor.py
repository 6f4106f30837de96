"""A model ready to answer: pictures and words in, text and points out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from typing import Any, TypedDict

import torch

from openmolmo.core.errors import ConfigError, OpenMolmoError
from openmolmo.inference.cache import CacheConfig, check_cache
from openmolmo.inference.conversation import Chat
from openmolmo.inference.decoding import Decoding
from openmolmo.inference.generate import Limit, generate, generate_one
from openmolmo.inference.prompts import room_after
from openmolmo.inference.sampling import Sampling
from openmolmo.inference.stream import Piece, pieces
from openmolmo.model.fingerprint import fingerprint
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.processor import Processor, Prompt
from openmolmo.words.answer import Answer, read_answer
from openmolmo.words.confidence import with_confidence
from openmolmo.words.reply import ReplyText, token_texts
from openmolmo.words.requests import (
    ImageSource,
    Request,
    as_images,
    ask_request,
    caption_request,
    count_request,
    point_request,
)

__all__ = ["Answering", "Predictor", "check_answering"]

_WINDOW = 8  # batches prepared ahead and sorted by length together
_PIXEL_BYTES = 2**30  # but no more crops than this

Images = ImageSource | Sequence[ImageSource] | None


class Answering(TypedDict, total=False):
    """How a :class:`Predictor` answers."""

    batch_size: int
    max_new_tokens: int
    sampling: Sampling | None
    cache: CacheConfig | None


def check_answering(options: Answering) -> None:
    """ConfigError for an unknown name or a number below 1."""
    for name, value in options.items():
        if name not in Answering.__annotations__:
            raise ConfigError(
                f"{name}={value!r} is no setting of answering", fix=f"known: {', '.join(Answering.__annotations__)}"
            )
        if isinstance(value, int) and value < 1:
            raise ConfigError(f"{name}={value} must be at least 1")


class Predictor:
    """Answers questions about pictures.

        predictor = openmolmo.load()
        predictor.point("shapes.png", "red star").points[0].x_pixel

    A picture is a path, encoded bytes, a PIL picture or an array (H, W, 3) uint8 RGB. Decoding is
    greedy unless ``sampling`` says otherwise; ``max_new_tokens`` cuts replies that do not end;
    a request may ask for fewer. ``cache``: a static one may be compiled.
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
        cache: CacheConfig | None = None,
    ) -> None:
        check_answering({"batch_size": batch_size, "max_new_tokens": max_new_tokens})
        self.model, self.processor, self.name = model.eval(), processor, name
        self.batch_size, self.max_new_tokens = batch_size, max_new_tokens
        self.sampling = sampling or Sampling()
        self.cache = cache or CacheConfig()
        check_cache(self.cache, model.config.text_config)
        self._step: Any = None
        if self.cache.compile is not None:
            self._step = torch.compile(model, mode=self.cache.compile, fullgraph=True)

    @cached_property
    def weights(self) -> str:
        """What tells the weights from others under the same name, such as those of a later checkpoint."""
        return fingerprint(self.model)

    # -------------------------------------------------------------------------- one question

    def ask(self, image: Images, text: str, *, style: str | None = None) -> Answer:
        """Answer a question about one picture, about several shown in order, or (None) about none."""
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

    def stream(self, request: Request) -> Iterator[Piece]:
        """The answer piece by piece; the last piece holds all of it.

        Raises before the first piece what :meth:`answer_batch` would raise.
        """
        prompt = self._prepare(request)
        text = ReplyText(self.processor.tokenizer.decode, request.stop)
        limit = self.limit(prompt, request.max_new_tokens, seed=_seed(request, 0), text=text)
        decoding = self.decoding([prompt], room=limit.tokens)
        replies = generate_one(decoding, limit, self.sampling)
        return pieces(
            replies, text, prompt.sizes, counted=not request.describes, strange=lambda: decoding.out_of_world[0]
        )

    def chat(self, images: Images = None, *, max_crops: int | None = None) -> Chat:
        """Begin a conversation about one picture, several or none; each is looked at once."""
        return Chat(self, self.processor.pictures(as_images(images), max_crops))

    # -------------------------------------------------------------------------- many questions

    def answer_batch(self, requests: Sequence[Request]) -> list[Answer]:
        """One answer a request, in order; requests of similar length are decoded together.

        Raises the first error (ImageError, PromptError ...) of any request.
        """
        answers: dict[int, Answer] = {}
        for place, outcome in self.answers(requests):
            if isinstance(outcome, OpenMolmoError):
                raise outcome
            answers[place] = outcome
        return [answers[place] for place in range(len(requests))]

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, Answer | OpenMolmoError]]:
        """(place of the request, its answer or what is wrong with it), batch by batch as they are decoded."""
        window = self._window()
        with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            for start in range(0, len(requests), window):
                part = range(start, min(start + window, len(requests)))
                read = {i: pool.submit(self._prepare, requests[i]) for i in part}
                prepared: dict[int, Prompt] = {}
                for i, future in read.items():
                    outcome = _outcome(future)
                    if isinstance(outcome, OpenMolmoError):
                        yield i, outcome
                    else:
                        prepared[i] = outcome
                order = self._order(requests, prepared)
                for first in range(0, len(order), self.batch_size):
                    chosen = order[first : first + self.batch_size]
                    yield from zip(chosen, self._decode(requests, prepared, chosen), strict=True)

    def _window(self) -> int:
        crop = self.processor.crop
        picture = (1 + crop.max_crops) * 3 * crop.crop_size**2 * 4
        return max(self.batch_size, min(self.batch_size * _WINDOW, _PIXEL_BYTES // picture))

    # -------------------------------------------------------------------------- parts of it

    def limit(
        self, prompt: Prompt, max_new_tokens: int | None = None, *, seed: int = 0, text: ReplyText | None = None
    ) -> Limit:
        """What ends a reply to ``prompt``: its own limit, the predictor's or the context's, whichever is first.

        Raises PromptError where the prompt itself is too long for the context.
        """
        wanted = min(self.max_new_tokens, max_new_tokens or self.max_new_tokens)
        context = int(self.model.config.text_config.max_position_embeddings)
        return Limit(room_after(prompt, context, wanted), self.processor.tokenizer.special.eos, seed, text)

    def decoding(self, prompts: Sequence[Prompt], *, room: int, dynamic: bool = False) -> Decoding:
        """Prompts ready to be decoded, each by at most ``room`` tokens; ``dynamic``: whatever ``cache`` says."""
        if dynamic:
            return Decoding(self.model, prompts, room=room)
        return Decoding(self.model, prompts, room=room, cache=self.cache, step=self._step)

    def _prepare(self, request: Request) -> Prompt:
        """Tokens of the prompt, known to fit the context."""
        prompt = self.processor.prompt(
            [*request.history, request.text],
            request.images,
            style=request.style,
            length_hint=request.length_hint,
            max_crops=request.max_crops,
        )
        self.limit(prompt)
        return prompt

    def _order(self, requests: Sequence[Request], prepared: dict[int, Prompt]) -> list[int]:
        """Places, those together that want as many tokens and whose prompts are of similar length."""

        def size(place: int) -> tuple[int, int]:
            wanted = min(self.max_new_tokens, requests[place].max_new_tokens or self.max_new_tokens)
            return wanted, len(prepared[place])

        return sorted(prepared, key=size)

    def _decode(self, requests: Sequence[Request], prepared: dict[int, Prompt], chosen: Sequence[int]) -> list[Answer]:
        decode = self.processor.tokenizer.decode
        limits = [
            self.limit(
                prepared[i],
                requests[i].max_new_tokens,
                seed=_seed(requests[i], i),
                text=ReplyText(decode, requests[i].stop) if requests[i].stop else None,
            )
            for i in chosen
        ]
        decoding = self.decoding([prepared[i] for i in chosen], room=max(limit.tokens for limit in limits))
        answers = []
        for i, reply, strange in zip(
            chosen, generate(decoding, limits, self.sampling), decoding.out_of_world, strict=True
        ):
            reader = reply.limit.text
            text = decode(reply.ids) if reader is None else reader.finish()
            counted = not requests[i].describes
            answer = read_answer(text, prepared[i].sizes, finished=reply.finished, counted=counted)
            if answer.points:
                tokens = zip(token_texts(decode, reply.ids), reply.logprobs, strict=True)
                answer = with_confidence(answer, list(tokens))
            answers.append(replace(answer, out_of_world=strange))
        return answers


def _seed(request: Request, place: int) -> int:
    return place if request.seed is None else request.seed


def _outcome(future: Future[Prompt]) -> Prompt | OpenMolmoError:
    try:
        return future.result()
    except OpenMolmoError as error:
        return error
