"""Adapters: what is trained, what a checkpoint holds, what comes out, and how it goes on; and freezing."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from transformers import AutoConfig

import openmolmo
from openmolmo.core.config import override
from openmolmo.core.errors import CheckpointError, ConfigError, MissingDependencyError, RunError
from openmolmo.core.runlog import read_jsonl
from openmolmo.inference.folders.commands import export as export_command
from openmolmo.inference.folders.export import export
from openmolmo.model.checkpoint import load_model, save_model
from openmolmo.model.encoders import ENCODERS
from openmolmo.training import checkpoint
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.config import RunConfig
from openmolmo.training.loop import Trainer, run
from openmolmo.training.lora import target_pattern
from openmolmo.training.lora_config import LoraConfig
from openmolmo.training.optim import trained_parameters
from released_toys import published_folder

peft = pytest.importorskip("peft")


@pytest.fixture
def base(config: RunConfig, tmp_path: Path) -> Path:
    processor = build_processor(config)
    save_model(build_model(config, processor), tmp_path / "base")
    processor.save_pretrained(tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture
def tuning(config: RunConfig, base: Path) -> RunConfig:
    return config.replace(
        init_from=str(base),
        tokenizer=None,
        crop=None,
        format=None,
        lora=LoraConfig(rank=4, dropout=0.1),
        steps=8,
        checkpoint_every=4,
    )


def losses(out: Path) -> list[float]:
    return [row["loss"] for row in read_jsonl(out / "metrics.jsonl")]


def same(ours: torch.nn.Module, theirs: torch.nn.Module) -> bool:
    other = theirs.state_dict()
    return all(torch.equal(tensor, other[name]) for name, tensor in ours.state_dict().items())


def test_only_adapters_learn_and_the_result_is_a_whole_model(tuning: RunConfig, base: Path, tmp_path: Path) -> None:
    final = run(tuning, tmp_path / "run")
    before, after = load_model(base), load_model(final)
    changed = {name for name, p in after.named_parameters() if not torch.equal(p, before.get_parameter(name))}
    matrices = ("q", "k", "v", "o"), ("gate", "up", "down")
    expected = {f"decoder.layers.{n}.self_attn.{m}_proj.weight" for n in range(2) for m in matrices[0]}
    expected |= {f"decoder.layers.{n}.mlp.{m}_proj.weight" for n in range(2) for m in matrices[1]}
    assert changed == expected
    first, *_, last = losses(tmp_path / "run")
    assert last < first


def test_a_checkpoint_holds_adapters_only(tuning: RunConfig, base: Path, tmp_path: Path) -> None:
    run(tuning, tmp_path / "run")
    step = checkpoint.latest(tmp_path / "run")
    assert step is not None and not (step / "model.safetensors").exists()
    state = load_file(step / "adapter/adapter_model.safetensors")
    assert len(state) == 2 * 2 * 7 and {t.shape[0] == 4 or t.shape[1] == 4 for t in state.values()} == {True}
    assert (step / "adapter/adapter_model.safetensors").stat().st_size < (base / "model.safetensors").stat().st_size


def test_a_run_goes_on_exactly(tuning: RunConfig, tmp_path: Path) -> None:
    run(tuning, tmp_path / "whole")
    trainer = Trainer.start(tuning, tmp_path / "cut", None)
    for _ in range(4):
        trainer.take_step()
    trainer.save()
    trainer.close()
    final = run(tuning, tmp_path / "cut", resume=True)
    assert same(load_model(final), load_model(tmp_path / "whole/final"))


def test_another_base_is_noticed_when_a_run_goes_on(tuning: RunConfig, base: Path, tmp_path: Path) -> None:
    run(tuning, tmp_path / "run")
    step = checkpoint.latest(tmp_path / "run")
    model = load_model(base)
    with torch.no_grad():
        model.lm_head.weight[0, 0] += 1
    save_model(model, base)
    with pytest.raises(CheckpointError, match="not the one"):
        build_model(tuning, build_processor(tuning), step)


@pytest.mark.parametrize("connector", [False, True])
def test_peft_reads_the_adapter(tuning: RunConfig, base: Path, tmp_path: Path, connector: bool) -> None:
    lora = LoraConfig(rank=2, targets=("attention",), connector=connector)
    final = run(tuning.replace(lora=lora, steps=2), tmp_path / "run")
    theirs = peft.PeftModel.from_pretrained(load_model(base), final / "adapter").merge_and_unload()
    ours = load_model(final)
    for name, parameter in ours.named_parameters():
        if connector and name == "embedding.extra":  # PEFT has no place for it
            continue
        torch.testing.assert_close(theirs.get_parameter(name), parameter, atol=1e-6, rtol=1e-5)
    assert connector != torch.equal(ours.connector.pool.q_proj.weight, load_model(base).connector.pool.q_proj.weight)


def test_adapters_in_encoder_and_connector(tuning: RunConfig) -> None:
    lora = LoraConfig(rank=2, targets=("encoder", "connector"))
    settings = tuning.replace(lora=lora)
    trained = trained_parameters(build_model(settings, build_processor(settings)), settings.optimizer)
    assert set(trained) == {"encoder", "connector"}
    assert len(trained["encoder"]) == 2 * 2 * 6 and len(trained["connector"]) == 2 * 7


@pytest.mark.parametrize("swiglu", [False, True])
@pytest.mark.parametrize("name", list(ENCODERS.names()))
def test_every_matrix_of_every_encoder_can_have_an_adapter(name: str, swiglu: bool) -> None:
    config = AutoConfig.for_model(
        name, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14
    )
    config.use_swiglu_ffn = swiglu  # DINOv2's other MLP
    backbone = ENCODERS.get(name)
    (block,) = backbone.blocks(backbone.build(config, 1))
    matrices = [part for part, layer in block.named_modules() if isinstance(layer, torch.nn.Linear)]
    pattern = target_pattern(LoraConfig(targets=("encoder",)))
    assert len(matrices) >= 6
    assert [part for part in matrices if not re.fullmatch(pattern, f"encoder.backbone.layers.0.{part}")] == []


@pytest.mark.parametrize("family", ["qwen2_like", "olmo_like"])
def test_a_released_model_is_tuned_and_exported(tuning: RunConfig, tmp_path: Path, family: str) -> None:
    folder = published_folder(tmp_path / "released", family)
    final = run(tuning.replace(init_from=str(folder), steps=2), tmp_path / "run")
    exported = tmp_path / "exported"
    export(final, exported, any_size=True)
    back = load_model(exported)
    assert same(back, load_model(final)) and not same(back, load_model(folder))
    assert json.loads((exported / "preprocessor_config.json").read_text())["max_crops"] == 6


@pytest.mark.parametrize("kind", ["int8", "nf4"])
def test_a_quantised_base_is_added_to_as_it_was(tuning: RunConfig, base: Path, tmp_path: Path, kind: str) -> None:
    pytest.importorskip("torchao")
    settings = override(tuning, [f"lora.quantize={kind}"])
    model = build_model(settings, build_processor(settings))
    assert type(model.decoder.layers[0].mlp.up_proj.base_layer.weight).__name__ in ("Int8Tensor", "NF4Tensor")
    final = run(settings, tmp_path / "run")
    first, *_, last = losses(tmp_path / "run")
    assert last < first
    state = load_file(final / "adapter/adapter_model.safetensors")
    name = "decoder.layers.0.self_attn.q_proj"
    a, b = (state[f"base_model.model.{name}.lora_{side}.weight"] for side in "AB")
    weight = load_model(base).get_parameter(f"{name}.weight")
    torch.testing.assert_close(load_model(final).get_parameter(f"{name}.weight"), weight + 32 / 4 * (b @ a))


def test_layers_computed_anew_learn_the_same(tuning: RunConfig, tmp_path: Path) -> None:
    run(tuning.replace(steps=3), tmp_path / "kept")
    run(override(tuning, ["steps=3", "parallel.checkpointing=selective"]), tmp_path / "anew")
    assert losses(tmp_path / "anew") == pytest.approx(losses(tmp_path / "kept"), rel=1e-5)


def test_what_is_not_installed_is_said(tuning: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = override(tuning, ["lora.quantize=int8"])
    monkeypatch.setitem(sys.modules, "torchao.quantization", None)
    with pytest.raises(MissingDependencyError, match=r"the package 'torchao', (.|\n)*openmolmo\[quantize\]"):
        build_model(settings, build_processor(settings))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("lora.rank=0", "rank=0"),
        ("lora.targets=connector lora.connector=true", "choose one"),
        ("init_from=none", "init_from"),
        ("parallel.mode=fsdp", "parallel.mode"),
        ("lora.targets=heads", "not one of"),
    ],
)
def test_settings_that_make_no_sense(tuning: RunConfig, change: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        override(tuning, change.split())


def half_way(tuning: RunConfig, out: Path) -> Path:
    """A run stopped after step 4 of 8; its checkpoint."""
    trainer = Trainer.start(tuning, out, None)
    for _ in range(4):
        trainer.take_step()
    trainer.save()
    trainer.close()
    return out / "step-4"


@pytest.mark.parametrize("connector", [False, True])
def test_a_run_stopped_half_way_gives_a_model(tuning: RunConfig, tmp_path: Path, connector: bool) -> None:
    settings = tuning.replace(lora=LoraConfig(rank=2, connector=connector))
    step = half_way(settings, tmp_path / "run")
    joined = openmolmo.load_model(step)
    assert same(joined, openmolmo.load_model(tmp_path / "run")) and not same(
        joined, load_model(str(settings.init_from))
    )
    assert (
        openmolmo.load(tmp_path / "run", max_new_tokens=2).ask(np.zeros((30, 30, 3), np.uint8), "What?").text
        is not None
    )
    final = run(settings, tmp_path / "run", finish=True)
    assert same(joined, load_model(final))
    assert "4 of 8 steps (ended early)" in (final / "README.md").read_text()


def test_a_checkpoint_of_adapters_is_exported_and_said_to_be_unfinished(tuning: RunConfig, tmp_path: Path) -> None:
    folder = published_folder(tmp_path / "released", "qwen2_like")
    step = half_way(tuning.replace(init_from=str(folder)), tmp_path / "run")
    told = CliRunner().invoke(export_command, [str(step), "--out", str(tmp_path / "out"), "--any-size"])
    assert told.exit_code == 0, told.exception
    assert "a run that is not finished: step 4 of 8" in told.stderr
    assert same(load_model(tmp_path / "out"), load_model(step))


def test_a_tuned_checkpoint_is_the_base_of_another_run(tuning: RunConfig, tmp_path: Path) -> None:
    step = half_way(tuning, tmp_path / "run")
    settings = tuning.replace(init_from=str(step), steps=1)
    assert same(build_model(settings.replace(lora=None), build_processor(settings)), load_model(step))
    final = run(settings, tmp_path / "again")
    assert not same(load_model(final), load_model(step))


def test_a_checkpoint_whose_base_is_gone_or_changed_says_so(tuning: RunConfig, base: Path, tmp_path: Path) -> None:
    step = half_way(tuning, tmp_path / "run")
    model = load_model(base)
    with torch.no_grad():
        model.lm_head.weight[0, 0] += 1
    save_model(model, base)
    with pytest.raises(CheckpointError, match="not the one that the adapter"):
        openmolmo.load_model(step)
    base.rename(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match=f"that was {base}, which is gone"):
        openmolmo.load_model(step)


def test_folders_that_are_no_models_are_named_for_what_they_are(tuning: RunConfig, base: Path, tmp_path: Path) -> None:
    step = half_way(tuning, tmp_path / "run")
    with pytest.raises(CheckpointError, match=f"is an adapter .PEFT.(.|\n)*give the folder above it: {step}"):
        openmolmo.load_model(step / "adapter")
    (base / "model.safetensors").rename(base / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"has its weights as pytorch_model.bin(.|\n)*safetensors"):
        openmolmo.load_model(base)


def test_nothing_to_finish(tuning: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no checkpoint in"):
        run(tuning, tmp_path / "run", finish=True)


# ------------------------------------------------------------------------------------------ freezing


@pytest.mark.parametrize(
    ("frozen", "still"),
    [
        (("encoder",), {"connector.", "decoder.", "embedding.", "lm_head."}),
        (("llm", "connector"), {"encoder."}),
        (("embedding", "head", "decoder.layers.0"), {"connector.", "decoder.", "embedding.extra", "encoder."}),
    ],
)
def test_frozen_parts_do_not_learn(config: RunConfig, frozen: tuple[str, ...], still: set[str], tmp_path: Path) -> None:
    settings = config.replace(freeze=frozen, steps=2)
    before = build_model(settings, build_processor(settings))
    after = load_model(run(settings, tmp_path / "run"))
    changed = {name for name, p in after.named_parameters() if not torch.equal(p, before.get_parameter(name))}
    assert {next(s for s in still if name.startswith(s)) for name in changed} == still
    assert not any(name.startswith("decoder.layers.0.") for name in changed) or "decoder.layers.0" not in frozen


def test_an_unknown_part_cannot_be_frozen(config: RunConfig) -> None:
    settings = override(config, ["freeze=encoder, decoder.layer"])
    with pytest.raises(ConfigError, match=r"decoder\.layer.*\n.*embedding"):
        build_model(settings, build_processor(settings))
