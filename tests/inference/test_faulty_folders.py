"""``openmolmo ask`` on released folders with something wrong: what a user reads, and that nothing is answered."""

from __future__ import annotations

import json
import shutil
import sys

import huggingface_hub
import pytest
import torch
from inference_toys import noise
from PIL import Image
from safetensors.torch import load_file, save_file

from openmolmo.cli import main
from released_toys import FIXTURES, native_folder, published_folder

SHARD = "model-00002-of-00003.safetensors"
NORM = "model.transformer.ln_f.weight"
BASE_TOKENIZER = FIXTURES / "prompting" / "tokenizer_base"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12345\n"


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Ask a folder's model a question that it cannot answer; what is said, in one line."""
    Image.fromarray(noise(60, 80)).save(tmp_path / "shapes.png")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)

    def ask(folder, *options, picture="shapes.png", text="What is it?"):
        argv = ["openmolmo", "ask", str(tmp_path / picture), text, "--model", str(folder), *map(str, options)]
        monkeypatch.setattr(sys, "argv", argv)
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        assert (ended.value.code, shown.out) == (1, "")
        assert "Traceback" not in shown.err and "\n  -> " in shown.err  # and what to do
        return " ".join(shown.err.split())

    return ask


def weights(folder, tensor=None, name=NORM):
    """Give the tensor ``NORM`` other values or another name, or leave it out."""
    path = next(path for path in folder.glob("*.safetensors") if NORM in load_file(path))
    state = load_file(path)
    old = state.pop(NORM)
    if name is not None:
        state[name] = old if tensor is None else tensor
    save_file(state, path)


def settings(folder, file="config.json", **changes):
    values = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(values | changes))


def cut(folder):
    (folder / SHARD).write_bytes((folder / SHARD).read_bytes()[:50_000])


def twice(folder):
    first = folder / "model-00001-of-00003.safetensors"
    state = load_file(first)
    save_file(load_file(folder / SHARD) | {next(iter(state)): torch.ones(3)}, folder / SHARD)


def without_special_tokens(folder):
    for path in BASE_TOKENIZER.iterdir():
        shutil.copy(path, folder)


FAULTS = {
    "missing shard": (lambda f: (f / SHARD).unlink(), f"lacks 1 of 3 weight files: {SHARD}"),
    "truncated shard": (cut, f"{SHARD} is damaged or cut short (50000 bytes)"),
    "pointer": (lambda f: (f / SHARD).write_text(POINTER), f"{SHARD} is a pointer of git-lfs of 69 bytes"),
    "twice": (twice, f"is in model-00001-of-00003.safetensors and in {SHARD}"),
    "wrong shape": (lambda f: weights(f, torch.ones(5)), f"{NORM} is [5] in the file, [128] in the model"),
    "unknown name": (
        lambda f: weights(f, name="model.norm"),
        f"{NORM} [128] is missing; model.norm [128] is left over",
    ),
    "missing tensor": (lambda f: weights(f, name=None), f"{NORM} [128] is missing"),
    "other layers": (lambda f: settings(f, num_hidden_layers=4), "blocks.3.att_proj.weight [256, 128] is missing"),
    "unused layers": (lambda f: settings(f, num_hidden_layers=2), "blocks.2.att_proj.weight [256, 128] is left over"),
    "other heads": (
        lambda f: settings(f, num_key_value_heads=1),
        "att_proj.weight is [256, 128] in the file, [192, 128] in the model",
    ),
    "other table": (lambda f: settings(f, embedding_size=2048), "is [1024, 128] in the file, [2048, 128] in the model"),
    "other crops": (
        lambda f: settings(f, "preprocessor_config.json", base_image_input_size=[168, 168], image_token_length_w=6),
        "the side of a crop in pixels is 168 for the processor, 112 for the model",
    ),
    "no special tokens": (without_special_tokens, "lacks the special tokens <im_col>, <im_end>, <im_patch>"),
    "special tokens elsewhere": (
        lambda f: settings(f, vocab_size=1000),
        "at 1024, 1025, 1026, 1027, 1028; a model with vocab_size=1000 has them at 1000 to 1004",
    ),
    "no settings": (lambda f: (f / "config.json").unlink(), "it has weights (*.safetensors), but no config.json"),
    "no weights": (
        lambda f: [path.unlink() for path in f.glob("model*")],
        "it has config.json, but no weights (*.safetensors)",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_folder_is_refused_with_both_values(fault, refused, tmp_path):
    break_it, words = FAULTS[fault]
    folder = published_folder(tmp_path / "molmo", shards=True)
    break_it(folder)
    assert words in refused(folder)


def test_a_faulty_training_checkpoint(refused, tmp_path):
    tokenizer = ("--tokenizer", BASE_TOKENIZER)
    folder = native_folder(tmp_path / "native")
    whole = (folder / "model.pt").read_bytes()
    assert "there is no tokenizer 'Qwen/Qwen2-7B'" in refused(folder)
    for content, words in (
        (whole[:30_000], "model.pt is damaged or cut short (30000 bytes)"),
        (POINTER.encode(), "model.pt is a pointer of git-lfs of 69 bytes"),
    ):
        (folder / "model.pt").write_bytes(content)
        assert words in refused(folder, *tokenizer)
    torch.save({"transformer.ln_f.weight": torch.ones(2)}, folder / "model.pt")
    assert "transformer.wte.embedding [1024, 128] is missing" in refused(folder, *tokenizer)
    (folder / "model.pt").unlink()
    assert "it has config.yaml, but no model.pt" in refused(folder, *tokenizer)


def test_what_is_asked_does_not_fit(refused, tmp_path):
    folder = published_folder(tmp_path / "molmo")
    (tmp_path / "page.jpg").write_text("<html>not found</html>")
    (tmp_path / "cut.png").write_bytes((tmp_path / "shapes.png").read_bytes()[:2000])
    for picture, words in (
        ("none.png", "there is no picture"),
        ("page.jpg", "holds markup"),
        ("cut.png", "is cut short"),
    ):
        assert words in refused(folder, picture=picture)
    assert "takes 10" in (said := refused(folder, text="word " * 350)) and "the model's context has 512" in said
    said = refused(folder, text="<|image|> or <|image|>?")
    assert "2 <|image|> placeholders, 1 image was given" in said
