"""A Molmo of two published backbones, from folders in the layout in which such models are published."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    CLIPConfig,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    Dinov2Config,
    Dinov2Model,
    LlamaConfig,
    LlamaForCausalLM,
    MetaClip2Config,
    MetaClip2Model,
    OlmoeConfig,
    OlmoeForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    SiglipConfig,
    SiglipModel,
)

import openmolmo
from openmolmo.cli import main
from openmolmo.core.errors import CheckpointError, ConfigError
from openmolmo.inference.folders.compose import ComposeConfig, compose
from openmolmo.inference.folders.export import export
from openmolmo.model import load_config, load_model
from openmolmo.model.backbones import resized_positions
from openmolmo.prompting import Processor

TOKENIZER = Path(__file__).parents[1] / "fixtures" / "prompting" / "tokenizer_base"
VOCABULARY = 1024
VISION = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "image_size": 56,
    "patch_size": 14,
}
WORDS = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 99}
LLM = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 512,
}


def _save(model: PreTrainedModel, folder: Path) -> Path:
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Backbones as they are published."""
    root = tmp_path_factory.mktemp("shelf")
    torch.manual_seed(0)
    _save(CLIPModel(CLIPConfig(vision_config=VISION, text_config=WORDS, projection_dim=8)), root / "clip")
    _save(CLIPVisionModel(CLIPVisionConfig(**VISION)), root / "clip-vision")
    _save(SiglipModel(SiglipConfig(vision_config=VISION | {"image_size": 60}, text_config=WORDS)), root / "siglip")
    _save(
        MetaClip2Model(MetaClip2Config(vision_config=VISION, text_config=WORDS, projection_dim=8)), root / "metaclip2"
    )
    _save(Dinov2Model(Dinov2Config(**VISION, mlp_ratio=2)), root / "dinov2")
    _save(Qwen2ForCausalLM(Qwen2Config(**LLM, tie_word_embeddings=False)).to(torch.bfloat16), root / "qwen2")
    _save(LlamaForCausalLM(LlamaConfig(**LLM, tie_word_embeddings=True)), root / "llama")
    moe = OlmoeConfig(**LLM | {"num_key_value_heads": 2}, num_experts=4, num_experts_per_tok=2, pad_token_id=None)
    _save(OlmoeForCausalLM(moe), root / "olmoe")
    for name in ("qwen2", "llama", "olmoe"):
        for file in TOKENIZER.iterdir():
            shutil.copy(file, root / name)
    return root


def _settings(shelf: Path, vision: str, llm: str = "qwen2", **more: object) -> ComposeConfig:
    return ComposeConfig(vision=str(shelf / vision), llm=str(shelf / llm), **{"max_crops": 2, **more})


PAIRS = [
    ("clip", "qwen2", "clip"),
    ("clip-vision", "llama", "clip"),
    ("siglip", "qwen2", "siglip"),
    ("metaclip2", "llama", "metaclip"),
    ("dinov2", "olmoe", "dinov2"),
]


@pytest.mark.parametrize(("vision", "llm", "style"), PAIRS)
def test_backbones_are_copied_and_the_model_answers(
    shelf: Path, tmp_path: Path, vision: str, llm: str, style: str
) -> None:
    counts = compose(_settings(shelf, vision, llm), tmp_path / "made")
    config, processor = load_config(tmp_path / "made"), Processor.from_pretrained(tmp_path / "made")
    net = load_model(tmp_path / "made")
    assert counts == openmolmo.model.parameter_counts(net)
    source = AutoModel.from_pretrained(shelf / vision)
    theirs = dict(getattr(source, "vision_model", source).named_parameters())
    assert all(torch.equal(parameter, theirs[name]) for name, parameter in net.encoder.backbone.named_parameters())
    words = load_file(shelf / llm / "model.safetensors")
    assert torch.equal(net.embedding.base.weight, words["model.embed_tokens.weight"].float())
    assert torch.equal(net.decoder.norm.weight, words["model.norm.weight"].float())
    assert config.feature_layers == [-3, -4]  # -10 and -9 are not there
    assert (processor.crop.crop_size, processor.crop.patch_size, processor.crop.resize) == (56, 14, style)
    assert processor.crop.shift_patch_mask is False
    assert processor.tokenizer.special.im_patch == config.image_patch_id == VOCABULARY + 2
    answer = openmolmo.load(tmp_path / "made", device="cpu", max_new_tokens=3).ask(Image.new("RGB", (90, 60)), "What?")
    assert answer.text is not None


def test_stored_types_stay_and_the_seed_makes_the_connector(shelf: Path, tmp_path: Path) -> None:
    state = torch.get_rng_state()
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        compose(_settings(shelf, "clip", seed=seed), tmp_path / name)
    assert torch.equal(torch.get_rng_state(), state)
    a, b, c = (load_file(tmp_path / name / "model.safetensors") for name in "abc")
    assert {t.dtype for n, t in a.items() if n.startswith("decoder")} == {torch.bfloat16}
    assert {t.dtype for n, t in a.items() if not n.startswith(("decoder", "embedding.base", "lm_head"))} == {
        torch.float32
    }
    assert all(torch.equal(a[name], b[name]) for name in a)
    differing = {name.split(".")[0] for name in a if not torch.equal(a[name], c[name])}
    assert differing == {"connector", "embedding"}
    assert a["embedding.extra"].std() == pytest.approx(0.02, rel=0.1)
    assert not a["connector.padding.weight"].any()


