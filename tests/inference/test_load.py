"""``openmolmo.load`` takes released folders, names of the hub and our own checkpoints; what does not fit is named."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import huggingface_hub
import pytest
import torch
from inference_toys import noise
from PIL import Image
from safetensors.torch import load_file, save_file

import openmolmo
from openmolmo.cli import main
from openmolmo.core.errors import CheckpointError, ConfigError
from openmolmo.core.hub import is_repository
from openmolmo.imaging import CropConfig
from openmolmo.model import Molmo, load_model, save_model
from openmolmo.model.released import load_released
from openmolmo.prompting import FormatConfig
from openmolmo.prompting.released import load_processor
from released_toys import FAMILIES, FIXTURES, REPOSITORY, hub_cache, native_folder, published_folder

TOKENIZER, BASE_TOKENIZER = FIXTURES / "prompting" / "tokenizer", FIXTURES / "prompting" / "tokenizer_base"


@pytest.fixture
def released(tmp_path: Path) -> Path:
    return published_folder(tmp_path / "released", shards=True)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of a hub that cannot be reached."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "hub"


def same_weights(one: Molmo, other: Molmo) -> bool:
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


# ------------------------------------------------------------------------------------ what can be loaded


@pytest.mark.parametrize("family", FAMILIES)
def test_a_released_folder_answers(family: str, tmp_path: Path) -> None:
    model = openmolmo.load(published_folder(tmp_path / "m", family, shards=family == "qwen2_like"), max_new_tokens=4)
    picture = noise(150, 200)
    answers = [model.ask(picture, "What?"), model.point(picture, "cup"), model.caption(picture)]
    assert all(isinstance(answer.text, str) for answer in answers)
    assert same_weights(model.model, load_released(FIXTURES / "model" / family))


@pytest.mark.parametrize("command", ["ask", "point", "caption", "count"])
def test_commands_take_a_released_folder(
    command: str, released: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(noise(60, 80)).save(released / "photo.png")
    words = [] if command == "caption" else ["cup"]
    arguments = [command, str(released / "photo.png"), *words, "--model", str(released), "--max-new-tokens", "2"]
    monkeypatch.setattr(sys, "argv", ["openmolmo", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0, capsys.readouterr().err


def test_a_processor_as_the_released_models_have_it(tmp_path: Path) -> None:
    processor = load_processor(published_folder(tmp_path / "m"))
    crop = processor.crop
    assert (crop.crop_size, crop.patch_size, crop.pool, crop.margins, crop.max_crops) == (112, 14, 2, (2, 2), 6)
    assert crop.shift_patch_mask and (crop.resize, crop.normalize, crop.mode) == ("clip", "clip", "overlap")
    assert processor.tokenizer.special.im_patch == 1026
    tokens = processor.prompt("Point to cup.", [noise(100, 100)])
    assert processor.tokenizer.decode(tokens.input_ids).endswith(" User: Point to cup. Assistant:")
    assert tokens.input_ids[0] == processor.tokenizer.special.eos  # which stands for BOS


def test_a_name_of_the_hub_is_read_from_its_cache(cache: Path, tmp_path: Path) -> None:
    hub_cache(cache, published_folder(tmp_path / "folder"))
    model = openmolmo.load(REPOSITORY, dtype="bfloat16")
    assert model.model.dtype == torch.bfloat16
    assert openmolmo.load_model(f"{REPOSITORY}@main").dtype == torch.float32
    with pytest.raises(CheckpointError, match=r"no model 'allenai/Molmo-Tiny@v2'.*switched off"):
        openmolmo.load(f"{REPOSITORY}@v2")


def test_nothing_but_settings_tokenizer_and_weights_is_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = {}

    def download(name: str, *, repo_type: str, revision: str | None, allow_patterns: list[str]) -> str:
        asked.update(name=f"{repo_type}:{name}", revision=revision, patterns=allow_patterns)
        return str(published_folder(tmp_path / "m"))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    openmolmo.load_model(f"{REPOSITORY}@v1")
    assert (asked["name"], asked["revision"]) == (f"model:{REPOSITORY}", "v1")
    files = [
        "modeling_molmo.py",
        "pytorch_model.bin",
        "README.md",
        "model.safetensors",
        "tokenizer.json",
        "config.json",
    ]
    found = [file for file in files if any(Path(file).match(pattern) for pattern in asked["patterns"])]
    assert found == ["model.safetensors", "tokenizer.json", "config.json"]


def test_a_native_checkpoint_with_the_tokenizer_that_it_names(cache: Path, tmp_path: Path) -> None:
    folder = native_folder(tmp_path / "native")
    hub_cache(cache, BASE_TOKENIZER, "Qwen/Qwen2-7B")
    model = openmolmo.load(folder, max_new_tokens=4)
    assert model.processor.tokenizer.special.im_patch == 1026
    assert (
        model.processor.question("", style="long_caption") == "long_caption 65:"
    )  # a caption-only model is asked in its own way
    assert isinstance(model.caption(noise(50, 60)).text, str)
    shutil.rmtree(cache)
    with pytest.raises(CheckpointError, match="no tokenizer 'Qwen/Qwen2-7B'"):
        openmolmo.load(folder)
    assert openmolmo.load(folder, tokenizer=TOKENIZER).processor.tokenizer.special.image == 1028
    assert isinstance(openmolmo.load_model(folder), Molmo)


def test_weights_alone_need_no_tokenizer(tmp_path: Path) -> None:
    for family in FAMILIES:
        assert isinstance(openmolmo.load_model(FIXTURES / "model" / family), Molmo)
    ours = load_released(FIXTURES / "model" / "olmo_like")
    save_model(ours, tmp_path / "m")
    assert same_weights(openmolmo.load_model(tmp_path / "m"), ours)


def test_a_model_in_pieces_on_named_devices(released: Path) -> None:
    pytest.importorskip("accelerate")
    whole = openmolmo.load_model(released, device="cpu")
    assert same_weights(openmolmo.load_model(released, device_map={"": "cpu"}), whole)
    assert same_weights(openmolmo.load_model(released, device_map="auto"), whole)
    for wrong, message in (
        ({"encoder": "cpu"}, "no place for embedding"),
        ({"": "disk"}, "disk"),
        ({"": "tpu9"}, "'tpu9' is not a device"),
        ("balanced", "neither 'auto' nor a dictionary"),
    ):
        with pytest.raises(ConfigError, match=message):
            openmolmo.load_model(released, device_map=wrong)
    with pytest.raises(ConfigError, match="both given"):
        openmolmo.load_model(released, device="cpu", device_map="auto")
    with pytest.raises(ConfigError, match="dtype='int3'"):
        openmolmo.load_model(released, dtype="int3")


def test_rotary_tables_stay_in_float32(released: Path) -> None:
    half, full = openmolmo.load_model(released, dtype="bfloat16"), load_model(released)
    buffers = dict(full.named_buffers())
    assert any("inv_freq" in name for name in buffers)
    assert all(torch.equal(buffer, buffers[name]) for name, buffer in half.named_buffers())


def test_the_published_sizes_are_the_defaults(released: Path) -> None:
    values = json.loads((released / "preprocessor_config.json").read_text())
    values |= {"base_image_input_size": [336, 336], "overlap_margins": [4, 4], "max_crops": 12}
    values |= {"image_token_length_h": 12, "image_token_length_w": 12}
    (released / "preprocessor_config.json").write_text(json.dumps(values))
    processor = load_processor(released)
    assert (processor.crop, processor.format) == (CropConfig(), FormatConfig())


# ------------------------------------------------------------------------------------ what cannot


def test_a_missing_shard(released: Path) -> None:
    (released / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"lacks 1 of 3 weight files: model-00002-of-00003.safetensors"):
        openmolmo.load(released)


def test_a_truncated_shard(released: Path) -> None:
    path = released / "model-00003-of-00003.safetensors"
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(CheckpointError, match=r"damaged or cut short \(50000 bytes\)"):
        openmolmo.load(released)


def _change_weights(folder: Path, name: str, tensor: torch.Tensor | None, new: str | None = None) -> None:
    path = next(path for path in folder.glob("*.safetensors") if name in load_file(path))
    state = load_file(path)
    old = state.pop(name)
    state[new or name] = old if tensor is None else tensor
    save_file(state, path)


def test_a_wrong_shape(released: Path) -> None:
    _change_weights(released, "model.transformer.ln_f.weight", torch.ones(5))
    with pytest.raises(CheckpointError, match=r"ln_f.weight is \[5\] in the file, \[128\] in the model"):
        openmolmo.load(released)


def test_unknown_and_unused_names(released: Path) -> None:
    _change_weights(released, "model.transformer.ln_f.weight", None, "model.transformer.final_norm.weight")
    with pytest.raises(CheckpointError, match=r"ln_f.weight \[128\] is missing; .*final_norm.weight \[128\] is left"):
        openmolmo.load(released)


def test_quantised_weights(released: Path) -> None:
    _change_weights(released, "model.transformer.ln_f.weight", torch.ones(128, dtype=torch.int8))
    with pytest.raises(CheckpointError, match=r"ln_f.weight in .* is stored as I8; weights are read as float32"):
        openmolmo.load(released)


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("config.json", {"num_hidden_layers": 4}, r"blocks.3.* is missing"),
        ("config.json", {"hidden_size": 256}, r"embedding is \[1024, 128\] in the file, \[1024, 256\] in the model"),
        ("config.json", {"hidden_size": "wide"}, "wrong form.*wide"),
        ("config.json", {"vocab_size": 1000}, "1024, 1025, 1026, 1027, 1028; a model with vocab_size=1000 has them at"),
        ("config.json", {"model_type": "llava"}, "'llava'; known here: 'openmolmo', 'molmo'"),
        (
            "preprocessor_config.json",
            {"base_image_input_size": [168, 168], "image_token_length_w": 6},
            "a crop in pixels is 168 .* 112",
        ),
        ("preprocessor_config.json", {"image_mean": [0.1, 0.1, 0.1]}, r"mean \(0.1, 0.1, 0.1\)"),
        ("preprocessor_config.json", {"overlap_margins": "wide"}, "make no processor"),
    ],
)
def test_settings_that_contradict_the_rest(file: str, changes: dict[str, object], message: str, released: Path) -> None:
    values = json.loads((released / file).read_text())
    (released / file).write_text(json.dumps(values | changes))
    with pytest.raises(CheckpointError, match=message):
        openmolmo.load(released)


def test_missing_settings_and_tokenizers(released: Path) -> None:
    (released / "preprocessor_config.json").rename(released / "elsewhere")
    with pytest.raises(CheckpointError, match=r"has no preprocessor_config\.json"):
        openmolmo.load(released)
    (released / "elsewhere").rename(released / "preprocessor_config.json")
    (released / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"has no tokenizer\.json"):
        openmolmo.load(released)
    assert openmolmo.load(released, tokenizer=TOKENIZER, max_new_tokens=1).processor.tokenizer.special.im_start == 1024


def test_a_tokenizer_without_the_special_tokens(released: Path) -> None:
    for path in BASE_TOKENIZER.iterdir():
        shutil.copy(path, released)
    with pytest.raises(CheckpointError, match=r"lacks the special tokens .*<im_patch>.*; it has 1000 tokens"):
        openmolmo.load(released)


def test_a_name_that_is_neither_a_folder_nor_in_the_cache(cache: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no folder of that name here, the hub is switched off .*cache .*hub"):
        openmolmo.load("allenai/Molmo-7B-D-0924")
    Path("runs").mkdir()
    assert is_repository("allenai/Molmo-7B-D-0924") and not is_repository("runs/nano_sft")
    with pytest.raises(CheckpointError, match="no such folder"):  # a mistyped path is not sent to the hub
        openmolmo.load("runs/nano_sfy")


def test_our_own_folder_keeps_its_tokenizer(model_folder: Path) -> None:
    with pytest.raises(ConfigError, match="has a tokenizer of its own"):
        openmolmo.load(model_folder, tokenizer=TOKENIZER)
