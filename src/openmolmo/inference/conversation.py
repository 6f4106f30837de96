"""A conversation about pictures that are looked at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from openmolmo.core.errors import RunError
from openmolmo.inference.decoding import Decoding
from openmolmo.inference.generate import Generated, Limit, generate_one
from openmolmo.inference.sampling import Sampling
from openmolmo.inference.stream import Piece, pieces
from openmolmo.prompting.processor import Picture, Processor, Prompt
from openmolmo.words.answer import Answer
from openmolmo.words.reply import ReplyText
from openmolmo.words.requests import ask_request

__all__ = ["Chat", "Replier"]


class Replier(Protocol):
    """What a conversation needs of a model that is ready to answer."""

    @property
    def processor(self) -> Processor: ...

    @property
    def sampling(self) -> Sampling: ...

    def limit(self, prompt: Prompt, max_new_tokens: int | None = None, *, seed: int, text: ReplyText) -> Limit:
        """Where the reply to ``prompt`` ends."""

    def decoding(self, prompts: Sequence[Prompt], *, room: int, dynamic: bool) -> Decoding:
        """The prompts read into a new cache."""


class Chat:
    """Questions that build on each other.

        chat = predictor.chat("shapes.png")
        chat.ask("What is in the picture?").text
        chat.ask("Where is it?").points

    The picture and all earlier turns stay in the cache, so that a new question costs its own tokens
    only. Replies are those that the whole conversation, read from its start, would get.
    ``messages`` is what was said, question and reply in turn.
    """

    def __init__(self, predictor: Replier, pictures: Sequence[Picture]) -> None:
        self.messages: list[str] = []
        self._predictor, self._pictures = predictor, tuple(pictures)
        self._decoding: Decoding | None = None
        self._read = np.empty(0, np.int64)  # tokens given to the model, and those that it gave
        self._turn = 0

    def ask(
        self, text: str, *, style: str | None = None, max_new_tokens: int | None = None, stop: Sequence[str] = ()
    ) -> Answer:
        """The reply to the next question; ``stop`` and limit as in a request."""
        *_, last = self.stream(text, style=style, max_new_tokens=max_new_tokens, stop=stop)
        assert last.answer is not None
        return last.answer

    def stream(
        self, text: str, *, style: str | None = None, max_new_tokens: int | None = None, stop: Sequence[str] = ()
    ) -> Iterator[Piece]:
        """The same piece by piece; a reply that is not read to its end is as if it was never asked for.

        Raises PromptError where the conversation no longer fits the context.
        """
        predictor = self._predictor
        question = predictor.processor.question(ask_request(None, text).text, style=style)
        prompt = predictor.processor.prompt([*self.messages, question], self._pictures)
        reader = ReplyText(predictor.processor.tokenizer.decode, stop)
        limit = predictor.limit(prompt, max_new_tokens, seed=self._turn, text=reader)
        self._turn += 1
        return self._pieces(question, prompt, limit, reader, self._turn)

    def _pieces(self, question: str, prompt: Prompt, limit: Limit, reader: ReplyText, turn: int) -> Iterator[Piece]:
        for piece in pieces(self._replies(prompt, limit, turn), reader, prompt.sizes, strange=self._strange):
            if piece.answer is not None:
                self.messages += [question, piece.answer.text]
            yield piece

    def _replies(self, prompt: Prompt, limit: Limit, turn: int) -> Iterator[Generated]:
        self._check(turn)
        decoding, more = self._resume(prompt)
        self._decoding = None  # what is in the cache is unknown until the new tokens have been read
        for reply in generate_one(decoding, limit, self._predictor.sampling, more=more):
            self._decoding, self._read = decoding, np.append(prompt.input_ids, reply.ids)
            yield reply
            self._check(turn)

    def _strange(self) -> float | None:
        return None if self._decoding is None else self._decoding.out_of_world[0]

    def _check(self, turn: int) -> None:
        if turn != self._turn:
            raise RunError("another question was asked before this reply was read", fix="read one reply at a time")

    def _resume(self, prompt: Prompt) -> tuple[Decoding, list[int]]:
        """The conversation's cache, cut back to what it shares with ``prompt``, and the tokens that it lacks."""
        ids, decoding = prompt.input_ids, self._decoding
        if decoding is not None:
            known = self._read[: decoding.length]
            both = min(len(known), len(ids))
            differing = np.flatnonzero(known[:both] != ids[:both])
            shared = int(differing[0]) if len(differing) else both
            looked_at = self._predictor.processor.tokenizer.special.im_patch not in ids[shared:]
            if looked_at and decoding.forget(shared):
                return decoding, ids[shared:].tolist()
        return self._predictor.decoding([prompt], room=0, dynamic=True), []
