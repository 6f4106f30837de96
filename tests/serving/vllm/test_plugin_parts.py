"""What of the plug-in needs no vLLM: settings, names of weights, prompts, places of features, the command."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
import served_toys as toys
import torch
from safetensors.torch import load_file
from transformers import AutoConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from openmolmo.core.errors import CheckpointError, ConfigError, MissingDependencyError, PromptError
from openmolmo.imaging import CropConfig, make_plan
from openmolmo.model import MolmoConfig, load_model
from openmolmo.model.find import find_model
from openmolmo.model.released import our_weights, read_config
from openmolmo.prompting.sequence import join_images
from openmolmo.serving.vllm import config as served
from openmolmo.serving.vllm.features import added, image_features
from openmolmo.serving.vllm.launch import VllmOptions, run_vllm, vllm_start
from openmolmo.serving.vllm.prompts import chat_ids, largest_picture, picture_ids, processor_of
from openmolmo.serving.vllm.tokenizer import ServedTokenizer
from openmolmo.serving.vllm.weights import vllm_weights, without_extra_rows
from released_toys import FAMILIES, FIXTURES, native_folder, published_folder


@pytest.fixture(autouse=True)
def configurations(monkeypatch):
    """What is registered here is forgotten afterwards."""
    monkeypatch.setattr(CONFIG_MAPPING, "_extra_content", dict(CONFIG_MAPPING._extra_content))


def test_the_plugin_module_imports_no_model_code():
    code = "import sys, openmolmo.serving.vllm.plugin; print(any(n in sys.modules for n in ('torch', 'transformers')))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.parametrize("family", ["ours", *FAMILIES])
def test_settings_as_vllm_sees_them(family):
    folder = find_model("nano") if family == "ours" else FIXTURES / "model" / family
    values = json.loads((folder / "config.json").read_text())
    own = MolmoConfig(**values) if family == "ours" else read_config(values)
    served.register_configurations()
    read = AutoConfig.from_pretrained(folder)
    assert type(read) is (served.ServedConfig if family == "ours" else served.ServedReleasedConfig)
    assert read.architectures == [served.ARCHITECTURE]
    text = read.get_text_config()
    # Every id that a prompt can have is in the vocabulary, so that penalties may count it.
    assert text.vocab_size == own.text_config.vocab_size + 128 > own.image_patch_id
    assert (text.model_type, text.hidden_size) == (own.text_config.model_type, own.text_config.hidden_size)
    again = [pickle.loads(pickle.dumps(read)), type(read).from_dict(read.to_dict()), AutoConfig.from_pretrained(folder)]
    for each in again:
        assert type(each) is type(read)  # also after the model's code was imported, which registers another
        assert each.to_dict() == read.to_dict()
        assert each.molmo_config().to_dict() == own.to_dict()
        assert each.text_config.vocab_size == text.vocab_size


@pytest.mark.parametrize("family", FAMILIES)
def test_names_of_weights(family):
    """Published names in any order give what the model that our reader makes has."""
    model = load_model(FIXTURES / "model" / family)
    wanted = dict(vllm_weights(model.named_parameters(), 128))
    stored = list(load_file(FIXTURES / "model" / family / "model.safetensors").items())
    np.random.default_rng(0).shuffle(stored)
    made = dict(vllm_weights(our_weights(model.config, stored), 128))
    assert made.keys() == wanted.keys()
    assert all(torch.equal(made[name], wanted[name].detach()) for name in made)
    text = model.config.text_config
    rows = text.vocab_size
    table = made["language_model.model.embed_tokens.weight"]
    assert torch.equal(table[:rows], model.embedding.base.weight)
    assert torch.equal(table[rows:], model.embedding.extra)
    assert made["language_model.lm_head.weight"].shape == table.shape
    if family == "olmoe_like":
        up = made["language_model.model.layers.1.mlp.experts.7.up_proj.weight"]
        assert torch.equal(up, model.decoder.layers[1].mlp.experts.gate_up_proj[7, text.intermediate_size :])
        down = made["language_model.model.layers.0.mlp.experts.2.down_proj.weight"]
        assert torch.equal(down, model.decoder.layers[0].mlp.experts.down_proj[2])
    assert not [name for name in made if not name.startswith(("language_model.", "encoder.", "connector."))]
    with pytest.raises(CheckpointError, match="the weights lack 1 tensors: "):
        list(our_weights(model.config, stored[1:]))
    with pytest.raises(CheckpointError, match=r"the weights have twin \[3\], which this model lacks"):
        list(our_weights(model.config, [*stored, ("twin", torch.ones(3))]))


def test_a_token_that_the_head_does_not_know_is_never_chosen():
    logits = torch.zeros(2, 5)
    assert without_extra_rows(logits, 2).tolist() == [[0, 0, 0, -torch.inf, -torch.inf]] * 2
    assert without_extra_rows(torch.zeros(1, 2), 0).tolist() == [[0, 0]]


def test_features_of_two_pictures_are_added_where_they_belong():
    model, processor = toys.model(toys.config()), toys.processor()
    prompt = processor.prompt("Compare.", [toys.picture(60, 90), toys.picture(120, 50, 1)])
    joined = {name: torch.from_numpy(array) for name, array in join_images([prompt]).items()}
    inputs = {name: torch.from_numpy(np.concatenate([getattr(crops, own) for crops in prompt.images]))
              for name, own in (("crops", "pixels"), ("patch_mask",) * 2, ("pooled_patches",) * 2)}  # fmt: skip
    counts = [[len(crops.pixels), len(crops.pooled_patches)] for crops in prompt.images]
    inputs["n_crops"], inputs["n_tokens"] = torch.tensor(counts).T
    with torch.inference_mode():
        features = image_features(model.encoder, model.connector, inputs)
        ids = torch.from_numpy(prompt.input_ids)
        embeds = added(model.embedding(ids), torch.cat(features), ids == processor.tokenizer.special.im_patch)
        assert torch.equal(torch.cat(features), model.image_features(**joined))
        assert torch.equal(embeds, model._embed(ids[None], **joined)[0])
    assert [len(each) for each in features] == [count for _, count in counts]


@pytest.mark.parametrize("max_crops", [1, 3, 4, 12])
@pytest.mark.parametrize("mode", ["overlap", "single"])
def test_no_picture_takes_more_than_the_largest(max_crops, mode):
    crop = CropConfig(crop_size=56, margins=(0, 2), max_crops=max_crops, mode=mode)
    most = largest_picture(crop).n_sequence_tokens
    sizes = np.random.default_rng(0).integers(1, 700, (300, 2)).tolist()
    assert most == max(most, *(make_plan(*size, crop).n_sequence_tokens for size in sizes))


# ------------------------------------------------------------------------------------ prompts


def whole(processor, ids, pictures):
    """What vLLM makes of ids: each picture's own in place of its one."""
    spans = iter([picture_ids(one.grids, processor.tokenizer.special) for one in processor.pictures(pictures)])
    made = [part for token in ids for part in (next(spans) if token == processor.tokenizer.special.image else [token])]
    assert next(spans, None) is None
    return made


