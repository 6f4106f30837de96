"""What a run starts from: weights, tokenizer, crops and format, of a recipe's own or of a model folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
import torch

from openmolmo.core.errors import CheckpointError
from openmolmo.imaging import CropConfig
from openmolmo.model.checkpoint import load_model, save_model
from openmolmo.prompting.format_config import FormatConfig
from openmolmo.prompting.released import load_processor
from openmolmo.training.build import build_model, build_processor, find_source, pick_precision
from openmolmo.training.config import RunConfig
from released_toys import published_folder


@pytest.fixture
def saved(config: RunConfig, tmp_path: Path) -> Path:
    own = config.replace(format=FormatConfig(system_prompt="style"))
    processor = build_processor(own)
    save_model(build_model(own, processor), tmp_path / "run/final")
    processor.save_pretrained(tmp_path / "run/final")
    return tmp_path / "run"


def test_crops_and_format_come_from_the_model_unless_the_recipe_sets_them(config: RunConfig, saved: Path) -> None:
    from_model = config.replace(init_from=str(saved), crop=None, format=None, tokenizer=None)
    made = build_processor(from_model)
    assert made.crop == config.crop and made.format.system_prompt == "style"
    crops = tiny.tiny().crop.replace(max_crops=1)
    mixed = build_processor(from_model.replace(crop=crops))
    assert mixed.crop == crops and mixed.format == made.format
    assert mixed.tokenizer.special == build_processor(config).tokenizer.special
    fresh = build_processor(config.replace(crop=None, format=None))
    assert fresh.crop == CropConfig() and fresh.format == FormatConfig()


def test_a_run_is_a_place_to_start_from(config: RunConfig, saved: Path) -> None:
    started = config.replace(init_from=str(saved), tokenizer=None)
    assert find_source(started) == saved / "final"
    model = build_model(started, build_processor(started))
    expected = load_model(saved / "final").state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in model.state_dict().items())


def test_a_bundled_model_is_found_by_its_name(config: RunConfig) -> None:
    assert (find_source(config.replace(init_from="nano")) or Path()).name == "nano"


def test_a_missing_stage_is_named(config: RunConfig) -> None:
    with pytest.raises(CheckpointError, match="runs/before/final"):
        build_processor(config.replace(init_from="runs/before/final"))


def test_a_released_folder_brings_its_own_crops_format_and_ids(config: RunConfig, tmp_path: Path) -> None:
    folder = published_folder(tmp_path / "released")
    started = config.replace(init_from=str(folder), crop=None, format=None, tokenizer=None)
    processor, theirs = build_processor(started), load_processor(folder)
    assert (processor.crop, processor.format) == (theirs.crop, theirs.format)
    assert processor.crop.shift_patch_mask and processor.tokenizer.special == theirs.tokenizer.special
    model = build_model(started, processor)
    assert model.training and model.config.residual_dropout == 0.1  # which the published settings do not have


def test_auto_is_float32_where_the_hardware_for_bfloat16_is_hidden(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    auto, processor = config.replace(precision="auto"), torch.device("cpu")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    assert pick_precision(auto, processor) == torch.bfloat16
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")  # what ATEN_CPU_CAPABILITY=avx2 does
    assert pick_precision(auto, processor) == torch.float32
    assert pick_precision(config.replace(precision="bfloat16"), processor) == torch.bfloat16
