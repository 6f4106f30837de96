"""The micro recipes: small enough for any computer, and they agree with each other and with their tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from openmolmo.core.errors import ConfigError
from openmolmo.core.runlog import read_jsonl
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.inference.load import load
from openmolmo.model.molmo import Molmo
from openmolmo.model.presets import PRESETS
from openmolmo.prompting.tokenizer import TextTokenizer
from openmolmo.recipes.tokenizer import generated_texts
from openmolmo.training.build import BUNDLED_TOKENIZER, build_processor
from openmolmo.training.commands import train
from openmolmo.training.recipe import load_recipe
from openmolmo.words.requests import caption_request


def test_the_preset_is_small() -> None:
    model = Molmo(PRESETS.get("micro")())
    sizes = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    assert 0.8e6 < sizes["encoder"] < 1.3e6
    assert 1.5e6 < sizes["decoder"] + sizes["embedding"] + sizes["lm_head"] < 3e6


def test_both_stages_use_the_small_tokenizer_and_one_crop() -> None:
    see, sft = load_recipe("micro_see"), load_recipe("micro_sft")
    assert sft.init_from == "runs/micro_see/final" and see.crop == sft.crop
    processor = build_processor(see)
    committed = TextTokenizer.from_pretrained(BUNDLED_TOKENIZER.parent / "tokenizer-micro")
    assert processor.tokenizer.special == committed.special
    assert committed.special.im_start == 1024
    texts = list(generated_texts(micro_scenes=4, seed=5))
    for text in texts:
        assert committed.decode(committed.encode(text)) == text
    assert sum(len(committed.encode(text)) for text in texts) < sum(map(len, texts)) / 2.5


def test_both_stages_run_one_after_the_other_and_answer(tmp_path: Path) -> None:
    see, sft = tmp_path / "see", tmp_path / "sft"
    quick = ["steps=2", "threads=1"]
    first = CliRunner().invoke(train, ["micro_see", *quick, "batch=4", "workers=0", "--out", str(see)])
    assert first.exit_code == 0, first.exception
    rows = ["loader.rows=2", "loader.workers=0", f"init_from={see}/final", "--out", str(sft)]
    second = CliRunner().invoke(train, ["micro_sft", *quick, *rows])
    assert second.exit_code == 0, second.exception
    picture = tmp_path / "micro.jpg"
    image = make_example(GENERATORS.get("micro_scenes"), 0, 0, size=96).image
    assert image is not None and image.data is not None
    picture.write_bytes(image.data)
    (answer,) = load(str(sft / "final"), max_new_tokens=8).answer_batch([caption_request(str(picture))])
    assert answer.text


def test_a_run_with_a_time_ends_in_it(tmp_path: Path) -> None:
    settings = ["steps=100000", "seconds=2", "threads=1", "batch=4", "workers=0", "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(train, ["micro_see", *settings])
    assert result.exit_code == 0, result.exception
    rows = read_jsonl(tmp_path / "run" / "metrics.jsonl")
    assert 1 <= len(rows) < 100000 and sum(row["seconds"] for row in rows) < 30
    assert (tmp_path / "run" / "final" / "model.safetensors").exists()
    with pytest.raises(ConfigError, match="seconds=0"):
        load_recipe("micro_see").replace(seconds=0)