def shown(count):
    return [{"type": "image"}] * count


def said(text):
    return {"type": "text", "text": text}


@pytest.mark.parametrize("kind", ["nano", "toy"])
def test_conversations_become_the_ids_of_our_own_prompts(kind):
    processor = processor_of(str(find_model("nano"))) if kind == "nano" else toys.processor()
    a, b = toys.picture(60, 90), toys.picture(120, 50, 1)
    odd = "What is <im_patch>, <im_start> or <|endoftext|>?"
    cases = [
        ([said("Hello?")], [], ("Hello?", [])),
        ([*shown(1), said("What?")], [], ("What?", [a])),
        ([*shown(2), said(odd)], [], (odd, [a, b])),
        ([said("Is "), *shown(1), said(" like "), *shown(1), said("?")], [], ("Is <|image|> like <|image|>?", [a, b])),
        ([*shown(1), said("What?")], ["A cup.", "Where?"], (["What?", "A cup.", "Where?"], [a])),
    ]
    for first, more, (texts, pictures) in cases:
        messages = [{"role": "user", "content": first}]
        messages += [{"role": role, "content": text} for role, text in zip(("assistant", "user"), more, strict=False)]
        ids = chat_ids(processor, messages)
        assert whole(processor, ids, pictures) == processor.prompt(texts, pictures).input_ids.tolist()
        assert ServedTokenizer(processor).apply_chat_template(messages, tokenize=False) == ids


def test_conversations_with_styles_instructions_and_begun_replies():
    processor = toys.processor()
    encode = processor.tokenizer.encode
    question = {"role": "user", "content": [*shown(1), said("Point to cup.")]}
    ids = chat_ids(processor, [question], style="pointing")
    picture = toys.picture(60, 90)
    assert (
        whole(processor, ids, [picture])
        == processor.prompt("Point to cup.", [picture], style="pointing").input_ids.tolist()
    )
    told = [{"role": "system", "content": "Be brief."}, {"role": "developer", "content": "In French."}, question]
    asked = chat_ids(
        processor, [{"role": "user", "content": [*shown(1), said("Be brief.\nIn French.\nPoint to cup.")]}]
    )
    assert chat_ids(processor, told) == asked
    halves = [{"role": "user", "content": shown(1)}, {"role": "user", "content": "Be brief."}, *told[1:2]]
    assert chat_ids(processor, halves) == chat_ids(
        processor, [{"role": "user", "content": [*shown(1), said("\nBe brief.\nIn French.")]}]
    )
    begun = [question, {"role": "assistant", "content": "It is"}]
    assert chat_ids(processor, begun, go_on=True) == chat_ids(processor, [question]) + encode(" It is")
    marked = [{"role": "user", "content": "Is <|image|> a picture?"}]
    for wrong, go_on in ((begun, False), ([question], True), ([], False), (told[:2], False), (marked, False)):
        with pytest.raises(PromptError):
            chat_ids(processor, wrong, go_on=go_on)


