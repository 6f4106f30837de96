"""Exported folders as other programs read them: the template of chats, and the layout of mlx-vlm."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from published_batch import FIXTURES
from safetensors.torch import load_file
from tiny_molmo import config as tiny_config
from transformers import AutoTokenizer

import openmolmo
from openmolmo.core.errors import ConfigError
from openmolmo.imaging import CropConfig
from openmolmo.inference.folders.export import export
from openmolmo.model import Molmo, MolmoConfig, save_model
from openmolmo.model.released import load_released
from openmolmo.model.released.export import export_weights
from openmolmo.prompting import FormatConfig, Processor, TextTokenizer
from openmolmo.prompting.sequence import image_token_ids

TOKENIZER = FIXTURES.parent / "prompting" / "tokenizer"
CROP = CropConfig(crop_size=112, patch_size=14, margins=(2, 2), max_crops=6)
PICTURE = np.random.default_rng(0).integers(0, 256, (90, 130, 3), dtype=np.uint8)
QUESTION = "How many stars?"


def folder_of(family: str, target: Path) -> Path:
    save_model(load_released(FIXTURES / family), target)
    Processor(TextTokenizer.from_pretrained(TOKENIZER), CROP, FormatConfig()).save_pretrained(target)
    return target


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of each layout."""
    place = tmp_path_factory.mktemp("exported")
    ours = folder_of("qwen2_like", place / "ours")
    export(ours, place / "mlx", layout="mlx", check=True)
    export(ours, place / "released", any_size=True)
    return place


@pytest.mark.parametrize("layout", ["released", "mlx"])
def test_the_template_gives_the_ids_of_our_processor(exported: Path, layout: str) -> None:
    processor = openmolmo.load(exported / layout, device="cpu").processor
    theirs = AutoTokenizer.from_pretrained(exported / layout)
    picture = {"type": "image"}
    asked = {"role": "user", "content": [picture, {"type": "text", "text": QUESTION}]}
    said = {"role": "assistant", "content": "Two."}
    chats = [
        ([{"role": "user", "content": QUESTION}], [QUESTION], 0),
        ([asked], [QUESTION], 1),
        ([asked, said, {"role": "user", "content": "And now?"}], [QUESTION, "Two.", "And now?"], 1),
        ([{"role": "user", "content": [picture, picture, *asked["content"][1:]]}], [QUESTION], 2),
    ]
    special = processor.tokenizer.special
    span = image_token_ids(processor.pictures([PICTURE])[0].grids, special)
    for messages, texts, pictures in chats:
        ids = theirs.apply_chat_template(messages, tokenize=True, add_generation_prompt=True)["input_ids"]
        filled = [one for token in ids for one in (span if token == special.image else (token,))]
        assert filled == processor.prompt(texts, [PICTURE] * pictures).input_ids.tolist()


def test_the_layout_of_mlx_says_everything_twice_and_names_no_code(exported: Path) -> None:
    settings = json.loads((exported / "mlx" / "config.json").read_text())
    text, vision = settings["text_config"], settings["vision_config"]
    state = load_file(exported / "mlx" / "model.safetensors")
    assert state.keys() == load_file(exported / "released" / "model.safetensors").keys()
    block = "model.transformer.blocks.0."
    assert list(state[f"{block}ff_proj.weight"].shape) == [text["mlp_hidden_size"], text["d_model"]]
    head = text["d_model"] // text["n_heads"]
    assert len(state[f"{block}att_proj.bias"]) == text["d_model"] + 2 * text["n_kv_heads"] * head
    assert list(state["model.transformer.ff_out.weight"].shape) == [text["vocab_size"], text["d_model"]]
    assert len(state["model.vision_backbone.image_projector.w1.weight"]) == vision["hidden_size"]
    assert len(state["model.vision_backbone.image_vit.positional_embedding"]) == vision["image_num_pos"]
    for file in (exported / "mlx").glob("*.json"):
        assert "auto_map" not in file.read_text()


def test_one_table_becomes_two_for_mlx(tmp_path: Path) -> None:
    tied = tiny_config(projector_hidden=48).to_dict()
    tied["text_config"]["tie_word_embeddings"] = True
    net = Molmo(MolmoConfig(**tied)).eval()
    values = export_weights(net, tmp_path, mlx=True)
    state = load_file(tmp_path / "model.safetensors")
    assert torch.equal(state["model.transformer.ff_out.weight"], state["model.transformer.wte.embedding"])
    assert values["weight_tying"] is values["text_config"]["weight_tying"] is False
    assert values["text_config"]["d_model"] == net.config.text_config.hidden_size


@pytest.mark.parametrize(("family", "kind"), [("olmo_like", "olmo2"), ("olmoe_like", "olmoe")])
def test_what_mlx_cannot_express_is_named(tmp_path: Path, family: str, kind: str) -> None:
    with pytest.raises(
        ConfigError, match=f"mlx-vlm's Molmo cannot express the language model '{kind}'; it has 'qwen2'"
    ):
        export(folder_of(family, tmp_path / "m"), tmp_path / "out", layout="mlx")
    assert not (tmp_path / "out").exists()
