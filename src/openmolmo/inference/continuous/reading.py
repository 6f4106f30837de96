"""Requests made into prompts in other threads, and pictures cut in other processes where that is wanted."""

from __future__ import annotations

import dataclasses
import multiprocessing
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import count
from typing import Protocol

import numpy as np

from openmolmo.core.children import end_with_parent
from openmolmo.core.errors import ConfigError, PromptError, UnavailableError
from openmolmo.core.rng import derive
from openmolmo.inference.continuous.config import BatchingConfig
from openmolmo.inference.continuous.features import FeatureCache, Seen, mark_of, picture_key
from openmolmo.inference.continuous.reply import Reply, spelled
from openmolmo.inference.prompts import room_after
from openmolmo.prompting.processor import ImageSource, Picture, Processor, Prompt
from openmolmo.words.choosing import Choosing
from openmolmo.words.reply import ReplyText
from openmolmo.words.requests import Request

__all__ = ["Reader"]


class Cutter(Protocol):
    """Opens and cuts pictures."""

    def __call__(self, sources: Sequence[ImageSource | Picture], max_crops: int | None) -> tuple[Picture, ...]:
        """Those that are pictures already stay as they are."""


class Reader:
    """Makes replies that can join a batch out of requests.

    ``threads`` requests are read at once. ``workers``: so many processes open and cut the pictures; 0: the threads
    do. A process that is lost, such as one that a picture made too large, takes its request with it and is replaced.
    """

    def __init__(
        self,
        processor: Processor,
        features: FeatureCache,
        config: BatchingConfig,
        *,
        context: int,
        ids: int,
        workers: int = 0,
        threads: int = 2,
    ) -> None:
        if workers < 0:
            raise ConfigError(f"workers={workers} must be 0 (threads of this process) or more")
        self._processor, self._features, self._config = processor, features, config
        self._context, self._ids = context, ids
        self._lanes = _Lanes(processor) if workers else None
        self._cut: Cutter = self._lanes or processor.pictures
        self._pool = ThreadPoolExecutor(max_workers=workers or threads, thread_name_prefix="reading")
        self._unknown = count()
        if self._lanes is not None:
            for _ in range(workers):  # each thread is kept by the start of its own
                self._pool.submit(self._lanes.warm)

    def submit(
        self,
        request: Request,
        choosing: Choosing,
        prompt_ids: Sequence[int] | None,
        deadline: float | None = None,
        begun: str = "",
    ) -> Future[Reply]:
        """The reply to be added to the engine; ImageError, PromptError or ConfigError where there can be none."""
        return self._pool.submit(self.read, request, choosing, prompt_ids, deadline, begun)

    def close(self) -> None:
        """Read nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._lanes is not None:
            self._lanes.close()

    def read(
        self,
        request: Request,
        choosing: Choosing,
        prompt_ids: Sequence[int] | None,
        deadline: float | None,
        begun: str = "",
    ) -> Reply:
        """The same at once."""
        tokenizer = self._processor.tokenizer
        seen: tuple[Seen, ...] = ()
        if prompt_ids is not None:
            prompt = self._given(prompt_ids)
        else:
            seen = self._seen(request.images, request.max_crops)
            prompt = self._processor.prompt(
                [*request.history, request.text],
                [one.picture for one in seen],
                style=request.style,
                length_hint=request.length_hint,
            )
            if begun:
                prompt = _with(prompt, tokenizer.encode(f" {begun}"))  # with the space that replies begin with
        most = self._config.max_new_tokens
        seed = 0 if request.seed is None else request.seed
        return Reply(
            prompt=prompt,
            pictures=seen,
            spelling=spelled(prompt, seen, tokenizer.special.im_patch),
            limit=room_after(prompt, self._context, min(most, request.max_new_tokens or most)),
            end_ids=frozenset((tokenizer.special.eos, *choosing.stop_token_ids)),
            choosing=choosing,
            text=ReplyText(tokenizer.decode, request.stop, as_written=prompt_ids is not None or bool(begun)),
            rng=derive(choosing.seed, "sample", seed),
            deadline=deadline,
        )

    def _given(self, prompt_ids: Sequence[int]) -> Prompt:
        """A prompt of ids without pictures."""
        ids = np.array(prompt_ids, dtype=np.int64)
        if not len(ids):
            raise PromptError("there is no token to continue", fix="give at least the token that begins a text")
        wrong = ids[(ids < 0) | (ids >= self._ids) | (ids == self._processor.tokenizer.special.im_patch)]
        if len(wrong):
            raise PromptError(
                f"token {wrong[0]} cannot stand in a prompt: ids of text go from 0 to {self._ids - 1}, and pictures "
                "are not given as tokens",
                fix="make the ids with the tokenizer of this model",
            )
        places, zeros = np.arange(len(ids)), np.zeros(len(ids), np.int64)
        return Prompt(
            input_ids=ids, position_ids=places, branch_ids=zeros, labels=zeros, loss_weights=zeros.astype(np.float32)
        )

    def _seen(self, sources: Sequence[ImageSource], max_crops: int | None) -> tuple[Seen, ...]:
        """The request's pictures; those looked at before are not opened again."""
        if not sources:
            return ()
        keys = [picture_key(source, str(max_crops)) for source in sources]
        known = [self._features.find(key) for key in keys]
        given = [source if one is None else one.picture for source, one in zip(sources, known, strict=True)]
        pictures = self._cut(given, max_crops) if None in known else ()
        return tuple(
            one or Seen(pictures[place], key, mark_of(key, next(self._unknown)))
            for place, (one, key) in enumerate(zip(known, keys, strict=True))
        )