def test_the_tokenizer_that_vllm_gets():
    processor = toys.processor()
    tokenizer = ServedTokenizer(processor, truncation_side="left")
    special = processor.tokenizer.special
    assert tokenizer.encode("cup <|image|>") == [special.bos, *processor.tokenizer.encode("cup "), special.image]
    assert tokenizer.encode("cup", add_special_tokens=False) == processor.tokenizer.encode("cup")
    assert tokenizer.eos_token_id == special.eos
    ids = processor.tokenizer.encode(" 12.5 cups")
    assert tokenizer.decode(ids) == " 12.5 cups"
    messages = [{"role": "user", "content": [*shown(1), said("What?")]}]
    own = "{% for message in messages %}{{ message.role }}{% endfor %}"
    assert tokenizer.apply_chat_template(messages, chat_template=own, tokenize=False) == "user"
    text = super(ServedTokenizer, tokenizer).apply_chat_template(messages, tokenize=False)
    assert text == "<|endoftext|><|image|> User: What? Assistant:"
    with pytest.raises(ValueError, match="send the picture as a part"):
        tokenizer.apply_chat_template([{"role": "user", "content": "<|image|>"}])
    copied = pickle.loads(pickle.dumps(tokenizer))
    assert copied.apply_chat_template(messages) == tokenizer.apply_chat_template(messages)


# ------------------------------------------------------------------------------------ the command


def after(start, option):
    command = list(start.command)
    return command[command.index(option) + 1]


def adapter(folder, **settings):
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({"r": 12, **settings}))
    return folder


def test_the_command_that_starts_vllm(tmp_path):
    start = vllm_start("nano", VllmOptions())
    assert start.command[:3] == (sys.executable, "-m", "vllm.entrypoints.openai.api_server")
    assert after(start, "--model") == str(find_model("nano"))
    assert after(start, "--served-model-name") == "nano"
    assert after(start, "--host") == "127.0.0.1"
    assert after(start, "--allowed-media-domains").endswith(".invalid")  # pictures come with the request
    assert "--enable-lora" not in start.command
    lora = adapter(tmp_path / "lora")
    options = VllmOptions(
        name="mine", adapters={"cups": str(lora)}, context=1024, fetch=("pictures.example",), api_key="secret",
        python="/somewhere/python", more=("--quantization", "fp8"), tensor_parallel=2,
    )  # fmt: skip
    start = vllm_start("allenai/Molmo-7B-D-0924", options)
    assert start.command[0] == "/somewhere/python"
    assert after(start, "--model") == "allenai/Molmo-7B-D-0924"
    assert after(start, "--lora-modules") == f"cups={lora}"
    assert after(start, "--max-lora-rank") == "16"
    assert after(start, "--max-model-len") == "1024"
    assert after(start, "--allowed-media-domains") == "pictures.example"
    assert start.command[-2:] == ("--quantization", "fp8")
    assert start.environment["VLLM_API_KEY"] == "secret"
    assert not [word for word in start.command if "secret" in word]


def test_what_vllm_cannot_serve_is_said_before_it_starts(tmp_path, monkeypatch):
    with pytest.raises(CheckpointError, match="which vLLM does not read"):
        vllm_start(str(native_folder(tmp_path / "native")), VllmOptions())
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="heads of 16 numbers"):
        vllm_start(str(published_folder(tmp_path / "olmo", "olmo_like")), VllmOptions())
    with pytest.raises(CheckpointError, match="is no adapter"):
        vllm_start("nano", VllmOptions(adapters={"x": str(tmp_path)}))
    with pytest.raises(ConfigError, match="images=0 must be at least 1"):
        VllmOptions(images=0)
    empty = tmp_path / "python"
    empty.write_text("#!/bin/sh\necho '[False, True]'\n")
    empty.chmod(0o755)
    with pytest.raises(MissingDependencyError, match=r"'vllm', which .*python does not have[\s\S]*pip install"):
        run_vllm("nano", VllmOptions(python=str(empty)))
    with pytest.raises(ConfigError, match="is no Python that runs"):
        run_vllm("nano", VllmOptions(python=str(tmp_path / "nothing")))


def test_a_checkpoint_of_adapters_is_its_base_with_an_adapter(tmp_path):
    from openmolmo.model.adapter import fingerprint

    base, run = find_model("nano"), tmp_path / "step-3"
    folder = adapter(run / "adapter", modules_to_save=None)
    facts = {"model": str(base), "name": "nano", "fingerprint": fingerprint(base)}
    (folder / "base.json").write_text(json.dumps(facts))
    start = vllm_start(str(run), VllmOptions(name="mine"))
    assert after(start, "--model") == str(base)
    assert after(start, "--lora-modules") == f"{run}={folder}"
    (folder / "adapter_config.json").write_text(json.dumps({"r": 8, "modules_to_save": ["connector"]}))
    with pytest.raises(CheckpointError, match=r"trained whole \(connector\)"):
        vllm_start(str(run), VllmOptions())
