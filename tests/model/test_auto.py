"""The library's own tools on a tiny Molmo: Auto classes, pipelines, chats, LoRA, quantised loading, device maps."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from PIL import Image
from tiny_molmo import batch, logits, prompt_batch, sample
from tiny_molmo import model as tiny
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    CLIPVisionConfig,
    Qwen2Config,
    pipeline,
)

import openmolmo
from openmolmo.core.errors import ImageError, PromptError
from openmolmo.imaging import CropConfig
from openmolmo.inference.hf import MolmoProcessor
from openmolmo.model import Molmo, MolmoConfig, load_model, save_model
from openmolmo.prompting import FormatConfig, Processor
from openmolmo.prompting.tokenizer import train_bpe

GREEDY = {"max_new_tokens": 6, "do_sample": False}
PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8))
QUESTION = "How many stars?"
LORA = r"decoder\.layers\.\d+\.self_attn\.(q|v)_proj"


def text_config(vocabulary: int) -> Qwen2Config:
    return Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=256,
        initializer_range=0.2,
        bos_token_id=None,
        eos_token_id=None,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder as a training run leaves it."""
    openmolmo.register()
    path = tmp_path_factory.mktemp("model")
    crop = CropConfig(crop_size=56, patch_size=14, margins=(0, 0), max_crops=2)
    processor = Processor(
        train_bpe(["User: How many stars? Assistant: There are two of them."] * 4, 320), crop, FormatConfig()
    )
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=56, patch_size=14
    )
    torch.manual_seed(0)
    net = Molmo(
        MolmoConfig(
            vision_config=vision,
            text_config=text_config(320),
            image_patch_id=processor.tokenizer.special.im_patch,
            feature_layers=[-1],
            pooling_heads=2,
            pooling_head_dim=16,
            projector_hidden=64,
            connector_init=None,
        )
    )
    save_model(net, path)
    processor.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def processor(folder: Path) -> MolmoProcessor:
    return AutoProcessor.from_pretrained(folder)


@pytest.fixture(scope="module")
def model(folder: Path) -> Molmo:
    return AutoModelForImageTextToText.from_pretrained(folder)


def message(*parts: Any, role: str = "user") -> dict[str, Any]:
    named = [{"type": "text", "text": p} if isinstance(p, str) else {"type": "image", "image": p} for p in parts]
    return {"role": role, "content": named}


def ids_of(inputs: Any) -> list[int]:
    return inputs["input_ids"][0].tolist()


# --------------------------------------------------------------------------------- registration


def test_importing_the_package_stays_light_and_the_model_room_registers() -> None:
    code = "import sys, openmolmo; assert not {'torch', 'transformers'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert type(AutoConfig.for_model("openmolmo")).__name__ == "MolmoConfig"


def test_auto_classes_find_everything_by_the_folder(folder: Path, processor: MolmoProcessor, model: Molmo) -> None:
    openmolmo.register()  # a second time changes nothing
    assert isinstance(AutoConfig.from_pretrained(folder), MolmoConfig)
    assert isinstance(model, Molmo)
    assert isinstance(processor, MolmoProcessor)
    assert model.generation_config.eos_token_id == processor.tokenizer.eos_token_id
    ours = load_model(folder)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), ours.parameters(), strict=True))


def test_saved_by_the_library_and_read_again(
    folder: Path, processor: MolmoProcessor, model: Molmo, tmp_path: Path
) -> None:
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    again, coat = AutoModelForImageTextToText.from_pretrained(tmp_path), AutoProcessor.from_pretrained(tmp_path)
    inputs = coat(images=PICTURE, text=QUESTION)
    assert torch.equal(again.generate(**inputs, **GREEDY), model.generate(**inputs, **GREEDY))
    assert openmolmo.load(tmp_path, device="cpu", max_new_tokens=3).ask(PICTURE, QUESTION).text is not None
    assert (tmp_path / "chat_template.jinja").read_text() == processor.chat_template
    assert AutoTokenizer.from_pretrained(tmp_path).convert_tokens_to_ids("<im_patch>") == model.config.image_patch_id


# --------------------------------------------------------------------------------- chats


def test_a_chat_is_the_prompt_of_our_own_processor(processor: MolmoProcessor) -> None:
    inputs = processor.apply_chat_template([message(PICTURE, QUESTION)], tokenize=True, return_dict=True)
    expected = processor.core.prompt(QUESTION, [PICTURE])
    assert ids_of(inputs) == expected.input_ids.tolist()
    assert set(inputs) == set(processor.model_input_names)
    assert torch.equal(inputs["crops"], torch.from_numpy(expected.images[0].pixels))


