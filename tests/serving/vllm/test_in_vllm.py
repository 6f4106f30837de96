"""vLLM with the plug-in gives the tokens of Predictor; each test starts an engine, which takes most of a minute."""

from __future__ import annotations

import json

import pytest
import served_toys as toys
import torch
from safetensors.torch import save_file

import openmolmo
from openmolmo.inference.folders.export import export
from openmolmo.inference.generate import generate
from openmolmo.inference.sampling import Sampling
from openmolmo.words.requests import Request

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

A, B = toys.picture(60, 90), toys.picture(120, 50, 1)
NEW = 8

#: (what Predictor is asked, what vLLM is asked)
ASKED = [
    (Request(text="What is this?", images=(A,)), {"messages": [toys.message("What is this?", A)]}),
    (Request(text="Compare.", images=(A, B)), {"messages": [toys.message("Compare.", A, B)]}),
    (Request(text="Hello?"), {"messages": [toys.message("Hello?")]}),
    (
        Request(text="What is <im_patch> <im_start>?", images=(B,)),
        {"messages": [toys.message("What is <im_patch> <im_start>?", B)]},
    ),
    (
        Request(text="Is <|image|> like <|image|>?", images=(A, B)),
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Is "},
                        *toys.message(" like ", A)["content"],
                        *toys.message("?", B)["content"],
                    ],
                }
            ]
        },
    ),
    (
        Request(history=("What is it?", "A cup."), text="Where?", images=(A,)),
        {
            "messages": [
                toys.message("What is it?", A),
                {"role": "assistant", "content": "A cup."},
                {"role": "user", "content": "Where?"},
            ]
        },
    ),
    (
        Request(text="Point to cup.", style="pointing", images=(B,)),
        {"messages": [toys.message("Point to cup.", B)], "chat_template_kwargs": {"style": "pointing"}},
    ),
    (
        Request(text="What is this?", images=(B,), max_crops=1),
        {"messages": [toys.message("What is this?", B)], "mm_processor_kwargs": {"max_crops": 1}},
    ),
]
PENALTIES = {"repetition_penalty": 1.4, "presence_penalty": 0.5, "frequency_penalty": 0.3}


def asked():
    return [{**theirs, "choosing": {"max_tokens": NEW}} for _, theirs in ASKED]


def wanted(predictor, request):
    """Ids of the prompt and of the reply, its end left out."""
    prompt = predictor._prepare(request)
    (reply,) = generate(predictor.decoding([prompt], room=NEW), [predictor.limit(prompt, NEW)], Sampling())
    return prompt.input_ids.tolist(), reply.ids


def with_penalties(predictor, request):
    """The same with penalties, whose formulas are those of vLLM's documentation; every step reads all anew."""
    prompt = predictor._prepare(request)
    ids, said = torch.from_numpy(prompt.input_ids), []
    for logits in _logits(predictor, prompt, said):
        vocabulary = len(logits)
        seen = torch.cat([ids[ids < vocabulary], torch.tensor(said, dtype=torch.int64)]).unique()
        known, factor = logits[seen], PENALTIES["repetition_penalty"]
        logits[seen] = torch.where(known > 0, known / factor, known * factor)
        counts = torch.bincount(torch.tensor(said, dtype=torch.int64), minlength=vocabulary)
        logits -= PENALTIES["frequency_penalty"] * counts + PENALTIES["presence_penalty"] * (counts > 0)
        said.append(int(logits.argmax()))
        if len(said) == NEW:
            return prompt.input_ids.tolist(), said
    raise AssertionError


def _logits(predictor, prompt, said):
    from openmolmo.inference.batch import left_padded

    batch = left_padded([prompt], torch.device("cpu"))
    while True:
        more = torch.tensor([said], dtype=torch.int64)
        last = batch["position_ids"][:, -1:]
        inputs = batch | {
            "input_ids": torch.cat([batch["input_ids"], more], 1),
            "position_ids": torch.cat([batch["position_ids"], last + 1 + torch.arange(len(said))], 1),
            "attention_mask": torch.ones(1, batch["input_ids"].shape[1] + len(said), dtype=torch.int64),
        }
        with torch.inference_mode():
            logits = predictor.model(**inputs, logits_to_keep=1).logits[0, -1]
        yield logits.clone()


def same(predictor, answers):
    end = predictor.processor.tokenizer.special.eos
    for (request, _), answer in zip(ASKED, answers, strict=True):
        got = answer["prompt"], [token for token in answer["ids"] if token != end]
        assert got == wanted(predictor, request), request
    assert len({tuple(answer["ids"]) for answer in answers}) > len(answers) // 2  # not the same whatever is shown


