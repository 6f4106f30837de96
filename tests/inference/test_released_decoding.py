"""Greedy replies of the released families, as the public implementation gave them: in every way of decoding."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from openmolmo.imaging import Crops
from openmolmo.inference.cache import CacheConfig
from openmolmo.inference.decoding import Decoding
from openmolmo.inference.generate import Limit, generate, generate_one
from openmolmo.inference.sampling import Sampling
from openmolmo.model.released import load_released
from openmolmo.prompting.sequence import Tokens

sys.path.append(str(Path(__file__).parents[1] / "model"))
from published_batch import FAMILIES, FIXTURES, ragged, recorded

NEW = 20
LOGITS = 2e-4
"""Absolute; the recorded tolerance of float32."""


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def net(family):
    return load_released(FIXTURES / family)


@pytest.fixture(scope="module")
def expected(family):
    return recorded(f"{family}/inference")["generated"].reshape(3, NEW).tolist()


@pytest.fixture(scope="module")
def prompts():
    """The recorded batch as prompts of their own."""
    batch, places = ragged("inference")
    crop_row, window_row = places["crop_rows"][:, 0], places["windows"][:, 0]
    patches = batch["patch_mask"].shape[1]
    made = []
    for row, ids in enumerate(batch["input_ids"]):
        real = batch["example_ids"][row] >= 0
        mine = crop_row == row
        before = int((crop_row < row).sum()) * patches
        image = Crops(
            pixels=batch["crops"][mine].numpy(),
            patch_mask=batch["patch_mask"][mine].numpy(),
            pooled_patches=batch["pooled_patches"][window_row == row].numpy() - before,
        )
        ids = ids[real].numpy()
        nothing = np.zeros(len(ids), np.int64)
        made.append(
            Tokens(
                input_ids=ids,
                position_ids=batch["position_ids"][row][real].numpy(),
                branch_ids=nothing,
                labels=nothing,
                loss_weights=nothing.astype(np.float32),
                images=[image],
            )
        )
    return made


def replies(net, prompts, cache=None):
    decoding = Decoding(net, prompts, room=NEW, cache=cache)
    return [reply.ids for reply in generate(decoding, [Limit(NEW, -1)] * len(prompts), Sampling())]


def test_prompts_differ_in_length_so_that_padding_is_tried(prompts):
    assert len({len(prompt) for prompt in prompts}) > 1
    assert len({len(prompt.images[0].pixels) for prompt in prompts}) > 1


def test_a_batch_gives_the_recorded_tokens(net, prompts, expected):
    assert replies(net, prompts) == expected


def test_one_by_one_gives_the_recorded_tokens(net, prompts, expected):
    assert [replies(net, [prompt])[0] for prompt in prompts] == expected


def test_a_static_cache_gives_the_recorded_tokens(net, prompts, expected):
    assert replies(net, prompts, CacheConfig(kind="static")) == expected


def test_eager_attention_gives_the_recorded_tokens(net, prompts, expected):
    net.set_attn_implementation("eager")
    try:
        assert replies(net, prompts) == expected
    finally:
        net.set_attn_implementation("sdpa")


def test_steps_from_the_cache_give_the_logits_of_reading_everything_anew(net, prompts, expected):
    prompt, given = prompts[1], expected[1]
    decoding = Decoding(net, [prompt], room=NEW)
    logits = decoding.start()
    for token in given:
        logits = decoding.step(torch.tensor([[token]]))
    ids = np.append(prompt.input_ids, given)
    anew = dataclasses.replace(prompt, input_ids=ids, position_ids=np.arange(len(ids)))
    assert (logits - Decoding(net, [anew], room=1).start()).abs().max() < LOGITS


def test_a_reply_that_goes_on_after_a_pause_gives_the_recorded_tokens(net, prompts, expected):
    """Half a reply, forgotten back to its second token, and read again from there."""
    decoding = Decoding(net, [prompts[0]], room=NEW)
    *_, half = generate_one(decoding, Limit(NEW // 2, -1), Sampling())
    assert half.ids == expected[0][: NEW // 2]
    assert decoding.forget(len(prompts[0]) + 2)
    *_, rest = generate_one(decoding, Limit(NEW - 5, -1), Sampling(), more=half.ids[2:5])
    assert rest.ids == expected[0][5:]
