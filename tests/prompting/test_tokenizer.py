"""The tokenizer: recorded ids, special tokens, training one, files."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from prompting_toys import FIXTURES, recorded

import openmolmo
from openmolmo.core.errors import CheckpointError
from openmolmo.prompting import TextTokenizer
from openmolmo.prompting.tokenizer import SPECIAL_TOKENS, add_coordinate_tokens, add_special_tokens, train_bpe
from openmolmo.records.example import Point
from openmolmo.words.other_forms import COORDINATE_TOKENS
from openmolmo.words.points import write_points

BUNDLED = Path(openmolmo.__file__).parent / "bundled"

TEXTS = [f"A red cup, number {i}, stands by the blue jug. There are {i % 7} of them.\n" for i in range(300)]
SMALL = train_bpe(TEXTS, 400)


def test_recorded_ids(tokenizer: TextTokenizer) -> None:
    for case in recorded("tokenize.json"):
        assert tokenizer.encode_with_specials(case["text"]) == case["ids"]
        assert tokenizer.decode(case["ids"], keep_specials=True) == case["decoded"]
    ids = recorded("special_ids.json")
    special = tokenizer.special
    assert (special.bos, special.eos, len(tokenizer)) == (ids["bos"], ids["eos"], ids["n_tokens"])
    assert [special.im_start, special.im_end, special.im_patch, special.im_col, special.image] == [
        ids["special"][token] for token in SPECIAL_TOKENS
    ]


def test_special_tokens_are_added_behind_the_base_vocabulary(tokenizer: TextTokenizer) -> None:
    base = tokenizers.Tokenizer.from_file(str(FIXTURES / "tokenizer_base" / "tokenizer.json"))
    made = TextTokenizer(add_special_tokens(base, 1024))
    assert made.special == tokenizer.special
    for case in recorded("tokenize.json"):
        assert made.encode_with_specials(case["text"]) == case["ids"]
    assert TextTokenizer(add_special_tokens(base)).special.im_start == 1000
    with pytest.raises(CheckpointError, match="1000 tokens, more than the vocabulary of 900"):
        add_special_tokens(base, 900)
    with pytest.raises(CheckpointError, match="they belong at"):
        add_special_tokens(add_special_tokens(base), 1024)


def test_special_tokens_in_plain_text_are_plain_text(tokenizer: TextTokenizer) -> None:
    for text in ("<im_patch>", "look at <|image|> now", "x<|endoftext|>y", "<im_start><im_col><im_end>"):
        ids = tokenizer.encode(text)
        assert max(ids) < 999
        assert tokenizer.decode(ids) == text


def test_a_tokenizer_without_special_tokens_is_refused() -> None:
    with pytest.raises(CheckpointError) as caught:
        TextTokenizer.from_pretrained(FIXTURES / "tokenizer_base")
    for token in SPECIAL_TOKENS:
        assert token in str(caught.value)


def test_trained_tokenizer_has_the_size_asked_for() -> None:
    assert SMALL.special.eos == SMALL.special.bos == 399
    assert (SMALL.special.im_start, SMALL.special.image, len(SMALL)) == (400, 404, 405)
    little = train_bpe(["ab"], 300)
    assert (little.special.im_start, len(little)) == (300, 305)
    with pytest.raises(CheckpointError, match="vocab_size=100"):
        train_bpe(TEXTS, 100)


def test_training_is_repeatable() -> None:
    again = train_bpe(iter(TEXTS), 400)
    assert all(again.encode(text) == SMALL.encode(text) for text in TEXTS)


def test_digits_are_read_one_by_one() -> None:
    text = write_points([Point(12.3, 45.6), Point(77.7, 100)], "red cup")
    pieces = [SMALL.decode([i]) for i in SMALL.encode(text)]
    assert all(len(piece) == 1 for piece in pieces if any(c.isdigit() for c in piece))
    assert len(SMALL.encode(" red cup")) == 2


@given(st.text(max_size=80))
def test_every_text_survives(text: str) -> None:
    assert SMALL.decode(SMALL.encode(text)) == text


def test_ids_outside_the_vocabulary_are_left_out() -> None:
    assert SMALL.decode([-1, *SMALL.encode("cup"), 399, 402, 405, 10**6]) == "cup"
    assert SMALL.decode([399], keep_specials=True) == "<|endoftext|>"


def test_saved_folders_load_here_and_with_transformers(tmp_path: Path, tokenizer: TextTokenizer) -> None:
    from transformers import AutoTokenizer

    for name, made in (("given", tokenizer), ("trained", SMALL)):
        made.save_pretrained(tmp_path / name)
        here, there = TextTokenizer.from_pretrained(tmp_path / name), AutoTokenizer.from_pretrained(tmp_path / name)
        assert here.special == made.special and len(here) == len(made)
        assert there.eos_token_id == made.special.eos
        for case in recorded("tokenize.json"):
            ids = made.encode_with_specials(case["text"])
            assert here.encode_with_specials(case["text"]) == ids
            assert there(case["text"], add_special_tokens=False)["input_ids"] == ids


def test_a_tokenizer_crosses_process_boundaries(tokenizer: TextTokenizer) -> None:
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert copy.special == tokenizer.special
    assert copy.encode("a <im_patch>") == tokenizer.encode("a <im_patch>")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no tokenizer.json"),
        ({"tokenizer.json": "{"}, "cannot be read"),
        ({"tokenizer.json": "{}"}, "cannot be read"),
        ({"tokenizer.json": None, "tokenizer_config.json": "{"}, "tokenizer_config.json cannot be read"),
        ({"tokenizer.json": None, "tokenizer_config.json": "[]"}, "must hold an object"),
        ({"tokenizer.json": None, "tokenizer_config.json": '{"eos_token": "<end>"}'}, "lacks the special token <end>"),
    ],
)
def test_damaged_folders(tmp_path: Path, files: dict[str, str | None], message: str) -> None:
    for name, content in files.items():
        whole = (FIXTURES / "tokenizer" / "tokenizer.json").read_text()
        (tmp_path / name).write_text(whole if content is None else content)
    with pytest.raises(CheckpointError, match=message):
        TextTokenizer.from_pretrained(tmp_path)


def test_a_tokenizer_with_its_own_bos_uses_it(tmp_path: Path) -> None:
    SMALL.save_pretrained(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "bos_token": {"content": "<im_col>"}}))
    loaded = TextTokenizer.from_pretrained(tmp_path)
    assert (loaded.special.bos, loaded.special.eos) == (SMALL.special.im_col, SMALL.special.eos)


def test_coordinates_can_be_a_token_each() -> None:
    made = add_coordinate_tokens(SMALL)
    text = write_points([Point(61.5, 40.4)], "red cup", form="tokens")
    ids = made.encode(f" {text}")
    assert made.decode(ids) == f" {text}"
    assert {made.encode("<|62|>")[0], made.encode("<|40|>")[0]} <= set(ids)
    assert all(len(made.encode(token)) == 1 for token in COORDINATE_TOKENS)
    assert made.special.im_start == SMALL.special.im_start + len(COORDINATE_TOKENS)  # they have rows of the head
    assert made.encode("A red cup") == SMALL.encode("A red cup") and made.special.eos == SMALL.special.eos
    micro = BUNDLED / "tokenizer-micro"
    again = add_coordinate_tokens(TextTokenizer.from_pretrained(micro))
    assert again.to_json() == TextTokenizer.from_pretrained(f"{micro}-coordinates").to_json()
