"""Branches and examples packed in a row give the numbers which each gives alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_molmo import ARCHITECTURES, PATCHES, VOCAB, batch, logits, model, sample

from openmolmo.core.errors import ConfigError
from openmolmo.model.mask import block_mask, dense_mask, mask_rule

TOLERANCE = 1e-5  # measured worst case 2e-6, for logits of about 5


def _compare_with_separate_runs(kind: str, attention: str) -> None:
    net = model(kind)
    net.set_attn_implementation(attention)
    rows = [[sample(1), sample(2, (3,), crops=1, tokens=2)], [sample(3, (9, 2, 5), crops=3, tokens=5)]]
    packed = batch(rows, length=48)
    together = logits(net, packed)
    for number, row in enumerate(rows):
        for index, one in enumerate(row):
            for branch in range(len(one.branches)):
                alone = logits(net, batch([[one.alone(branch)]]))[0]
                here = packed["example_ids"][number] == index
                prefix = together[number, here & (packed["branch_ids"][number] == 0)]
                reply = together[number, here & (packed["branch_ids"][number] == branch + 1)]
                assert (torch.cat((prefix, reply)) - alone).abs().max() < TOLERANCE


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_packed_branches_equal_separate_runs(kind: str, attention: str) -> None:
    _compare_with_separate_runs(kind, attention)


@pytest.mark.parametrize("kind", ["qwen2", "olmoe"])
def test_changing_a_branch_or_example_changes_no_other(kind: str) -> None:
    net = model(kind)
    rows = [[sample(1), sample(2)]]
    inputs = batch(rows, length=40)
    before = logits(net, inputs)
    example, branch = inputs["example_ids"], inputs["branch_ids"]

    changed = {k: v.clone() for k, v in inputs.items()}
    target = (example == 0) & (branch == 1)
    changed["input_ids"][target] = (changed["input_ids"][target] + 7) % VOCAB
    after = logits(net, changed)
    assert (after - before)[target].abs().max() > 0.01
    assert (after - before)[~target & (example >= 0)].abs().max() < 1e-6

    changed = {k: v.clone() for k, v in inputs.items()}
    changed["crops"][:2] += 1.0  # the first example's picture
    changed["patch_mask"][:2] = 1.0
    after = logits(net, changed)
    assert (after - before)[example == 0].abs().max() > 0.01
    assert (after - before)[example == 1].abs().max() < 1e-6


def test_padding_changes_nothing_and_stays_a_number() -> None:
    net = model()
    inputs = batch([[sample(1)]], length=30)
    before = logits(net, inputs)
    padding = inputs["example_ids"] < 0
    inputs["input_ids"][padding] = 5
    after = logits(net, inputs)
    assert torch.isfinite(after).all()
    assert torch.equal(before[~padding], after[~padding])
    assert logits(net, batch([[sample(1)]])).allclose(before[:, : (~padding).sum()], atol=1e-6)


def test_without_ids_a_row_is_one_causal_example() -> None:
    """Position ids that start again must not be taken for packing, nor the row be cut off its picture."""
    net = model()
    inputs = batch([[sample(1, (4,))]])
    expected = logits(net, inputs)
    plain = {k: v for k, v in inputs.items() if k not in ("example_ids", "branch_ids")}
    assert logits(net, plain).allclose(expected, atol=1e-6)
    restarting = plain | {"position_ids": plain["position_ids"] % 3}
    whole = plain | {"position_ids": plain["position_ids"] % 3, "example_ids": inputs["example_ids"]}
    assert logits(net, restarting).allclose(logits(net, whole), atol=1e-6)


def test_flex_block_mask_is_the_same_rule() -> None:
    inputs = batch([[sample(1), sample(2)], [sample(3)]], length=40)
    ids = (inputs["example_ids"], inputs["branch_ids"], inputs["position_ids"])
    rule = mask_rule(*ids)
    block = block_mask(rule, 2, 40, torch.device("cpu"))
    dense = dense_mask(rule, 2, 40, torch.device("cpu"))[:, 0]
    index = torch.arange(40)
    row = torch.arange(2)[:, None, None]
    assert torch.equal(block.mask_mod(row, torch.tensor(0), index[None, :, None], index[None, None, :]), dense)
    assert block.shape == (2, 1, 40, 40)


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_mask_follows_the_rule_token_by_token(data: st.DataObject) -> None:
    tokens = data.draw(st.integers(1, 9))
    example = data.draw(st.lists(st.integers(-1, 2), min_size=tokens, max_size=tokens))
    branch = data.draw(st.lists(st.integers(0, 2), min_size=tokens, max_size=tokens))
    ids = [torch.tensor([values]) for values in (example, branch, list(range(tokens)))]
    mask = dense_mask(mask_rule(*ids), 1, tokens, torch.device("cpu"))[0, 0]
    for q in range(tokens):
        for k in range(tokens):
            seen = k <= q and example[k] == example[q] and branch[k] in (0, branch[q])
            assert bool(mask[q, k]) == seen


def test_attention_that_cannot_hold_branches_is_refused() -> None:
    net = model()
    net.decoder.config._attn_implementation = "flash_attention_2"
    with pytest.raises(ConfigError, match="flash_attention_2"):
        logits(net, batch([[sample(1)]]))


def test_several_pictures_in_one_example() -> None:
    net = model()
    one, two = sample(1, (4,)), sample(2, (4,))
    one.prefix = one.prefix + two.prefix
    one.windows = torch.cat((one.windows, torch.where(two.windows < 0, -1, two.windows + one.mask.numel())))
    one.crops, one.mask = torch.cat((one.crops, two.crops)), torch.cat((one.mask, two.mask))
    assert one.mask.shape == (4, PATCHES)
    before = logits(net, batch([[one]]))
    one.crops[2:] += 1.0
    changed = (logits(net, batch([[one]])) - before).abs().amax(-1)[0]
    assert (changed[: len(one.prefix) // 2] == 0).all()
    assert changed[len(one.prefix) // 2 + 2 :].min() > 0


def test_flex_attention_is_refused_where_its_kernels_are_wrong() -> None:
    """Compiled for a processor it gave rows of 8 or 24 tokens whatever was in memory, now and then NaN."""
    net = model()
    net.set_attn_implementation("flex_attention")
    with pytest.raises(ConfigError, match="wrong numbers for some lengths") as caught:
        logits(net, batch([[sample(1)]]))
    assert "sdpa or eager" in str(caught.value)
