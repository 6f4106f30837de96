"""``openmolmo data pack-report`` tells what the loader will do."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import tiny
from click.testing import CliRunner

from openmolmo.core.errors import DataError
from openmolmo.data import Loader
from openmolmo.data.mixture import Mixture
from openmolmo.data.pack_report import Lengths, Packing, measure_lengths, pack
from openmolmo.records import write_dataset
from openmolmo.training.build import build_processor
from openmolmo.training.config import RunConfig
from openmolmo.training.pack_commands import pack_report


@pytest.fixture
def measured(config: RunConfig) -> Lengths:
    return measure_lengths(Mixture(config.mixture, config.seed), build_processor(config), 50, [110, 256])


@pytest.mark.parametrize("open_rows", [0, 2])
@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("row_length", [110, 256])
def test_the_report_is_what_the_loader_does(
    config: RunConfig, measured: Lengths, open_rows: int, split: bool, row_length: int
) -> None:
    told = pack(measured, Packing(row_length, open_rows, rows=4, split=split))
    settings = config.loader.replace(
        streams=1, row_length=row_length, packing=open_rows > 0, open_rows=open_rows or 8, split=split
    )
    batches = list(itertools.islice(Loader(config.mixture, build_processor(config), settings, seed=0), 40))
    tokens = sum(batch.tokens for batch in batches)
    padded = sum(batch.tensors["input_ids"].numel() for batch in batches)
    assert told.utilisation == pytest.approx(tokens / padded, abs=0.02)
    assert told.examples_per_row == pytest.approx(sum(batch.examples for batch in batches) / 160, rel=0.08)
    assert told.rows_per_1000 == pytest.approx(1000 / told.examples_per_row)


def test_what_is_too_long_is_counted(config: RunConfig, measured: Lengths) -> None:
    cut, split = (pack(measured, Packing(110, 2, 4, split=split)) for split in (False, True))
    assert cut.too_long == split.too_long == sum(length > 110 for length in measured.whole) > 5
    assert cut.unusable == 0 and cut.lost > 0.05
    assert split.lost < 0.5 * cut.lost
    assert pack(measured, Packing(256, 2, 4)).lost == 0
    short = measure_lengths(Mixture(config.mixture, 0), build_processor(config), 8, [5])
    with pytest.raises(DataError, match="no example fits a row of 5 tokens"):
        pack(short, Packing(5, 2, 4))


def test_a_recipe_and_a_data_set(tokenizer: Path, tmp_path: Path) -> None:
    source = tiny.squares(count=12)
    write_dataset(tmp_path / "squares", [source[i] for i in range(12)])
    recipe = f"{Path(tiny.__file__)}:tiny"
    command = [recipe, f"tokenizer={tokenizer}", "--count", "20", "--row-length", "110", "--open-rows", "3"]
    done = CliRunner().invoke(pack_report, [*command, "--json"], catch_exceptions=False)
    (report,) = json.loads(done.stdout)
    assert report["target"] == recipe and report["lengths"]["examples"] == 20
    assert [(row["row_length"], row["open_rows"], row["split"]) for row in report["rows"]] == [
        (110, 0, False),
        (110, 3, False),
        (110, 3, True),
    ]
    for row in report["rows"]:
        assert row["utilisation"] + row["padding"] == pytest.approx(1)
    done = CliRunner().invoke(pack_report, [str(tmp_path / "squares"), "--count", "5"], catch_exceptions=False)
    assert "5 examples" in done.stdout and "8192" in done.stdout and "32 open" in done.stdout
    assert CliRunner().invoke(pack_report, ["steps=3"]).exit_code == 2


@pytest.mark.parametrize(
    ("target", "near"),
    [("nano_sf", "did you mean nano_sft"), ("squars", "did you mean squares?"), ("q", "recipes: finetune_lora")],
)
def test_what_is_neither_recipe_nor_data_set(
    target: str, near: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "squares").mkdir()
    monkeypatch.chdir(tmp_path)
    error = CliRunner().invoke(pack_report, [target]).exception
    assert f"{target!r} is neither a recipe nor the path of a data set\n  -> {near}" in str(error)
