"""Branches -> ids, positions, branch ids, labels, weights."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prompting_toys import FIXTURES, recorded

from openmolmo.core.errors import PromptError
from openmolmo.imaging import CropConfig, Crops, make_plan
from openmolmo.prompting import TextTokenizer, Tokens, Turn
from openmolmo.prompting.sequence import (
    Grids,
    image_token_ids,
    prompt_sequence,
    training_parts,
    training_sequence,
)

CROP = CropConfig(crop_size=112, margins=(2, 2), max_crops=6)
NUMBERS = np.load(FIXTURES / "merge_cases.npz")
GRIDS: Grids = ((2, 2), (1, 3))


def branch(*texts: str) -> list[Turn]:
    return [Turn("assistant" if place % 2 else "user", text) for place, text in enumerate(texts)]


def crops(n_tokens: int) -> Crops:
    empty = np.zeros((1, 3, 1, 1), dtype=np.float32)
    return Crops(empty, empty[0, 0], np.zeros((n_tokens, 4), dtype=np.int64))


IMAGE = crops(7)


@pytest.mark.parametrize("case", recorded("merge_cases.json"), ids=lambda case: case["name"])
def test_recorded_sequences(case: dict[str, Any], tokenizer: TextTokenizer) -> None:
    plan = make_plan(*case["size"], CROP)
    image = Crops(IMAGE.pixels, IMAGE.patch_mask, plan.pooled_patches)
    expected = {key: NUMBERS[f"{case['name']}.{key}"] for key in ("input_tokens", "position_ids", "image_input_idx")}
    messages = case["messages"] if isinstance(case["messages"][0], list) else [case["messages"]]
    branches = [branch(*texts) for texts in messages]
    if len(messages[0]) % 2:
        tokens = prompt_sequence(branches[0], [plan.token_grids], [image], tokenizer)
        assert not tokens.labels.any() and not tokens.loss_weights.any()
    else:
        grids = [plan.token_grids]
        tokens = training_sequence(branches, grids, [image], tokenizer, weighting=case["weighting"])
        np.testing.assert_array_equal(tokens.labels, NUMBERS[f"{case['name']}.target_tokens"])
        np.testing.assert_array_equal(tokens.loss_weights, NUMBERS[f"{case['name']}.loss_masks"])
    np.testing.assert_array_equal(tokens.input_ids, expected["input_tokens"])
    np.testing.assert_array_equal(tokens.position_ids, expected["position_ids"])
    if f"{case['name']}.subsegment_ids" in NUMBERS:
        segments = NUMBERS[f"{case['name']}.subsegment_ids"]  # 10000 is what all branches see
        np.testing.assert_array_equal(np.where(tokens.branch_ids == 0, 10000, tokens.branch_ids), segments)
    # Each pooled patch stands at the position recorded for it.
    places = np.flatnonzero(tokens.input_ids == tokenizer.special.im_patch)
    first = image.pooled_patches[:, 0]
    crop, patch = first // 64, first % 64
    slot = patch // 8 // 2 * 4 + patch % 8 // 2
    np.testing.assert_array_equal(expected["image_input_idx"][crop, slot], places)
    assert np.count_nonzero(expected["image_input_idx"] >= 0) == len(places)
    assert tokens.input_ids.dtype == tokens.labels.dtype == np.int64 and tokens.loss_weights.dtype == np.float32


def test_image_tokens(tokenizer: TextTokenizer) -> None:
    s = tokenizer.special
    row = [s.im_patch, s.im_patch, s.im_col]
    wide = [s.im_patch, s.im_patch, s.im_patch, s.im_col]
    assert list(image_token_ids(GRIDS, s)) == [s.im_start, *row, *row, s.im_end, s.im_start, *wide, s.im_end]


def test_text_alone_is_laid_out_like_text_with_an_image(tokenizer: TextTokenizer) -> None:
    branches = [
        branch(" User: Q? Assistant:", " yes", " User: And? Assistant:", " no"),
        branch(" User: P Assistant:", " a"),
    ]
    with_image = training_sequence(branches, [GRIDS], [IMAGE], tokenizer)
    alone = training_sequence(branches, [], [], tokenizer)
    prefix = len(image_token_ids(GRIDS, tokenizer.special))
    assert alone.input_ids[0] == tokenizer.special.bos and not alone.images
    for name in ("input_ids", "labels", "loss_weights", "branch_ids"):
        np.testing.assert_array_equal(getattr(alone, name)[1:], getattr(with_image, name)[1 + prefix :])
    np.testing.assert_array_equal(alone.position_ids[1:] + prefix, with_image.position_ids[1 + prefix :])
    np.testing.assert_array_equal(alone.labels[:-1], alone.input_ids[1:])


def test_several_images_stand_at_the_start_or_at_their_placeholders(tokenizer: TextTokenizer) -> None:
    one, two = crops(7), crops(2)
    grids: list[Grids] = [GRIDS, ((1, 2),)]
    first, second = (list(image_token_ids(g, tokenizer.special)) for g in grids)
    encode, bos = tokenizer.encode, tokenizer.special.bos
    start = prompt_sequence(branch(" User: Same? Assistant:"), grids, [one, two], tokenizer)
    assert start.input_ids.tolist() == [bos, *first, *second, *encode(" User: Same? Assistant:")]
    assert start.branch_ids.tolist() == [0] * (1 + len(first) + len(second)) + [1] * len(
        encode(" User: Same? Assistant:")
    )
    inside = prompt_sequence(branch(" User: Is <|image|> like <|image|>? Assistant:"), grids, [one, two], tokenizer)
    assert inside.input_ids.tolist() == [
        *(bos, *encode(" User: Is "), *first, *encode(" like "), *second, *encode("? Assistant:"))
    ]
    assert inside.branch_ids.tolist() == [0] + [1] * (len(inside) - 1)
    for tokens in (start, inside):
        assert tokens.images == [one, two]
        assert tokens.position_ids.tolist() == list(range(len(tokens)))


def test_placeholders_and_images_must_agree(tokenizer: TextTokenizer) -> None:
    with pytest.raises(PromptError, match=r"1 <\|image\|> placeholder, 2 images were given"):
        prompt_sequence(branch("<|image|>"), [GRIDS, GRIDS], [IMAGE, IMAGE], tokenizer)
    with pytest.raises(PromptError, match=r"2 <\|image\|> placeholders, 0 images were given"):
        prompt_sequence(branch("<|image|> <|image|>"), [], [], tokenizer)


def test_images_stand_where_a_training_text_names_them(tokenizer: TextTokenizer) -> None:
    placed = training_sequence([branch(" what is <|image|>?", " a token")], [GRIDS], [IMAGE], tokenizer)
    assert np.count_nonzero(placed.input_ids == tokenizer.special.im_patch) == 7
    assert np.count_nonzero(placed.branch_ids == 0) == 1  # BOS alone
    with pytest.raises(PromptError, match=r"0 <\|image\|> placeholders, 1 image was given"):
        training_sequence([branch(" <|image|>", " a"), branch(" why?", " b")], [GRIDS], [IMAGE], tokenizer)


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        ([], "begin with a user"),
        ([Turn("assistant", " hi")], "begin with a user"),
        ([Turn("user", ""), Turn("assistant", " a")], "first user message is empty"),
    ],
)
def test_conversations_that_cannot_be_trained(turns: list[Turn], message: str, tokenizer: TextTokenizer) -> None:
    with pytest.raises(PromptError, match=message):
        training_sequence([turns], [], [], tokenizer)


def test_a_prompt_ends_with_the_user(tokenizer: TextTokenizer) -> None:
    with pytest.raises(PromptError, match="must end with the user's"):
        prompt_sequence(branch(" Q", " A"), [], [], tokenizer)


# ------------------------------------------------------------------------------- cutting


def test_an_image_that_does_not_fit_is_an_error_with_both_numbers(tokenizer: TextTokenizer) -> None:
    with pytest.raises(PromptError, match="image 1 ends at token 15, the sequence may have 14"):
        training_sequence([branch(" Q", " A")], [GRIDS], [IMAGE], tokenizer, max_length=14)
    with pytest.raises(PromptError, match="image 2 ends at token 29, the sequence may have 20"):
        training_sequence([branch(" Q", " A")], [GRIDS, GRIDS], [IMAGE, IMAGE], tokenizer, max_length=20)


def test_a_reply_that_does_not_fit_is_an_error(tokenizer: TextTokenizer) -> None:
    before = 15 + len(tokenizer.encode("a long question"))
    turns = branch("a long question", " A b c d e")
    with pytest.raises(PromptError, match=rf"first reply begins after {before} tokens .* at most {before - 1}"):
        training_sequence([turns], [GRIDS], [IMAGE], tokenizer, max_length=before - 1)
    assert len(training_sequence([turns], [GRIDS], [IMAGE], tokenizer, max_length=before)) == before


def test_images_inside_a_branch_are_dropped_whole(tokenizer: TextTokenizer) -> None:
    turns = branch("a<|image|>", " one two three", " b<|image|>", " four")
    both: tuple[list[Grids], list[Crops]] = ([GRIDS, GRIDS], [IMAGE, IMAGE])
    whole = training_sequence([turns], *both, tokenizer)
    for limit in range(len(whole), 0, -1):
        try:
            cut = training_sequence([turns], *both, tokenizer, max_length=limit)
        except PromptError:
            assert limit < 20
            continue
        patches = np.count_nonzero(cut.input_ids == tokenizer.special.im_patch)
        assert patches == sum(len(image.pooled_patches) for image in cut.images)
        assert len(cut) <= limit


TEXT = st.text(alphabet="ab ?.x", min_size=1, max_size=12)
BRANCHES = st.lists(
    st.lists(TEXT, min_size=2, max_size=4).map(lambda t: branch(*t[: len(t) // 2 * 2])), min_size=1, max_size=4
)


def check(tokens: Tokens, branches: list[list[Turn]], tokenizer: TextTokenizer, weight: float) -> None:
    prefix = int(np.count_nonzero(tokens.branch_ids == 0))
    assert (np.diff(tokens.branch_ids) >= 0).all()
    assert (tokens.position_ids[:prefix] == np.arange(prefix)).all()
    assert (
        len(
            {
                len(getattr(tokens, name))
                for name in ("input_ids", "position_ids", "branch_ids", "labels", "loss_weights")
            }
        )
        == 1
    )
    for number, turns in enumerate(branches, start=1):
        here = np.flatnonzero(tokens.branch_ids == number)
        assert (tokens.position_ids[here] == prefix + np.arange(len(here))).all()
        ids, learned = [], []
        for turn in turns:
            text = tokenizer.encode(turn.text)
            text += [tokenizer.special.eos] if turn.role == "assistant" else []
            ids += text
            learned += [turn.role == "assistant"] * len(text)
        assert tokens.input_ids[here].tolist() == ids[: len(here)]
        targets = here[:-1] if len(here) == len(ids) else here  # a whole branch's last token predicts nothing
        assert tokens.labels[targets].tolist() == ids[1 : len(targets) + 1]
        expected = np.float32(weight) * np.array(learned[1 : len(targets) + 1], dtype=np.float32)
        np.testing.assert_allclose(tokens.loss_weights[targets], expected)
        assert (tokens.loss_weights[here[len(targets) :]] == 0).all()
    assert not tokens.loss_weights[:prefix].any()


@given(BRANCHES, st.booleans(), st.sampled_from(["none", "root_branches"]), st.integers(1, 120))
@settings(max_examples=150, deadline=None)
def test_every_sequence_is_consistent(branches: list[list[Turn]], with_image: bool, weighting: Any, limit: int) -> None:
    tokenizer = TOKENIZER
    images: tuple[list[Grids], list[Crops]] = ([GRIDS], [IMAGE]) if with_image else ([], [])
    weight = len(branches) ** -0.5 if weighting == "root_branches" else 1.0
    whole = training_sequence(branches, *images, tokenizer, weighting=weighting)
    check(whole, branches, tokenizer, weight)
    assert whole.input_ids[0] == tokenizer.special.bos
    assert whole.labels[-1] == tokenizer.special.eos and whole.loss_weights[-1] > 0
    try:
        cut = training_sequence(branches, *images, tokenizer, weighting=weighting, max_length=limit)
    except PromptError:
        assert not whole.loss_weights[:limit].any()
        return
    assert len(cut) <= limit and cut.loss_weights[-1] > 0
    for name in ("input_ids", "position_ids", "branch_ids", "labels", "loss_weights"):
        np.testing.assert_array_equal(getattr(cut, name), getattr(whole, name)[: len(cut)])
    # Nothing that could have been learned within the limit was given up.
    assert not whole.loss_weights[len(cut) : limit].any()
    assert len(cut.images) == len(images[0])


TOKENIZER = TextTokenizer.from_pretrained(FIXTURES / "tokenizer")


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_parts_hold_every_branch_once_with_its_weight(data: st.DataObject, tokenizer: TextTokenizer) -> None:
    words = data.draw(st.lists(st.integers(1, 20), min_size=1, max_size=12))
    branches = [branch(f" User: {'a ' * n}? Assistant:", " yes" * n) for n in words]
    whole = training_sequence(branches, [GRIDS], [IMAGE], tokenizer)
    alone = [training_sequence([one], [GRIDS], [IMAGE], tokenizer) for one in branches]
    limit = data.draw(st.integers(max(map(len, alone)), max(map(len, alone)) + 60))
    parts = training_parts(branches, [GRIDS], [IMAGE], tokenizer, max_length=limit)
    assert all(len(part) <= limit and len(part.images) == 1 for part in parts)
    assert len(parts) == 1 or all(len(a) + len(b) > limit for a, b in pairwise(parts))

    def branches_of(tokens: Tokens) -> list[tuple[object, ...]]:
        found = []
        for number in range(1, int(tokens.branch_ids.max()) + 1):
            learnt = np.flatnonzero((tokens.branch_ids == number) & (tokens.loss_weights > 0))
            here = slice(int(np.flatnonzero(tokens.branch_ids == number)[0]), int(learnt[-1]) + 1)
            columns = (tokens.input_ids, tokens.position_ids, tokens.labels, tokens.loss_weights)
            found.append(tuple(tuple(column[here].tolist()) for column in columns))
        return found

    assert [one for part in parts for one in branches_of(part)] == branches_of(whole)


def test_what_cannot_be_split(tokenizer: TextTokenizer) -> None:
    long = [branch(" User: " + "long " * 50 + "? Assistant:", " no"), branch(" User: Q? Assistant:", " yes" * 40)]
    short = branch(" User: Q? Assistant:", " yes")
    limit = len(training_sequence([short], [GRIDS], [IMAGE], tokenizer)) + 3
    only, cut = training_parts([long[0], short, long[1]], [GRIDS], [IMAGE], tokenizer, max_length=limit)
    assert tokenizer.decode(only.labels[only.loss_weights > 0]) == " yes"  # the first has no room for its reply
    assert len(cut) == limit and cut.loss_weights[-1] == np.float32(3**-0.5)
    with pytest.raises(PromptError, match="first reply begins after"):
        training_parts(long[:1], [GRIDS], [IMAGE], tokenizer, max_length=limit)
    with pytest.raises(PromptError, match="image 1 ends at token"):
        training_parts([short] * 3, [GRIDS], [IMAGE], tokenizer, max_length=9)
    with_text = training_parts([short] * 3, [GRIDS], None, tokenizer, max_length=limit)
    assert len(with_text) == 3 and not with_text[0].images