CHATS = [
    [message("Hello there.")],
    [message(PICTURE, QUESTION)],
    [message(PICTURE, PICTURE, QUESTION), message("Two.", role="assistant"), message("And now?")],
    [message(PICTURE, QUESTION), message("Two.", role="assistant"), message("Here too?", PICTURE)],
    [message("Compare", PICTURE, "with", PICTURE)],
    [{"role": "user", "content": QUESTION}],
]


@pytest.mark.parametrize("chat", CHATS)
def test_a_chat_as_text_gives_the_same_tokens(processor: MolmoProcessor, chat: list[dict[str, Any]]) -> None:
    text = processor.apply_chat_template(chat)
    pictures = [
        part["image"] for m in chat if isinstance(m["content"], list) for part in m["content"] if "image" in part
    ]
    assert text.count("<|image|>") == len(pictures)
    direct = processor.apply_chat_template(chat, tokenize=True, return_dict=True)
    assert ids_of(processor(images=pictures or None, text=text)) == ids_of(direct)


def test_pictures_may_be_files_bytes_and_data_addresses(processor: MolmoProcessor, tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "p.png")
    stored = io.BytesIO()
    PICTURE.save(stored, format="PNG")
    code = base64.b64encode(stored.getvalue()).decode()
    parts = [
        {"type": "image", "path": str(tmp_path / "p.png")},
        {"type": "image", "url": f"file://{tmp_path / 'p.png'}"},
        {"type": "image", "base64": code},
        {"type": "image", "image": np.array(PICTURE)},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{code}"}},
    ]
    chat = [{"role": "user", "content": [*parts, {"type": "text", "text": QUESTION}]}]
    crops = processor.apply_chat_template(chat, tokenize=True, return_dict=True)["crops"]
    each = crops.view(5, -1)
    assert torch.equal(each, each[:1].expand_as(each))


def test_what_people_write_is_never_a_special_token(processor: MolmoProcessor) -> None:
    inputs = processor.apply_chat_template([message("Say <im_patch>!")], tokenize=True, return_dict=True)
    assert processor.core.tokenizer.special.im_patch not in ids_of(inputs)


def test_a_begun_reply_is_continued(processor: MolmoProcessor) -> None:
    chat = [message(PICTURE, QUESTION), message("There are", role="assistant")]
    options = {"tokenize": True, "return_dict": True}
    begun = processor.apply_chat_template(chat, continue_final_message=True, **options)
    plain = processor.apply_chat_template(chat[:1], **options)
    assert ids_of(begun) == ids_of(plain) + processor.core.tokenizer.encode(" There are")
    assert begun["position_ids"][0].tolist() == list(range(len(ids_of(begun))))


def test_chats_that_make_no_sense_are_explained(processor: MolmoProcessor) -> None:
    options = {"tokenize": True, "return_dict": True}
    for chat, words in (
        ([message("Be brief.", role="system")], "'system', expected 'user'"),
        ([message("a"), message("b")], "message 2 has role 'user'"),
        ([message("a"), message(PICTURE, role="assistant"), message("b")], "holds a picture"),
        ([{"role": "user", "content": [{"type": "video", "path": "x"}]}], "'video'"),
    ):
        with pytest.raises(PromptError, match=words):
            processor.apply_chat_template(chat, **options)
    with pytest.raises(ImageError, match="without a picture"):
        processor.apply_chat_template([{"role": "user", "content": [{"type": "image"}]}], **options)
    with pytest.raises(PromptError, match="2 texts and pictures for 3"):
        processor(images=[PICTURE] * 3, text=["a", "b"])


# --------------------------------------------------------------------------------- generation


def test_pipeline_answers_chats_as_the_predictor_does(folder: Path) -> None:
    pipe = pipeline("image-text-to-text", model=str(folder), device="cpu")
    out = pipe(text=[message(PICTURE, QUESTION)], return_full_text=False, **GREEDY)
    expected = openmolmo.load(folder, device="cpu", max_new_tokens=6).ask(PICTURE, QUESTION).text
    assert out[0]["generated_text"].strip() == expected
    raw = pipe(images=PICTURE, text=f"<|image|> User: {QUESTION} Assistant:", return_full_text=False, **GREEDY)
    assert raw[0]["generated_text"].strip() == expected


def test_a_padded_batch_answers_like_single_questions(processor: MolmoProcessor, model: Molmo) -> None:
    chats = [[message(PICTURE, QUESTION)], [message("Hi.")], [message(PICTURE, PICTURE, "Which of the two is it?")]]
    options = {"tokenize": True, "return_dict": True}
    together = processor.apply_chat_template(chats, **options)
    replies = model.generate(**together, **GREEDY)[:, together["input_ids"].shape[1] :]
    for row, chat in zip(replies, chats, strict=True):
        alone = processor.apply_chat_template(chat, **options)
        assert torch.equal(model.generate(**alone, **GREEDY)[0, alone["input_ids"].shape[1] :], row)
    assert processor.batch_decode(replies) == [processor.decode(row) for row in replies]


