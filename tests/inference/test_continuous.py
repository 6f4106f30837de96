"""Replies that share a running batch have the tokens that each would have alone, in every family of models."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
import torch
from inference_toys import noise
from PIL import Image
from transformers import Qwen2Config

from openmolmo.core.errors import UnavailableError
from openmolmo.inference.continuous.config import BatchingConfig
from openmolmo.inference.continuous.engine import Engine
from openmolmo.inference.continuous.own_rows import OwnRows
from openmolmo.inference.continuous.reading import Reader
from openmolmo.inference.load import load
from openmolmo.inference.predictor import Predictor
from openmolmo.model.molmo import Molmo
from openmolmo.words.choosing import Choosing
from openmolmo.words.requests import Request
from released_toys import FAMILIES, published_folder

CONFIG = BatchingConfig(rows=3, kept=2, chunk=9, crops=1, max_new_tokens=12)


class Batch:
    """An engine with what makes requests into replies."""

    def __init__(self, predictor: Predictor, config: BatchingConfig = CONFIG) -> None:
        model, processor = predictor.model, predictor.processor
        self.engine = Engine(model, processor.tokenizer, config)
        text = model.config.text_config
        self.reader = Reader(
            processor,
            self.engine.features,
            config,
            context=text.max_position_embeddings,
            ids=text.vocab_size + model.config.extra_embeddings,
        )
        self.replies = []
        self.texts, self.errors = {}, {}

    def add(self, request, choosing=Choosing()):  # noqa: B008
        reply = self.reader.read(request, choosing, None, None)
        self.engine.add(reply)
        self.replies.append(reply)
        return reply

    def step(self):
        for update in self.engine.step():
            if update.error is not None:
                self.errors[update.reply] = update.error
            elif update.finish is not None:
                self.texts[update.reply] = update.text.strip()

    def finish(self):
        """The texts of all replies, in the order of asking."""
        while self.engine.busy:
            self.step()
        return [self.texts.get(reply) for reply in self.replies]


def png(height, width, seed=0):
    stream = io.BytesIO()
    Image.fromarray(noise(height, width, seed)).save(stream, "png")
    return stream.getvalue()


PICTURES = [png(60, 80), png(90, 40, 1), png(50, 50, 2)]
REQUESTS = [
    Request(text="Point to the red star.", images=(PICTURES[0],)),
    Request(text="How many?", max_new_tokens=2),
    Request(text="Point to the red star.", images=(PICTURES[1],)),
    Request(text="What is <|image|>? And <|image|>?", images=(PICTURES[0], PICTURES[2]), max_new_tokens=7),
    Request(text="Describe this image in detail. " * 3),
    Request(text="Point to the blue star, please.", images=(PICTURES[0],)),
    Request(images=(PICTURES[2],), style="long_caption"),
    Request(text="Describe this image in detail. " * 2 + "Shortly.", max_new_tokens=1),
    Request(text="And now?", images=(PICTURES[0],), history=("Point to the red star.", "There are none.")),
]


def check(predictor, config=CONFIG, engine=None):
    """All requests, joining while others are being answered; figures of the batch."""
    batch = Batch(predictor, config)
    if engine is not None:
        engine(batch.engine)
    for request in REQUESTS:
        batch.add(request)
        batch.step()
    assert batch.finish() == [predictor.answer_batch([request])[0].text for request in REQUESTS]
    return batch


def like(model, text):
    """A lively model with another language model."""
    torch.manual_seed(0)
    made = Molmo(model.config.__class__(**{**model.config.to_dict(), "text_config": text})).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(3.0)
    return made


@pytest.mark.parametrize("family", FAMILIES)
def test_released_families(family, tmp_path):
    predictor = load(published_folder(tmp_path / "model", family), max_new_tokens=12)
    batch = check(predictor)
    assert batch.engine.rows.prefix_tokens > 0


def test_a_model_with_sliding_windows(model, processor):
    sizes = {**model.config.text_config.to_dict(), "use_sliding_window": True, "sliding_window": 24}
    sizes.pop("layer_types")
    text = Qwen2Config(**{**sizes, "max_window_layers": 1})
    assert set(text.layer_types) == {"full_attention", "sliding_attention"}
    check(Predictor(like(model, text), processor, max_new_tokens=12))


def test_a_model_whose_rows_cannot_share(predictor):
    def own(engine):
        engine.rows = OwnRows(predictor.model)

    check(predictor, engine=own)


def test_what_was_read_before_is_not_read_again(predictor, monkeypatch):
    batch = check(predictor, dataclasses.replace(CONFIG, rows=4, kept=9))
    first = len(batch.replies)
    for request in REQUESTS:
        batch.add(request)
    with monkeypatch.context() as patch:
        patch.setattr(predictor.model.encoder, "forward", lambda *given: 1 / 0)
        again = batch.finish()
    assert not batch.errors
    assert again[first:] == again[:first]
    counts = batch.engine.features.counts
    assert counts.hits >= 6
    chat = Request(text="Where?", images=REQUESTS[0].images, history=(REQUESTS[0].text, again[0]), max_new_tokens=4)
    reply = batch.add(chat)
    batch.finish()
    assert reply.reused > len(batch.replies[0].prompt)  # its own reply, too
    assert batch.texts[reply] == predictor.answer_batch([chat])[0].text


def test_features_stay_within_their_bytes(predictor):
    one = Batch(predictor)
    one.add(REQUESTS[0])
    one.finish()
    size = one.engine.features.bytes
    assert size > 0
    batch = Batch(predictor, CONFIG.replace(feature_bytes=2 * size))
    for seed in range(6):
        batch.add(Request(text="What?", images=(png(60, 80, seed),)))
    batch.finish()
    assert 0 < batch.engine.features.bytes <= 2 * size


def test_a_failing_step_ends_its_replies_only(predictor, monkeypatch, caplog):
    batch = Batch(predictor)
    for request in REQUESTS[:5]:
        batch.add(request)
    while len(batch.engine.rows.active) < 2:
        batch.step()
    ended = list(batch.engine.rows.active)
    with monkeypatch.context() as patch:
        patch.setattr(type(batch.engine.rows), "step", lambda self: 1 / 0)
        while not batch.errors:
            batch.step()
    texts = batch.finish()
    assert set(batch.errors) >= set(ended)
    assert all(isinstance(error, UnavailableError) for error in batch.errors.values())
    assert "ZeroDivisionError" in caplog.text
    for request, reply, text in zip(REQUESTS, batch.replies, texts, strict=False):
        assert reply in batch.errors or text == predictor.answer_batch([request])[0].text


def test_one_that_is_cancelled_or_late_frees_its_row(predictor):
    batch = Batch(predictor)
    for request in REQUESTS[:6]:
        batch.add(request)
    while len(batch.engine.rows.active) < 2:
        batch.step()
    gone, late = batch.engine.rows.active[0], batch.replies[-1]
    batch.engine.cancel(gone)
    late.deadline = 0.0
    batch.step()
    assert gone not in batch.engine.rows.active
    texts = batch.finish()
    assert list(batch.errors) == [late]
    for request, reply, text in zip(REQUESTS, batch.replies, texts, strict=False):
        expected = None if reply in (gone, late) else predictor.answer_batch([request])[0].text
        assert text == expected


def test_numbers_that_are_none_reach_nobody_else(predictor, monkeypatch):
    """Keys of infinity, left behind in a slot, would be in the sums of the slot's next row even behind a mask."""
    batch = Batch(predictor, CONFIG.replace(rows=1, kept=0))
    batch.add(REQUESTS[4])
    with monkeypatch.context() as patch:
        real = predictor.model.embedding.forward
        patch.setattr(predictor.model.embedding, "forward", lambda ids: real(ids) * np.inf)
        batch.finish()
    batch.add(REQUESTS[1])
    assert batch.finish()[-1] == predictor.answer_batch([REQUESTS[1]])[0].text
