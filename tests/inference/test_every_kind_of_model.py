"""Every command works on every kind of model: released, bundled, composed; alone, streamed and in batches."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from inference_toys import noise
from PIL import Image
from transformers import CLIPVisionConfig, CLIPVisionModel, Qwen2Config, Qwen2ForCausalLM

from released_toys import FAMILIES, FIXTURES, native_folder, published_folder

TOKENIZER = FIXTURES / "prompting" / "tokenizer_base"
KINDS = ("nano", "composed", "native", *FAMILIES)
COMMANDS = {"point": ["red star"], "ask": ["What is it?"], "caption": [], "count": ["red stars"]}
SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}


@pytest.fixture
def output(run):
    """Run a command line that must succeed; what it prints."""

    def call(*argv):
        code, out, err = run(*argv)
        assert code == 0, err
        return out

    return call


@pytest.fixture(scope="module")
def backbones(tmp_path_factory):
    """An encoder and a language model as they are published."""
    shelf = tmp_path_factory.mktemp("shelf")
    torch.manual_seed(0)
    CLIPVisionModel(CLIPVisionConfig(**SIZES, image_size=56, patch_size=14)).save_pretrained(shelf / "vision")
    text = Qwen2Config(**SIZES, vocab_size=1024, num_key_value_heads=1, max_position_embeddings=512)
    Qwen2ForCausalLM(text).save_pretrained(shelf / "llm")
    for path in TOKENIZER.iterdir():
        shutil.copy(path, shelf / "llm")
    return shelf


@pytest.fixture(params=KINDS)
def model(request, output, backbones, tmp_path):
    """The options that name a model."""
    kind, folder = request.param, tmp_path / "model"
    if kind == "nano":
        return ["--model", "nano"]
    if kind == "native":
        return ["--model", native_folder(folder), "--tokenizer", TOKENIZER]
    if kind == "composed":
        sources = ["--vision", backbones / "vision", "--llm", backbones / "llm", "--max-crops", 2]
        output("compose", *sources, "--out", folder)
        return ["--model", folder]
    return ["--model", published_folder(folder, kind)]


def test_each_command_alone_streamed_and_over_a_folder(output, model, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, (height, width) in enumerate([(60, 80), (90, 40), (50, 50)]):
        Image.fromarray(noise(height, width, number)).save(pictures / f"{number}.png")
    options = [*model, "--max-new-tokens", 5]
    for command, words in COMMANDS.items():
        alone = output(command, pictures / "0.png", *words, *options)
        streamed = output(command, pictures / "0.png", *words, *options, "--stream")
        values = json.loads(output(command, pictures / "0.png", *words, *options, "--json"))
        assert values["text"] in streamed
        assert values["points"] or values["text"] in alone
        out = tmp_path / f"{command}.jsonl"
        assert output(command, pictures, *words, *options, "--batch-size", 3, "--out", out) == ""
        lines = {line["id"]: line for line in map(json.loads, out.read_text().splitlines())}
        assert sorted(lines) == sorted(str(path) for path in pictures.iterdir())
        first = lines[str(pictures / "0.png")]
        assert {name: first[name] for name in ("text", "points", "count")} == {
            name: values[name] for name in ("text", "points", "count")
        }


def test_a_file_of_requests(output, model, tmp_path):
    Image.fromarray(noise(60, 80)).save(tmp_path / "a.png")
    Image.fromarray(noise(40, 70, 1)).save(tmp_path / "b.png")
    rows = [
        {"id": "point", "task": "point", "image": "a.png", "text": "red star"},
        {"id": "caption", "task": "caption", "image": "a.png"},
        {"id": "count", "task": "count", "image": "b.png", "text": "red stars"},
        {"id": "two", "images": ["a.png", "b.png"], "text": "Is <|image|> like <|image|>?"},
        {"id": "words", "text": "Without a picture?", "history": ["Hi.", "Hello."], "stop": ["zz"]},
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "answers.jsonl"
    assert (
        output("answer", tmp_path / "rows.jsonl", "--out", out, *model, "--max-new-tokens", 4, "--batch-size", 5) == ""
    )
    assert sorted(json.loads(line)["id"] for line in out.read_text().splitlines()) == sorted(row["id"] for row in rows)
