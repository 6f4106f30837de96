"""A model that goes on with another tokenizer keeps what it knew of each token."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from openmolmo.core.errors import ConfigError
from openmolmo.model.checkpoint import save_model
from openmolmo.prompting.tokenizer import TextTokenizer, train_bpe
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.config import RunConfig
from openmolmo.training.vocabulary import move_vocabulary, same_vocabulary

WORDS = ["a red square on black", "the elephant walks", "an elephant and a giraffe", "point to the square"]


@pytest.fixture
def before(config: RunConfig) -> TextTokenizer:
    return build_processor(config).tokenizer


@pytest.fixture
def after(before: TextTokenizer) -> TextTokenizer:
    return train_bpe([*WORDS * 50, "".join(map(chr, range(32, 127)))], before.special.im_start)


def test_rows_follow_their_tokens(config: RunConfig, before: TextTokenizer, after: TextTokenizer) -> None:
    model = build_model(config, build_processor(config))
    read, said = model.embedding.base.weight.detach().clone(), model.get_output_embeddings().weight.detach().clone()
    extra = model.embedding.extra.detach().clone()
    new = move_vocabulary(model, before, after, seed=0)
    kept = [(old, after.vocabulary[token]) for token, old in before.vocabulary.items() if token in after.vocabulary]
    assert new == len(after.vocabulary) - len(kept) > 0
    rows = [(old, place) for old, place in kept if old < len(read)]
    assert any(old != place for old, place in rows)
    for table, moved in ((read, model.embedding.base.weight), (said, model.get_output_embeddings().weight)):
        for old, place in rows:
            assert torch.equal(moved[place], table[old])
    assert torch.equal(model.embedding.extra, extra)  # special tokens have the same ids


def test_a_new_word_starts_from_its_pieces(config: RunConfig, before: TextTokenizer, after: TextTokenizer) -> None:
    model = build_model(config, build_processor(config))
    read = model.embedding.base.weight.detach().clone()
    move_vocabulary(model, before, after, seed=0)
    (place,), pieces = after.encode(" elephant"), before.encode(" elephant")
    assert len(pieces) > 1
    away = model.embedding.base.weight[place] - read[pieces].mean(dim=0)
    size = read.pow(2).mean().sqrt()
    assert 0.3 * size < away.pow(2).mean().sqrt() < 3 * size  # noise, as large as a row
    again = build_model(config, build_processor(config))
    move_vocabulary(again, before, after, seed=0)
    assert torch.equal(model.embedding.base.weight, again.embedding.base.weight)


def test_a_run_that_names_another_tokenizer_moves_them(
    config: RunConfig, before: TextTokenizer, after: TextTokenizer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    processor = build_processor(config)
    model = build_model(config, processor)
    save_model(model, tmp_path / "run/final")
    processor.save_pretrained(tmp_path / "run/final")
    after.save_pretrained(tmp_path / "words")
    assert same_vocabulary(before, before) and not same_vocabulary(before, after)
    same = config.replace(init_from=str(tmp_path / "run"))
    assert torch.equal(build_model(same, build_processor(same)).embedding.weight, model.embedding.weight)
    assert "rows moved" not in capsys.readouterr().err
    other = same.replace(tokenizer=str(tmp_path / "words"))
    moved = build_model(other, build_processor(other))
    assert not torch.equal(moved.embedding.weight, model.embedding.weight)
    token = next(t for t, old in before.vocabulary.items() if t in after.vocabulary and after.vocabulary[t] != old)
    assert torch.equal(
        moved.embedding.weight[after.vocabulary[token]], model.embedding.weight[before.vocabulary[token]]
    )
    assert "tokens are new" in capsys.readouterr().err
    resumed = build_model(other, build_processor(other), tmp_path / "run/final")  # weights of the run itself
    assert torch.equal(resumed.embedding.weight, model.embedding.weight)
    with pytest.raises(ConfigError, match="one process holds the whole model"):
        build_model(other, build_processor(other), empty=True)