def test_the_bundled_model(engine):
    predictor = openmolmo.load("nano", dtype="float32")
    from openmolmo.model.find import find_model

    same(predictor, engine(find_model("nano"), asked()))


def test_our_layout_with_penalties_caches_and_an_adapter(engine, tmp_path):
    folder = toys.folder(tmp_path / "model")
    predictor = openmolmo.load(folder, dtype="float32")
    adapted = openmolmo.load(folder, dtype="float32")
    adapter = _adapter(tmp_path / "adapter", adapted.model)
    request, first = ASKED[1][0], asked()[1]
    refused = [
        {"messages": [toys.message("Is <|image|> a picture?")]},
        {"messages": [toys.message("What?", b"\x89PNG\r\n\x1a\n")]},
        {"messages": [toys.message("What?", A)], "mm_processor_kwargs": {"max_crops": 0}},
    ]
    more = [
        {**asked()[7], "choosing": {"max_tokens": NEW, **PENALTIES}},
        first,
        {**first, "lora": str(adapter)},
        {"prompt": "Only words", "choosing": {"max_tokens": 1}},
        {"prompt": {"prompt": "<im_patch><im_patch>", "multi_modal_data": {}}, "choosing": {"max_tokens": 1}},
        *refused,
        first,
    ]
    answers = engine(folder, asked() + more, enable_lora=True, max_lora_rank=8, block_size=32)
    same(predictor, answers[: len(ASKED)])
    penalised, again, lora, words, typed, *errors, last = answers[len(ASKED) :]
    assert (penalised["prompt"], penalised["ids"]) == with_penalties(predictor, ASKED[7][0])
    assert penalised["ids"] != answers[7]["ids"]
    assert (again["prompt"], again["ids"]) == wanted(predictor, request)
    assert again["cached"] >= 32  # its beginning, picture and all, was known
    assert (lora["prompt"], lora["ids"]) == wanted(adapted, request)
    assert lora["ids"] != again["ids"]
    assert words["prompt"][0] == predictor.processor.tokenizer.special.bos
    assert typed["ids"]  # an <im_patch> without a picture is a token like any other
    assert ["error" in each for each in errors] == [True] * 3
    assert "send the picture as a part" in errors[0]["error"]
    assert "max_crops is 0, must be at least 1" in errors[2]["error"]
    assert last["ids"] == again["ids"]


def _adapter(target, model):
    """An adapter of the attention's matrices as PEFT writes it, also added to ``model``."""
    generator = torch.Generator().manual_seed(5)
    state = {}
    for name, weight in dict(model.named_parameters()).items():
        if ".self_attn." in name and name.startswith("decoder.") and weight.dim() == 2:
            down, up = (torch.randn(shape, generator=generator) for shape in ((4, weight.shape[1]), (len(weight), 4)))
            weight.data += 0.5 * up @ down * 0.3
            key = f"base_model.model.{name.removesuffix('.weight')}"
            state |= {f"{key}.lora_A.weight": down * 0.3, f"{key}.lora_B.weight": up}
    target.mkdir()
    save_file(state, target / "adapter_model.safetensors")
    pattern = r"(?:decoder\.layers\.\d+\.self_attn\.(?:q|k|v|o)_proj)"  # as our training writes it
    settings = {"peft_type": "LORA", "r": 4, "lora_alpha": 2, "target_modules": pattern, "bias": "none"}
    (target / "adapter_config.json").write_text(json.dumps(settings))
    return target


@pytest.mark.parametrize(
    ("kind", "encoder", "changes"),
    [
        ("qwen3", "siglip", {"text": {"tie_word_embeddings": True}, "feature_norm": True}),
        ("olmoe", "dinov2", {"pooling": "stack"}),
        ("olmo2", "siglip", {}),
        ("llama", "clip", {"padding_embedding": False}),
        ("smollm3", "clip", {}),
    ],
)
def test_other_parts_in_our_layout(engine, tmp_path, kind, encoder, changes):
    folder = toys.folder(tmp_path / "model", kind, encoder, **changes)
    same(openmolmo.load(folder, dtype="float32"), engine(folder, asked()))


@pytest.mark.parametrize("kind", ["qwen2", "olmo2", "olmoe"])
def test_the_released_layouts(engine, tmp_path, kind):
    toys.folder(tmp_path / "model", kind)
    export(tmp_path / "model", tmp_path / "released", any_size=True)
    (tmp_path / "released" / "chat_template.jinja").unlink(missing_ok=True)  # the published folders have none
    same(openmolmo.load(tmp_path / "released", dtype="float32"), engine(tmp_path / "released", asked()))