def _with(prompt: Prompt, ids: Sequence[int]) -> Prompt:
    """A prompt and the beginning of its reply."""
    count = len(ids)
    places = prompt.position_ids[-1] + 1 + np.arange(count)
    return dataclasses.replace(
        prompt,
        input_ids=np.concatenate([prompt.input_ids, np.array(ids, dtype=np.int64)]),
        position_ids=np.concatenate([prompt.position_ids, places]),
        branch_ids=np.concatenate([prompt.branch_ids, np.full(count, prompt.branch_ids[-1])]),
        labels=np.concatenate([prompt.labels, np.zeros(count, np.int64)]),
        loss_weights=np.concatenate([prompt.loss_weights, np.zeros(count, np.float32)]),
    )


# -------------------------------------------------------------------------------- processes


class _Lanes:
    """A process for each of the threads that ask, so that one that is lost is lost to one request only."""

    def __init__(self, processor: Processor) -> None:
        self._processor = processor.for_other_processes()
        self._own = threading.local()
        self._all: list[ProcessPoolExecutor] = []
        self._closed = False

    def __call__(self, sources: Sequence[ImageSource | Picture], max_crops: int | None) -> tuple[Picture, ...]:
        try:
            reading = self._lane().submit(_cut, list(sources), max_crops)
        except BrokenProcessPool:  # lost while it had nothing to do: nobody's fault
            self._lose()
            reading = self._lane().submit(_cut, list(sources), max_crops)
        try:
            return reading.result()
        except BrokenProcessPool as error:
            self._lose()
            raise UnavailableError(
                "the process that read the pictures was lost, often because memory ran out",
                fix="try again, with smaller pictures if it happens again",
            ) from error

    def warm(self) -> None:
        """Have the process of this thread ready."""
        self._lane().submit(_cut, (), None).result()

    def close(self) -> None:
        self._closed = True
        for lane in list(self._all):
            lane.shutdown(wait=False, cancel_futures=True)

    def _lane(self) -> ProcessPoolExecutor:
        if self._closed:
            raise UnavailableError("the server is stopping", fix="ask again when it has started anew")
        lane: ProcessPoolExecutor | None = getattr(self._own, "lane", None)
        if lane is None:
            context = multiprocessing.get_context("spawn")
            lane = ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=(self._processor,))
            self._own.lane = lane
            self._all.append(lane)
        return lane

    def _lose(self) -> None:
        """The process of this thread is gone; the next one is made when it is needed."""
        lane, self._own.lane = self._own.lane, None
        self._all.remove(lane)
        lane.shutdown(wait=False)


_processor: Processor


def _begin(processor: Processor) -> None:
    global _processor  # what a process of a pool is given at its start has no other place
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent decides
    end_with_parent()
    _processor = processor


def _cut(sources: Sequence[ImageSource | Picture], max_crops: int | None) -> tuple[Picture, ...]:
    return _processor.pictures(sources, max_crops)
