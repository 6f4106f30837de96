"""Our models in the layout of the released ones: there and back to the bit, and what has no place is named."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from published_batch import FAMILIES, FIXTURES, ragged, recorded, sampled
from safetensors.torch import load_file
from tiny_molmo import config as tiny_config
from tiny_molmo import model as tiny
from transformers import CLIPVisionConfig, Qwen2Config

import openmolmo
from openmolmo.cli import main
from openmolmo.core.errors import CheckpointError, ConfigError
from openmolmo.imaging import CropConfig
from openmolmo.inference.folders.export import export
from openmolmo.model import Molmo, MolmoConfig, load_model, save_model
from openmolmo.model.crop_scorer import CropScorer, SavedCropPolicy, model_mark, read_crop_policy
from openmolmo.model.released import load_released, read_config
from openmolmo.model.released.export import export_weights
from openmolmo.model.released.settings import written_config
from openmolmo.prompting import FormatConfig, Processor, TextTokenizer
from released_toys import native_folder

TOKENIZER = FIXTURES.parent / "prompting" / "tokenizer"
CROP = CropConfig(crop_size=112, patch_size=14, margins=(2, 2), max_crops=6)


@pytest.fixture(scope="module", params=FAMILIES)
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A released folder with all its files."""
    folder = tmp_path_factory.mktemp("published") / str(request.param)
    shutil.copytree(FIXTURES / request.param, folder, ignore=shutil.ignore_patterns("*.npz"))
    for file in TOKENIZER.iterdir():
        shutil.copy(file, folder)
    settings = {
        "base_image_input_size": [112, 112],
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "image_padding_mask": True,
        "image_patch_size": 14,
        "image_token_length_h": 4,
        "image_token_length_w": 4,
        "max_crops": 6,
        "overlap_margins": [2, 2],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture(scope="module")
def ours(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model as a folder of ours."""
    folder = tmp_path_factory.mktemp("ours") / published.name
    save_model(load_released(published), folder)
    Processor(TextTokenizer.from_pretrained(TOKENIZER), CROP, FormatConfig()).save_pretrained(folder)
    return folder


def test_there_and_back_to_the_bit(published: Path, ours: Path, tmp_path: Path) -> None:
    report = export(ours, tmp_path / "out", like=published, any_size=True, check=True)
    assert report.logit_difference == 0
    before, after = (load_file(folder / "model.safetensors") for folder in (published, tmp_path / "out"))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) and before[name].dtype == after[name].dtype for name in before)
    for name in ("config.json", "preprocessor_config.json"):
        old, new = (json.loads((folder / name).read_text()) for folder in (published, tmp_path / "out"))
        assert old.items() <= new.items()
    for file in TOKENIZER.iterdir():
        assert (tmp_path / "out" / file.name).read_bytes() == file.read_bytes()


def test_without_the_original_only_unused_weights_differ(published: Path, ours: Path, tmp_path: Path) -> None:
    report = export(ours, tmp_path / "out", any_size=True)
    assert set(report.files) == {
        "chat_template.jinja", "config.json", "generation_config.json", "model.safetensors", "preprocessor_config.json",
        "processor_config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    before, after = (load_file(folder / "model.safetensors") for folder in (published, tmp_path / "out"))
    assert {name: list(t.shape) for name, t in before.items()} == {name: list(t.shape) for name, t in after.items()}
    differing = {name for name in before if not torch.equal(before[name], after[name])}
    assert differing and all("image_vit.transformer.resblocks.3." in name for name in differing)
    assert not any(after[name].any() for name in differing)
    old, new = (json.loads((folder / "config.json").read_text()) for folder in (published, tmp_path / "out"))
    # What programs read has the same values; the rest are entries of training, or defaults written out.
    for key in old.keys() & new.keys() - {"n_kv_heads", "num_key_value_heads", "max_sequence_length"}:
        assert new[key] == old[key], key
    assert read_config(new).to_dict() == read_config(old).to_dict()
    assert new["auto_map"]["AutoConfig"].startswith("allenai/Molmo")
    batch, _ = ragged("inference")
    kept = {key: value for key, value in batch.items() if key not in ("labels", "loss_weights")}
    with torch.no_grad():
        logits = load_released(tmp_path / "out")(**kept).logits
    assert sampled(logits, recorded(f"{published.name}/inference"), "logits") < 2e-4


def test_the_exported_folder_answers_like_the_original(published: Path, ours: Path, tmp_path: Path) -> None:
    export(ours, tmp_path / "out", any_size=True)
    picture = torch.randint(0, 256, (90, 130, 3), dtype=torch.uint8).numpy()
    replies = [
        openmolmo.load(folder, device="cpu", max_new_tokens=5).point(picture, "star").text
        for folder in (published, ours, tmp_path / "out")
    ]
    assert replies[0] == replies[1] == replies[2]


def test_a_learned_crop_policy_goes_along(ours: Path, tmp_path: Path) -> None:
    taught = shutil.copytree(ours, tmp_path / "taught")
    model = load_model(taught)
    mark = model_mark(model.encoder, model.embedding)
    SavedCropPolicy(CropScorer(8, 8), mark).write(taught)
    export(taught, tmp_path / "out", any_size=True)
    again = load_model(tmp_path / "out")
    assert read_crop_policy(tmp_path / "out", again.encoder, again.embedding).mark == mark


def test_sizes_that_published_dense_code_has_built_in(published: Path, ours: Path, tmp_path: Path) -> None:
    if published.name == "olmoe_like":
        with pytest.raises(ConfigError, match=r"crop.margins=\(2, 2\); it has \(4, 4\)"):
            export(ours, tmp_path / "out")
    else:
        with pytest.raises(ConfigError, match=r"vision_config.hidden_size=64; it has 1024.*\n  -> .*--any-size"):
            export(ours, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------------ settings


def released_7b(**changes: Any) -> MolmoConfig:
    """Molmo-7B-D as one would compose it: 24 blocks in the encoder of which the last two are not used."""
    vision = CLIPVisionConfig(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, image_size=336,
        patch_size=14, hidden_act="quick_gelu",
    )  # fmt: skip
    text = Qwen2Config(
        vocab_size=152064, hidden_size=3584, intermediate_size=18944, num_hidden_layers=28, num_attention_heads=28,
        num_key_value_heads=4, max_position_embeddings=4096, rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6}, tie_word_embeddings=False,
    )  # fmt: skip
    options: dict[str, Any] = {"vision_config": vision, "text_config": text, "feature_layers": [-3, -10]}
    return MolmoConfig(**options | changes)


def test_a_composed_7b_is_a_released_one() -> None:
    values = written_config(released_7b())
    assert values["intermediate_size"] == 37888
    assert (values["vocab_size"], values["embedding_size"]) == (152064, 152064)
    assert "vision_backbone" not in values and "vit_layers" not in values
    assert read_config(values).vision_config.num_hidden_layers == 23


def _text(**changes: Any) -> Qwen2Config:
    return Qwen2Config(**released_7b().text_config.to_dict() | changes)


def _vision(**changes: Any) -> CLIPVisionConfig:
    return CLIPVisionConfig(**released_7b().vision_config.to_dict() | changes)


CANNOT = [
    ({"feature_norm": True}, "feature_norm=True; it has False"),
    ({"feature_layers": [-2, -9]}, r"feature layers \[22, 15\].*it has \[21, 14\]"),
    ({"padding_embedding": False}, "padding_embedding=False; it has True"),
    ({"pooling": "stack"}, "pooling='stack'; it has 'attention'"),
    ({"pooling_heads": 8}, "pooling_heads=8; it has 16"),
    ({"patches_per_token": 9}, "patches_per_token=9; it has 4"),
    ({"projector_hidden": 1024}, "projector_hidden=1024; it has 18944"),
    ({"extra_embeddings": 64}, "extra_embeddings=64; it has 128"),
    ({"vision_config": _vision(hidden_act="gelu")}, "vision_config.hidden_act='gelu'; it has 'quick_gelu'"),
    ({"vision_config": _vision(image_size=448)}, "vision_config.image_size=448; it has 336"),
    ({"text_config": _text(hidden_act="gelu")}, "text_config.hidden_act='gelu'; it has 'silu'"),
    (
        {"text_config": _text(rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 1e6})},
        "text_config.rope_parameters=.*linear",
    ),
    (
        {"text_config": _text(use_sliding_window=True, sliding_window=64, max_window_layers=2, layer_types=None)},
        "text_config.layer_types=.*sliding_attention",
    ),
]


@pytest.mark.parametrize(("changes", "words"), CANNOT)
def test_a_setting_without_a_place_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s)the released layout cannot express .*{words}"):
        written_config(released_7b(**changes))


def test_other_backbones_have_no_place() -> None:
    with pytest.raises(ConfigError, match="the language model 'llama'; it has 'qwen2', 'olmo2' and 'olmoe'"):
        written_config(tiny_config("llama"))
    siglip = {"model_type": "siglip_vision_model", "num_hidden_layers": 4, "image_size": 28, "patch_size": 14}
    with pytest.raises(ConfigError, match="the encoder 'siglip_vision_model'"):
        written_config(tiny_config(vision_config=siglip))


def test_settings_of_the_processor_without_a_place(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    save_model(load_released(FIXTURES / "qwen2_like"), folder)
    tokenizer = TextTokenizer.from_pretrained(TOKENIZER)
    for crop, settings, words in (
        (CROP.replace(shift_patch_mask=False), FormatConfig(), "crop.shift_patch_mask=False; it has True"),
        (CROP.replace(resize="metaclip"), FormatConfig(), "crop.resize='metaclip'; it has 'clip'"),
        (CROP, FormatConfig(message_format="none"), "format.message_format='none'; it has 'role'"),
    ):
        Processor(tokenizer, crop, settings).save_pretrained(folder)
        with pytest.raises(ConfigError, match=words):
            export(folder, tmp_path / "out", any_size=True)
        assert not (tmp_path / "out").exists()
    Processor(tokenizer, CROP, FormatConfig(system_prompt="style", default_length=40)).save_pretrained(folder)
    export(folder, tmp_path / "out", any_size=True)  # written into config.json
    back = openmolmo.load(tmp_path / "out", device="cpu").processor.format
    assert (back.system_prompt, back.default_length) == ("style", 40)


# ------------------------------------------------------------------------------------ files and command


def test_several_files_and_tied_tables(tmp_path: Path) -> None:
    tied = tiny_config(projector_hidden=48).to_dict()
    tied["text_config"]["tie_word_embeddings"] = True
    net = Molmo(MolmoConfig(**tied)).eval()
    export_weights(net, tmp_path, any_size=True, shard_bytes=20_000)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) > 3
    assert "model.transformer.ff_out.weight" not in index["weight_map"]
    back = load_model(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), back.parameters(), strict=True))


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "m"
    save_model(load_released(FIXTURES / "olmo_like"), folder)
    Processor(TextTokenizer.from_pretrained(TOKENIZER), CROP, FormatConfig()).save_pretrained(folder)

    def run(*words: str) -> tuple[Any, str, str]:
        monkeypatch.setattr(sys, "argv", ["openmolmo", "export", str(folder), "--layout", "released", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    code, out, err = run("--out", str(tmp_path / "out"), "--any-size", "--check", "--dtype", "bfloat16")
    assert code == 0, err
    assert "checked: logits differ by 0" in out
    assert {t.dtype for t in load_file(tmp_path / "out" / "model.safetensors").values()} == {torch.bfloat16}
    code, _, err = run("--out", str(tmp_path / "out"), "--any-size")
    assert code == 1 and "is not empty" in err
    code, _, err = run("--out", str(tmp_path / "new"))
    assert code == 1 and "cannot express" in err


def test_like_must_be_a_released_model(tmp_path: Path) -> None:
    save_model(tiny(), tmp_path / "ours")
    with pytest.raises(CheckpointError, match="is no released model"):
        export(tmp_path / "ours", tmp_path / "out", like=tmp_path / "ours")


def test_a_training_checkpoint_becomes_the_published_model(published: Path, tmp_path: Path) -> None:
    spoken = {"message_formatting": "role", "system_prompt_kind": "demo_or_style", "prompt_type": "uber_model"}
    native = native_folder(tmp_path / "native", published.name, **spoken, overlap_margins=[2, 2], max_crops=6)
    base = TOKENIZER.parent / "tokenizer_base"
    export(native, tmp_path / "out", like=published, any_size=True, check=True, tokenizer=base)
    before, after = (load_file(folder / "model.safetensors") for folder in (published, tmp_path / "out"))
    assert before.keys() == after.keys()
    used = [name for name in before if "image_vit.transformer.resblocks.3." not in name]
    assert all(torch.equal(before[name], after[name]) for name in used)
    assert openmolmo.load(tmp_path / "out", device="cpu", max_new_tokens=2).processor.crop == CROP
