"""How the tokens of rows that share a batch are chosen: each row by its own rules."""

from __future__ import annotations

import math
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from openmolmo.core.errors import ConfigError
from openmolmo.core.rng import derive
from openmolmo.inference.continuous.choosing import choose
from openmolmo.inference.sampling import Sampling, next_tokens
from openmolmo.words.choosing import Choosing

LOGITS = torch.tensor([2.0, 1.0, 0.5, -1.0, -3.0])


def row(prompt=(), seed=0, **choosing):
    """What a row is to the choice."""
    chosen = Choosing(**choosing)
    prompt = SimpleNamespace(input_ids=np.array(prompt, np.int64))
    rng = derive(chosen.seed, "sample", seed)
    return SimpleNamespace(choosing=chosen, prompt=prompt, rng=rng, counts=None, prompted=None)


def draws(count, **settings):
    """How often each token is drawn."""
    one = row(**settings)
    return Counter(choose(LOGITS[None], [one])[0].token for _ in range(count))


def test_rows_of_a_batch_have_rules_of_their_own():
    rows = [
        row(),
        row(prompt=[0, 99], repetition_penalty=3.0),
        row(temperature=1.0, seed=5),
        row(top_k=1, temperature=9),
    ]
    chosen = choose(LOGITS.expand(4, 5), rows)
    assert [chosen[i].token for i in (0, 1, 3)] == [0, 1, 0]
    alone = next_tokens(LOGITS[None], Sampling(temperature=1.0), [derive(0, "sample", 5)])
    assert chosen[2].token == int(alone[0])
    logprobs = LOGITS.log_softmax(-1)
    for one in chosen:  # as the model held them, whatever was done to them afterwards
        assert one.logprob == pytest.approx(float(logprobs[one.token]), abs=1e-6)


def test_only_likely_tokens_are_drawn():
    assert set(draws(200, temperature=1.0)) == {0, 1, 2, 3} | set(draws(200, temperature=1.0))
    assert set(draws(100, temperature=1.0, top_k=2)) == {0, 1}
    assert set(draws(100, temperature=1.0, min_p=math.exp(-1.6))) == {0, 1, 2}
    assert set(draws(100, temperature=2.0, min_p=math.exp(-0.6))) == {0, 1}
    assert set(draws(50, temperature=1.0, top_p=0.5)) == {0}
    assert draws(50, temperature=1.0, seed=3) == draws(50, temperature=1.0, seed=3)
    assert draws(50, temperature=1.0, seed=3) != draws(50, temperature=1.0, seed=4)


def test_penalties_count_what_was_said():
    once = row(presence_penalty=1.2)
    assert [choose(LOGITS[None], [once])[0].token for _ in range(3)] == [0, 1, 0]
    often = row(frequency_penalty=0.6)
    assert [choose(LOGITS[None], [often])[0].token for _ in range(4)] == [0, 0, 1, 0]
    repeated = row(prompt=[0], repetition_penalty=2.5)  # 2.0 becomes 0.8, and 1.0 becomes 0.4 once it was said
    assert [choose(LOGITS[None], [repeated])[0].token for _ in range(2)] == [1, 0]
    below = row(prompt=[1], repetition_penalty=2.0)
    assert choose(torch.tensor([[-1.0, -0.9, -5.0]]), [below])[0].token == 0  # penalties make what is below 0 less, too


def test_the_likeliest_are_told_of():
    one, two = row(logprobs=2), row(logprobs=99)
    chosen = choose(LOGITS.expand(2, 5), [one, two])
    assert [token for token, _ in chosen[0].top] == [0, 1]
    assert [token for token, _ in chosen[1].top] == [0, 1, 2, 3, 4]
    assert sum(math.exp(value) for _, value in chosen[1].top) == pytest.approx(1.0, abs=1e-5)
    assert choose(LOGITS[None], [row(logprobs=0)])[0].top == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -1},
        {"temperature": math.nan},
        {"top_p": 0},
        {"top_k": -1},
        {"min_p": 2},
        {"repetition_penalty": 0},
        {"presence_penalty": math.inf},
        {"logprobs": -1},
    ],
)
def test_settings_that_mean_nothing(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Choosing(**wrong)
