"""Generation: cache or not, alone or in a batch, the same tokens."""

from __future__ import annotations

import pytest
import torch
from tiny_molmo import ARCHITECTURES, Sample, batch, logits, model, prompt_batch, sample

from openmolmo.core.errors import PromptError
from openmolmo.model import Molmo

NEW = 6
PROMPTS = [sample(1, (4,)), sample(2, (2,), crops=1, tokens=1), sample(3, (7,), crops=3, tokens=5)]


def _continue_without_cache(net: Molmo, one: Sample) -> list[int]:
    grown = Sample(one.prefix, [list(one.branches[0])], one.crops, one.mask, one.windows)
    for _ in range(NEW):
        grown.branches[0].append(int(logits(net, batch([[grown]]))[0, -1].argmax()))
    return grown.branches[0][len(one.branches[0]) :]


def _generate(net: Molmo, prompts: list[Sample], **options: object) -> torch.Tensor:
    inputs = prompt_batch(prompts)
    out = net.generate(**inputs, max_new_tokens=NEW, do_sample=False, pad_token_id=0, **options)
    return out[:, inputs["input_ids"].shape[1] :]


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_batched_cached_tokens_equal_single_uncached_ones(kind: str) -> None:
    net = model(kind)
    expected = [_continue_without_cache(net, one) for one in PROMPTS]
    assert _generate(net, PROMPTS).tolist() == expected
    assert _generate(net, PROMPTS[1:2]).tolist() == expected[1:2]
    assert len({token for tokens in expected for token in tokens}) > 3  # not one token for ever


@pytest.mark.parametrize("options", [{"use_cache": False}, {"cache_implementation": "static"}])
def test_other_caches_give_the_same_tokens(options: dict[str, object]) -> None:
    net = model()
    assert torch.equal(_generate(net, PROMPTS, **options), _generate(net, PROMPTS))


def test_attention_mask_and_positions_may_be_given_or_not() -> None:
    net = model()
    inputs = prompt_batch(PROMPTS)
    mask = (inputs["example_ids"] >= 0).long()
    plain = {k: inputs[k] for k in ("input_ids", "crops", "patch_mask", "pooled_patches")}
    out = net.generate(**plain, attention_mask=mask, max_new_tokens=NEW, do_sample=False, pad_token_id=0)
    assert torch.equal(out[:, -NEW:], _generate(net, PROMPTS))


def test_pictures_are_encoded_once_and_the_head_sees_one_token() -> None:
    net = model()
    crops, rows = [], []
    net.encoder.register_forward_pre_hook(lambda module, args: crops.append(args[0].shape[0]))
    net.lm_head.register_forward_pre_hook(lambda module, args: rows.append(tuple(args[0].shape[:2])))
    _generate(net, PROMPTS)
    assert crops == [6]
    assert rows == [(3, 1)] * NEW


def test_beams_and_samples_keep_their_own_picture() -> None:
    net = model()
    options = {"max_new_tokens": 3, "do_sample": False, "num_beams": 2, "num_return_sequences": 2, "pad_token_id": 0}
    twice = net.generate(**prompt_batch(PROMPTS), **options)
    single = [net.generate(**prompt_batch([one]), **options) for one in PROMPTS]
    assert torch.equal(twice[:, -3:], torch.cat([one[:, -3:] for one in single]))


def test_prompts_that_cannot_be_continued_are_refused() -> None:
    net = model()
    right = batch([[PROMPTS[0]], [PROMPTS[1]]])
    with pytest.raises(PromptError, match="left"):
        net.generate(**right, max_new_tokens=1)
    with pytest.raises(PromptError, match="2 branches"):
        net.generate(**batch([[sample(1, (2, 3))]]), max_new_tokens=1)
    with pytest.raises(PromptError, match="2 examples"):
        net.generate(**batch([[PROMPTS[0], PROMPTS[1]]]), max_new_tokens=1)
