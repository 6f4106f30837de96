"""What a run starts from: weights, tokenizer, crops and format, of a recipe's own or of a model folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
import torch

from openmolmo.core.errors import CheckpointError, ConfigError
from openmolmo.imaging import CropConfig
from openmolmo.model.checkpoint import load_model, save_model
from openmolmo.prompting.format_config import FormatConfig
from openmolmo.prompting.released import load_processor
from openmolmo.training.build import build_model, build_processor, find_source, pick_precision
from openmolmo.training.config import ArchitectureConfig, RunConfig
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


def test_the_seeing_side_can_be_another_models(config: RunConfig, saved: Path, tmp_path: Path) -> None:
    other = config.replace(seed=config.seed + 1)
    processor = build_processor(other)
    save_model(build_model(other, processor), tmp_path / "other/final")
    processor.save_pretrained(tmp_path / "other/final")
    both = config.replace(init_from=str(saved), seeing_from=str(tmp_path / "other"))
    model = build_model(both, build_processor(both)).state_dict()
    text, seeing = load_model(saved / "final").state_dict(), load_model(tmp_path / "other/final").state_dict()
    for name, tensor in model.items():
        theirs = seeing if name.startswith(("encoder.", "connector.")) else text
        assert torch.equal(tensor, theirs[name]), name
    resumed = build_model(both, build_processor(both), saved / "final").state_dict()  # weights of the run itself
    assert all(torch.equal(tensor, text[name]) for name, tensor in resumed.items())
    with pytest.raises(ConfigError, match="init_from, which is None"):
        config.replace(seeing_from=str(saved))
    with pytest.raises(ConfigError, match=r"connector of .* does not fit"):
        pooled = other.replace(architecture=ArchitectureConfig(pooling="mean"))
        save_model(build_model(pooled, build_processor(pooled)), tmp_path / "other/final")
        build_model(both, build_processor(both))
    with pytest.raises(CheckpointError, match="no such folder"):
        build_model(both.replace(seeing_from="nowhere"), build_processor(both))


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


def test_a_run_can_change_its_models_pooling_and_features(config: RunConfig, tmp_path: Path) -> None:
    changed = config.replace(architecture=ArchitectureConfig(pooling="stack", feature_layers=(-1,)))
    processor = build_processor(changed)
    model = build_model(changed, processor)
    assert model.config.pooling == "stack" and model.config.feature_layers == [-1]
    assert build_model(config, processor).config.pooling == "attention"
    save_model(model, tmp_path / "final")
    processor.save_pretrained(tmp_path / "final")
    started = changed.replace(init_from=str(tmp_path / "final"), tokenizer=None)
    assert build_model(started, processor).config.pooling == "stack"
    same_block = started.replace(architecture=ArchitectureConfig(feature_layers=(1,)))
    assert build_model(same_block, processor).config.feature_layers == [-1]
    with pytest.raises(ConfigError, match=r"architecture.feature_layers asks for \[-2\].* has \[-1\]"):
        build_model(started.replace(architecture=ArchitectureConfig(feature_layers=(-2,))), processor)
    with pytest.raises(ConfigError, match="feature_layers has -9"):
        build_model(config.replace(architecture=ArchitectureConfig(feature_layers=(-9,))), processor)
    for wrong, message in (((), "is empty"), ((-1, -1), "twice")):
        with pytest.raises(ConfigError, match=message):
            ArchitectureConfig(feature_layers=wrong)