def test_half_precision_inputs(processor: MolmoProcessor, folder: Path) -> None:
    half = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.bfloat16)
    inputs = processor(images=PICTURE, text=QUESTION).to(half.device, dtype=torch.bfloat16)
    assert inputs["crops"].dtype == torch.bfloat16
    assert half.generate(**inputs, **GREEDY).shape[0] == 1


# --------------------------------------------------------------------------------- PEFT


@pytest.mark.parametrize("task", [None, "CAUSAL_LM"])
def test_lora_learns_is_saved_and_merged(task: str | None, tmp_path: Path) -> None:
    inputs, prompts = batch([[sample(1)]]), prompt_batch([sample(1, (4,)), sample(2, (2,))])
    torch.manual_seed(0)
    tuned = get_peft_model(tiny(), LoraConfig(r=2, target_modules=LORA, task_type=task))
    trained = [name for name, p in tuned.named_parameters() if p.requires_grad]
    assert len(trained) == 8 and all("decoder.layers" in name for name in trained)
    optimizer = torch.optim.AdamW([p for p in tuned.parameters() if p.requires_grad], lr=0.02)
    losses = []
    for _ in range(3):
        loss = tuned(**inputs).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    tuned.eval().save_pretrained(tmp_path)
    again = PeftModel.from_pretrained(tiny(), tmp_path)
    greedy = {**GREEDY, "pad_token_id": 0}
    assert torch.equal(again.generate(**prompts, **greedy), tuned.generate(**prompts, **greedy))
    merged = tuned.merge_and_unload()
    save_model(merged, tmp_path / "merged")
    difference = logits(load_model(tmp_path / "merged"), inputs) - logits(again, inputs)
    assert difference.abs().max() < 1e-4


# --------------------------------------------------------------------------------- device maps, quantised weights


def _tokens(net: Molmo, inputs: dict[str, Tensor]) -> Tensor:
    return net.generate(**inputs, max_new_tokens=4, do_sample=False, pad_token_id=0)


def test_device_map_auto_and_offloading(tmp_path: Path) -> None:
    net, inputs = tiny(), prompt_batch([sample(1, (4,)), sample(2, (2,))])
    net.save_pretrained(tmp_path)
    placed = AutoModelForImageTextToText.from_pretrained(tmp_path, device_map="auto")
    assert torch.equal(_tokens(placed, inputs), _tokens(net, inputs))
    assert placed._no_split_modules == {"Qwen2DecoderLayer", "VisionEncoder", "Connector", "ExtendedEmbedding"}
    spread = AutoModelForImageTextToText.from_pretrained(
        tmp_path, device_map="auto", max_memory={"cpu": 110_000}, offload_folder=tmp_path / "offload"
    )
    assert {"cpu", "disk"} <= set(spread.hf_device_map.values())
    assert torch.equal(_tokens(spread, inputs), _tokens(net, inputs))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bits", [8, 4])
def test_weights_quantised_while_loading(bits: int, tmp_path: Path) -> None:
    quantization = pytest.importorskip("torchao.quantization")
    from transformers import TorchAoConfig

    how = (
        quantization.Int8WeightOnlyConfig()
        if bits == 8
        else quantization.IntxWeightOnlyConfig(
            weight_dtype=torch.int4, granularity=quantization.granularity.PerGroup(8)
        )
    )
    net, inputs = tiny(), batch([[sample(1, (4,))]])
    net.save_pretrained(tmp_path)
    small = AutoModelForImageTextToText.from_pretrained(
        tmp_path,
        quantization_config=TorchAoConfig(how, modules_to_not_convert=["encoder", "connector", "lm_head"]),
    )
    kept = dict(net.named_parameters())
    made = {name: p for name, p in small.named_parameters() if "Int" in type(p).__name__}
    assert len(made) == 14 and all(name.startswith("decoder.layers") for name in made)
    for name, weight in made.items():
        off = (weight.dequantize() - kept[name]).norm() / kept[name].norm()
        assert 0 < off < (0.01 if bits == 8 else 0.15), (name, off)
    off = (logits(small, inputs) - logits(net, inputs)).norm() / logits(net, inputs).norm()
    assert 0 < off < (0.05 if bits == 8 else 0.6)  # measured 0.02 and 0.38: random weights have nothing to spare
    assert _tokens(small, prompt_batch([sample(1, (4,))])).shape[0] == 1


def test_the_config_names_the_architecture(folder: Path) -> None:
    values = json.loads((folder / "config.json").read_text())
    assert (values["model_type"], values["architectures"]) == ("openmolmo", ["Molmo"])
