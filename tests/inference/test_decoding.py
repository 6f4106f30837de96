"""The decoding loop: batches, limits, the end token, sampling."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest
import torch
from inference_toys import noise

from openmolmo.core.errors import ConfigError, PromptError
from openmolmo.inference.batch import left_padded
from openmolmo.inference.cache import CacheConfig
from openmolmo.inference.decoding import Decoding
from openmolmo.inference.generate import Limit, generate
from openmolmo.inference.load import load
from openmolmo.inference.predictor import Predictor
from openmolmo.inference.sampling import Sampling, next_tokens
from openmolmo.words.requests import Request

GREEDY = Sampling()
STATIC = CacheConfig(kind="static")


def decode(model, prompts, limits, *, end=-1, cache=None):
    """Greedy replies to prompts."""
    decoding = Decoding(model, prompts, room=max(limits), cache=cache)
    return generate(decoding, [Limit(limit, end) for limit in limits], GREEDY)


def prompts(processor, count=5):
    sizes = [(60, 80), (30, 120), (56, 56), (200, 40), (90, 90)][:count]
    return [processor.prompt("Point to the red star. " * (i + 1), [noise(h, w, i)]) for i, (h, w) in enumerate(sizes)]


def test_a_batch_answers_as_each_prompt_alone(model, processor):
    asked = prompts(processor)
    limits = [9, 3, 12, 6, 1]
    together = decode(model, asked, limits)
    for prompt, limit, reply in zip(asked, limits, together, strict=True):
        alone = decode(model, [prompt], [limit])[0]
        assert reply.ids == alone.ids
        assert len(reply.ids) == limit
        assert not reply.finished
    assert len({tuple(reply.ids) for reply in together}) == 5  # the prompts matter


def test_the_loop_agrees_with_the_librarys_generate(model, processor):
    asked = prompts(processor, 3)
    batch = left_padded(asked, torch.device("cpu"))
    expected = model.generate(**batch, max_new_tokens=8, do_sample=False, eos_token_id=None, pad_token_id=0)
    replies = decode(model, asked, [8] * 3)
    assert [reply.ids for reply in replies] == expected[:, batch["input_ids"].shape[1] :].tolist()


def test_the_end_token_ends_one_reply_only(model, processor):
    asked = prompts(processor, 4)
    free = decode(model, asked, [10] * 4)
    end = Counter(token for reply in free for token in set(reply.ids)).most_common()[-1][0]
    ended = decode(model, asked, [10] * 4, end=end)
    assert any(reply.finished for reply in ended)
    for reply, full in zip(ended, free, strict=True):
        assert reply.finished == (end in full.ids)
        assert reply.ids == (full.ids[: full.ids.index(end)] if reply.finished else full.ids)


def test_left_padding_keeps_pictures_in_order(processor):
    asked = prompts(processor, 3)
    batch = left_padded(asked, torch.device("cpu"))
    lengths = [len(tokens) for tokens in asked]
    assert batch["attention_mask"].sum(1).tolist() == lengths
    assert (batch["attention_mask"][:, -1] == 1).all()
    assert batch["position_ids"][:, -1].tolist() == [length - 1 for length in lengths]
    patches = (batch["input_ids"] == processor.tokenizer.special.im_patch).sum()
    assert len(batch["pooled_patches"]) == patches
    assert batch["pooled_patches"].max() < batch["patch_mask"].numel()
    first = asked[0].images[0]
    moved = batch["pooled_patches"][len(first.pooled_patches)]
    original = torch.tensor(asked[1].images[0].pooled_patches[0])
    assert (moved - original == first.patch_mask.size).all()


def test_sampling_follows_probabilities_and_top_p():
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]])).repeat(4000, 1)
    rngs = [np.random.default_rng(i) for i in range(4000)]
    drawn = next_tokens(logits, Sampling(temperature=1.0), rngs)
    shares = torch.bincount(drawn, minlength=4) / 4000
    assert torch.allclose(shares, torch.tensor([0.5, 0.3, 0.15, 0.05]), atol=0.03)
    nucleus = next_tokens(logits, Sampling(temperature=1.0, top_p=0.7), rngs)
    assert set(nucleus.tolist()) == {0, 1}
    assert set(next_tokens(logits, Sampling(temperature=1.0, top_p=0.01), rngs).tolist()) == {0}
    assert set(next_tokens(logits, GREEDY, rngs).tolist()) == {0}


def test_sampling_is_the_same_for_a_seed_and_any_batch(predictor):
    predictor = dataclasses_free_copy(predictor, Sampling(temperature=1.0, seed=7))
    requests = [Request(text="Describe", images=(noise(40, 40, i),)) for i in range(6)]
    first = [answer.text for answer in predictor.answer_batch(requests)]
    predictor.batch_size = 1
    assert [answer.text for answer in predictor.answer_batch(requests)] == first
    other = dataclasses_free_copy(predictor, Sampling(temperature=1.0, seed=8))
    assert [answer.text for answer in other.answer_batch(requests)] != first


def dataclasses_free_copy(predictor, sampling):
    return type(predictor)(predictor.model, predictor.processor, max_new_tokens=12, batch_size=4, sampling=sampling)


def test_impossible_sampling_is_refused():
    for change, named in (({"temperature": -1.0}, "temperature"), ({"top_p": 0.0}, "top_p"), ({"top_p": 1.5}, "top_p")):
        with pytest.raises(ConfigError, match=named):
            dataclasses.replace(GREEDY, **change)


def test_a_prompt_longer_than_the_context_says_both_numbers(predictor):
    with pytest.raises(PromptError, match="256"):
        predictor.ask(noise(60, 80), "red star " * 200)


def test_replies_stop_at_the_end_of_the_context(model, processor, predictor):
    request = Request(text="red star " * 20, images=(noise(60, 80),))
    prompt = len(processor.prompt(request.text, request.images))
    patient = Predictor(model, processor, max_new_tokens=10_000)
    assert patient.limit(patient._prepare(request)).tokens == 256 - prompt
    assert len(patient.answer_batch([request])[0].text) > len(predictor.answer_batch([request])[0].text)


# ------------------------------------------------------------------------------------- the cache


@pytest.fixture
def implementation(model, request):
    model.set_attn_implementation(request.param)
    yield request.param
    model.set_attn_implementation("sdpa")


@pytest.mark.parametrize("implementation", ["sdpa", "eager"], indirect=True)
def test_a_static_cache_gives_the_same_logits(model, processor, implementation):
    for asked in (prompts(processor, 3), prompts(processor, 1)):
        grown, fixed = (Decoding(model, asked, room=4, cache=cache) for cache in (None, STATIC))
        first, second = grown.start(), fixed.start()
        for _ in range(4):
            torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-5)
            ids = first.argmax(-1, keepdim=True)
            first, second = grown.step(ids), fixed.step(ids)
        torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-5)


def test_a_static_cache_gives_the_same_tokens_although_rows_cannot_leave(model, processor):
    asked = prompts(processor)
    limits = [9, 3, 12, 1, 1]
    assert [r.ids for r in decode(model, asked, limits)] == [r.ids for r in decode(model, asked, limits, cache=STATIC)]


def test_cached_steps_give_the_logits_of_one_pass(model, processor):
    (asked,) = prompts(processor, 1)
    decoding = Decoding(model, [asked], room=100)
    logits = decoding.start()
    ids = list(asked.input_ids)
    for _ in range(70):  # more than the room that the cache begins with
        ids.append(int(logits.argmax()))
        logits = decoding.step(torch.tensor([ids[-1:]]))
    longer = dataclasses.replace(asked, input_ids=np.array(ids), position_ids=np.arange(len(ids)))
    torch.testing.assert_close(logits, Decoding(model, [longer], room=1).start(), rtol=1e-4, atol=1e-4)


def test_compiled_steps_answer_as_the_others(model, processor, predictor, monkeypatch):
    """Compiled for this machine elsewhere; here without code generation, which takes longer than the test may."""
    compiled = torch.compile
    asked = []

    def quickly(module, *, mode, fullgraph):
        asked.append((mode, fullgraph))
        return compiled(module, backend="eager", fullgraph=fullgraph)

    monkeypatch.setattr(torch, "compile", quickly)
    quick = Predictor(model, processor, max_new_tokens=5, cache=STATIC.replace(compile="default"))
    requests = [Request(text="Describe", images=(noise(40, 40 + 20 * i, i),), max_new_tokens=5) for i in range(3)]
    assert quick.answer_batch(requests) == predictor.answer_batch(requests)
    assert asked == [("default", True)]
    torch._dynamo.reset()


def test_a_cache_may_be_chosen_while_loading(model_folder, predictor):
    requests = [Request(text="Describe", images=(noise(40, 40 + 20 * i, i),)) for i in range(2)]
    fixed = load(model_folder, device="cpu", max_new_tokens=12, batch_size=4, cache=STATIC)
    assert fixed.cache == STATIC
    assert fixed.answer_batch(requests) == predictor.answer_batch(requests)


def test_settings_of_answering_are_checked_before_the_model_is_read(model_folder, monkeypatch):
    monkeypatch.setattr("openmolmo.inference.load.load_model", lambda *given, **named: pytest.fail("it was read"))
    monkeypatch.setattr("openmolmo.inference.cache.has_windows", lambda config: True)
    for options, words in (
        ({"batch_size": 0}, "batch_size=0 must be at least 1"),
        ({"max_new_tokens": -3}, "max_new_tokens=-3"),
        ({"max_tokens": 9}, "max_tokens=9 is no setting of answering"),
        ({"resize_mode": "slow"}, "resize_mode='slow' is not one of exact, fast"),
        ({"cache": STATIC}, "static cache cannot hold the sliding windows of a qwen2 model"),
    ):
        with pytest.raises(ConfigError, match=words):
            load(model_folder, device="cpu", **options)


def test_impossible_caches_are_refused():
    with pytest.raises(ConfigError, match="static"):
        CacheConfig(compile="default")
    with pytest.raises(ConfigError, match="kind='giant'"):
        CacheConfig(kind="giant")