def test_another_crop_size_interpolates_the_positions(shelf: Path, tmp_path: Path) -> None:
    compose(_settings(shelf, "clip", crop_size=84, feature_layers=(-1,)), tmp_path / "made")
    net = load_model(tmp_path / "made")
    stored = load_file(shelf / "clip" / "model.safetensors")["vision_model.embeddings.position_embedding.weight"]
    table = net.encoder.backbone.embeddings.position_embedding.weight
    assert table.shape == (37, 16)
    assert torch.equal(table[0], stored[0])
    assert net.config.vision_config.image_size == 84
    assert openmolmo.load(tmp_path / "made", device="cpu", max_new_tokens=1).caption(Image.new("RGB", (90, 60)))
    plane = torch.linspace(0, 1, 6)[None, :, None].expand(6, 6, 2).reshape(36, 2)
    smaller = resized_positions(torch.cat((torch.ones(1, 2), plane)), 1 + 9, leading=1)[1:].view(3, 3, 2)
    assert smaller[0, :, 0].tolist() == pytest.approx([0.1, 0.5, 0.9], abs=0.05)


def test_command_makes_a_model_that_command_ask_asks(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (90, 60), "red").save(tmp_path / "red.png")
    sources = ["--vision", str(shelf / "siglip"), "--llm", str(shelf / "llama"), "--max-crops", "2"]
    for words in (
        ["compose", *sources, "--out", str(tmp_path / "made"), "--feature-layers", "-1,-2", "--pooling", "stack"],
        ["ask", str(tmp_path / "red.png"), "What?", "--model", str(tmp_path / "made"), "--max-new-tokens", "2"],
    ):
        monkeypatch.setattr(sys, "argv", ["openmolmo", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0, capsys.readouterr().err
    assert load_config(tmp_path / "made").feature_layers == [-1, -2]
    assert "parameters" in capsys.readouterr().out


def test_what_does_not_fit_is_explained(shelf: Path, tmp_path: Path) -> None:
    def refused(kind: type[Exception], words: str, vision: str = "clip", llm: str = "qwen2", **more: object) -> None:
        with pytest.raises(kind, match=words):
            compose(_settings(shelf, vision, llm, **more), tmp_path / "made")
        assert not (tmp_path / "made").exists()

    refused(CheckpointError, "'qwen2', which is no vision encoder", vision="qwen2")
    refused(CheckpointError, "'clip', which is no language model", llm="clip")
    refused(CheckpointError, "cannot be read as a model", vision="nothing-here")
    refused(ConfigError, "crop_size 50 is not a whole number of patches of 14", crop_size=50)
    refused(ConfigError, "feature_layers has -9, but the vision encoder has 4 blocks", feature_layers=(-9,))
    refused(CheckpointError, r"up to \d+ tokens with 150 crops of 56 pixels, the context of .* has 512", max_crops=150)
    for name in ("naflex", "bare", "small", "broken"):
        shutil.copytree(shelf / "qwen2", tmp_path / name)
    (tmp_path / "naflex" / "config.json").write_text(json.dumps({"model_type": "siglip2"}))
    refused(ConfigError, "NaFlex", vision=str(tmp_path / "naflex"))
    (tmp_path / "bare" / "tokenizer.json").unlink()
    refused(CheckpointError, "has no tokenizer.json", llm=str(tmp_path / "bare"))
    _save(Qwen2ForCausalLM(Qwen2Config(**LLM | {"vocab_size": 500})), tmp_path / "small")
    refused(CheckpointError, "500", llm=str(tmp_path / "small"))
    weights = load_file(tmp_path / "broken" / "model.safetensors")
    weights.pop("model.norm.weight")
    save_file(weights, tmp_path / "broken" / "model.safetensors", metadata={"format": "pt"})
    refused(CheckpointError, "lacks 1 of its weights .*norm", llm=str(tmp_path / "broken"))
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "thesis.txt").write_text("three years of work")
    with pytest.raises(ConfigError, match="is not empty"):
        compose(_settings(shelf, "clip"), tmp_path / "used")


def test_a_model_composed_for_the_released_layout_is_exported_at_the_first_try(shelf: Path, tmp_path: Path) -> None:
    compose(_settings(shelf, "clip", layout="released", any_size=True), tmp_path / "made")
    report = export(tmp_path / "made", tmp_path / "out", any_size=True, check=True)
    assert report.logit_difference == 0


def test_all_that_keeps_a_model_from_the_released_layout_is_named_at_once(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(_settings(shelf, "siglip", "llama", layout="released"), tmp_path / "made")
    for word in ("siglip_vision_model", "llama", "crop.resize='siglip'", "crop.normalize='siglip'", "crop.margins"):
        assert word in caught.value.message
    with pytest.raises(ConfigError, match="hidden_size=16; it has 1024") as caught:
        compose(_settings(shelf, "clip", layout="released"), tmp_path / "made")
    assert "--any-size" in str(caught.value) and not (tmp_path / "made").exists()
    compose(_settings(shelf, "clip", pooling="stack"), tmp_path / "ours")
    with pytest.raises(ConfigError) as caught:
        export(tmp_path / "ours", tmp_path / "out", any_size=True)
    assert "crop.shift_patch_mask=False; it has True" in caught.value.message
    assert "pooling='stack'; it has 'attention'" in caught.value.message
