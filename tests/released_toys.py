"""Folders in the layouts of the released models: tiny random weights and a tokenizer with their special tokens."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
import yaml
from safetensors.torch import load_file, save_file

FIXTURES = Path(__file__).parent / "fixtures"
FAMILIES = ("qwen2_like", "olmo_like", "olmoe_like")
REPOSITORY, COMMIT = "allenai/Molmo-Tiny", "0123456789abcdef0123456789abcdef01234567"

#: ``preprocessor_config.json`` as published, with the sizes of the tiny models.
PREPROCESSOR = {
    "auto_map": {"AutoImageProcessor": "image_preprocessing_molmo.MolmoImageProcessor"},
    "base_image_input_size": [112, 112],
    "do_normalize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_padding_mask": True,
    "image_patch_size": 14,
    "image_processor_type": "MolmoImageProcessor",
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "image_token_length_h": 4,
    "image_token_length_w": 4,
    "max_crops": 6,
    "overlap_margins": [2, 2],
    "processor_class": "MolmoProcessor",
}


def published_folder(target: Path, family: str = "qwen2_like", *, shards: bool = False) -> Path:
    """A whole released folder: settings, weights, tokenizer; code that must never be run lies beside them."""
    target.mkdir(parents=True)
    shutil.copy(FIXTURES / "model" / family / "config.json", target)
    weights = FIXTURES / "model" / family / "model.safetensors"
    if shards:
        state = load_file(weights)
        names, where = sorted(state), {}
        for number in range(3):
            part = names[number::3]
            file = f"model-{number + 1:05d}-of-00003.safetensors"
            save_file({name: state[name] for name in part}, target / file)
            where |= dict.fromkeys(part, file)
        (target / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    else:
        shutil.copy(weights, target)
    for path in (FIXTURES / "prompting" / "tokenizer").iterdir():
        shutil.copy(path, target)
    (target / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    (target / "processor_config.json").write_text(json.dumps({"processor_class": "MolmoProcessor"}))
    (target / "modeling_molmo.py").write_text("raise SystemExit('code of a model folder was run')")
    return target


_DENSE_KEYS = {
    "hidden_size": "d_model",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "num_key_value_heads": "n_kv_heads",
    "intermediate_size": "mlp_hidden_size",
}


def native_folder(target: Path, family: str = "qwen2_like", *, encoder: str = "openai", **changes: object) -> Path:
    """The same model as a training checkpoint; names are written down here anew, not taken from the library.

    ``encoder``: with random weights of another encoder ("siglip", "dino") in place of the family's own.
    """
    target.mkdir(parents=True)
    values = json.loads((FIXTURES / "model" / family / "config.json").read_text())
    model = {_DENSE_KEYS.get(key, key): value for key, value in values.items() if key != "model_type"}
    model.setdefault("block_type", "sequential")
    model |= {"system_prompt_kind": "style_and_length", "prompt_type": "none", "message_formatting": "none"}
    state = load_file(FIXTURES / "model" / family / "model.safetensors")
    if encoder != "openai":
        model["vision_backbone"] = values["vision_backbone"] | _OTHER_ENCODERS[encoder]
        state = {name: tensor for name, tensor in state.items() if ".image_vit." not in name}
        state |= _encoder_weights(encoder, model["vision_backbone"])
    settings = {"run_name": "captioner", "model": model | changes, "tokenizer": {"identifier": "mm:hf-Qwen/Qwen2-7B"}}
    (target / "config.yaml").write_text(yaml.safe_dump(settings))
    torch.save(_native_names(state, model), target / "model.pt")
    return target


_OTHER_ENCODERS = {
    "siglip": {"image_model_type": "siglip", "image_num_pos": 64, "image_mlp_activations": "gelu_pytorch_tanh"},
    "dino": {"image_model_type": "dino", "image_num_pos": 65, "image_mlp_activations": "gelu"},
}
for _settings, _mode in zip(_OTHER_ENCODERS.values(), ("siglip", "dino"), strict=True):
    _settings |= {"resize_mode": _mode, "image_norm_eps": 1e-6}


def _encoder_weights(kind: str, settings: dict[str, int]) -> dict[str, torch.Tensor]:
    """Random weights under the names of the published code's encoders."""
    width, inner, patch = settings["image_emb_dim"], settings["image_mlp_dim"], settings["image_patch_size"]
    shapes: dict[str, tuple[int, ...]] = {
        "positional_embedding": (settings["image_num_pos"], width),
        "patch_embedding.weight": (width, 3 * patch * patch),
        "patch_embedding.bias": (width,),
    }
    if kind == "dino":
        shapes["class_embedding"] = (width,)
    for n in range(settings["image_num_layers"]):
        block = f"transformer.resblocks.{n}."
        linears = {f"attention.w{part}": (width, width) for part in "qkvo"}
        linears |= {"feed_forward.w1": (inner, width), "feed_forward.w2": (width, inner)}
        for name, shape in linears.items():
            shapes |= {f"{block}{name}.weight": shape, f"{block}{name}.bias": shape[:1]}
        for norm in ("attention_norm", "ffn_norm"):
            shapes |= {f"{block}{norm}.weight": (width,), f"{block}{norm}.bias": (width,)}
        if kind == "dino":
            shapes |= {f"{block}lambda1": (width,), f"{block}lambda2": (width,)}
    generator = torch.Generator().manual_seed(0)
    return {
        f"model.vision_backbone.image_vit.{name}": 0.3 * torch.randn(shape, generator=generator)
        for name, shape in shapes.items()
    }


def _native_names(state: dict[str, torch.Tensor], model: dict[str, object]) -> dict[str, torch.Tensor]:
    if model["block_type"] != "moe":
        return {name.removeprefix("model."): tensor for name, tensor in state.items()}
    named = {"transformer.ff_out.weight": state.pop("lm_head.weight")}
    for n in range(int(str(model["n_layers"]))):
        theirs, ours = f"model.transformer.blocks.{n}.", f"transformer.blocks.{n}."
        experts = [f"{theirs}mlp.experts.{e}." for e in range(int(str(model["moe_num_experts"])))]
        for part, name in (("gate", "w1"), ("up", "v1"), ("down", "w2")):
            matrices = [state.pop(f"{expert}{part}_proj.weight") for expert in experts]
            rows = [matrix.T if part == "down" else matrix for matrix in matrices]
            named[f"{ours}ffn.experts.mlp.{name}"] = torch.cat(rows)
        named[f"{ours}ffn.router.layer.weight"] = state.pop(f"{theirs}mlp.gate.weight")
        named[f"{ours}ff_norm.weight"] = state.pop(f"{theirs}mlp.ff_norm.weight")
        for name in [name for name in state if name.startswith(f"{theirs}attn.")]:
            named[ours + name.removeprefix(f"{theirs}attn.")] = state.pop(name)
    return named | {name.removeprefix("model."): tensor for name, tensor in state.items()}


def hub_cache(cache: Path, folder: Path, repository: str = REPOSITORY) -> None:
    """Put a folder into a cache of the hub as a download would have."""
    place = cache / f"models--{repository.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(COMMIT)
    shutil.copytree(folder, place / "snapshots" / COMMIT)
