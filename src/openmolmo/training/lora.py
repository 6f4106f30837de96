"""Adapters on a model: put in, saved, read again, and added to the weights they belong to.

OUT/step-300/adapter/   adapter_config.json and adapter_model.safetensors, which PEFT reads; base.json
OUT/final/              the model with its adapters added, a whole folder
OUT/final/adapter/      the adapters alone, for those who have the base model
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from openmolmo.core.errors import CheckpointError, ConfigError
from openmolmo.core.files import write_json
from openmolmo.core.optional import require
from openmolmo.core.rng import derive_seed
from openmolmo.model.adapter import PREFIX, fingerprint
from openmolmo.model.checkpoint import load_model
from openmolmo.model.components import part_of
from openmolmo.model.folder import ADAPTER, ADAPTER_BASE, ADAPTER_WEIGHTS
from openmolmo.model.molmo import Molmo
from openmolmo.training.lora_config import LoraConfig

__all__ = ["adapt", "is_adapted", "load_adapter", "merged", "save_adapter", "target_pattern"]

_NAME = "default"
_TARGETS = {
    "attention": r"decoder\.layers\.\d+\.self_attn\.(?:q|k|v|o)_proj",
    "mlp": r"decoder\.layers\.\d+\.mlp\.(?:gate|up|down)_proj",
    "connector": r"connector\.(?:pool\.(?:q|k|v|o)_proj|projector\.(?:gate|up|down)_proj)",
    # As the encoders' classes call them, DINOv2's by the library's version.
    "encoder": r"encoder\..*\.(?:q_proj|k_proj|v_proj|out_proj|o_proj|query|key|value|dense|fc1|fc2|weights_in|"
    r"weights_out|gate_proj|up_proj|down_proj)",
}


@dataclass(frozen=True)
class _Adapted:
    """What a model with adapters was made of."""

    config: LoraConfig
    base: Path
    dtype: torch.dtype
    name: str


def target_pattern(config: LoraConfig) -> str:
    """The names of the linear layers that get an adapter, as a regular expression."""
    return "|".join(f"(?:{_TARGETS[target]})" for target in config.targets)


def adapt(model: Molmo, config: LoraConfig, base: Path, seed: int, name: str = "") -> None:
    """Freeze ``model``, which was read from the folder ``base``, and put adapters into it, in place.

    ``name`` is what the user called the base model: a bundled model's name, a path, or OWNER/NAME at the hub.

    They start at zero effect. What is trained is float32, whatever the rest is.

    Raises:
        MissingDependencyError: peft, or torchao for a quantised base, is not installed.
        ConfigError: the model has none of the layers that were named.
    """
    peft = require("peft", extra="peft")
    dtype = next(model.decoder.parameters()).dtype
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    if config.quantize != "none":
        _quantize(model, config.quantize)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*get_apply_tensor_subclass.*")  # merging is done elsewhere
        torch.manual_seed(derive_seed(seed, "lora") % 2**63)
        try:
            peft.inject_adapter_in_model(_settings(config, []), model, adapter_name=_NAME)
        except ValueError as error:
            raise ConfigError(
                f"lora.targets={','.join(config.targets)}: the model has no such layers",
                fix="experts of a mixture are no linear layers: use attention",
            ) from error
    model.adapted = _Adapted(config, base, dtype, name)
    for _, parameter in _trained(model):
        parameter.data = parameter.data.float()
        parameter.requires_grad_(True)


def is_adapted(model: Molmo) -> bool:
    """Whether a model has adapters."""
    return hasattr(model, "adapted")


def save_adapter(model: Molmo, folder: Path) -> None:
    """Write ``folder/adapter``: what was trained, exactly, and what it belongs to."""
    adapted: _Adapted = model.adapted
    target = folder / ADAPTER
    target.mkdir()
    settings = _settings(adapted.config, ["connector"] if adapted.config.connector else [])
    settings.base_model_name_or_path = str(adapted.base)
    settings.inference_mode = True
    settings.save_pretrained(str(target))
    state = {_key(name): parameter.detach().cpu().contiguous() for name, parameter in _trained(model)}
    save_file(state, target / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    base = {"model": str(adapted.base.absolute()), "name": adapted.name, "fingerprint": fingerprint(adapted.base)}
    write_json(target / ADAPTER_BASE, base)


def load_adapter(model: Molmo, folder: Path) -> None:
    """Read ``folder/adapter`` into a model that :func:`adapt` has prepared.

    Raises:
        CheckpointError: it is missing or damaged, has other layers or ranks, or belongs to another base model.
    """
    target, base = folder / ADAPTER, model.adapted.base
    try:
        before = json.loads((target / ADAPTER_BASE).read_text(encoding="utf-8"))
        state = load_file(target / ADAPTER_WEIGHTS)
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"the adapter in {target} cannot be read: {error}", fix="use an older step") from error
    if before["fingerprint"] != fingerprint(base):
        raise CheckpointError(
            f"the base model in {base} is not the one that the adapter in {target} was trained on (that was "
            f"{before['model']}, with fingerprint {before['fingerprint']}; now it is {fingerprint(base)})",
            fix="put the base model back, or start a new run",
        )
    wanted = {_key(name): parameter for name, parameter in _trained(model)}
    if {name: tensor.shape for name, tensor in state.items()} != {name: p.shape for name, p in wanted.items()}:
        raise CheckpointError(
            f"the adapter in {target} has other layers or another rank than the configuration",
            fix="resume with the settings the run was started with",
        )
    with torch.no_grad():
        for name, tensor in state.items():
            wanted[name].copy_(tensor)


def merged(model: Molmo) -> Molmo:
    """The base model, read again, with the adapters added to its weights; an ordinary Molmo on the processor."""
    from peft.tuners.lora import LoraLayer

    adapted: _Adapted = model.adapted
    made = load_model(adapted.base, adapted.dtype)
    weights = dict(made.named_parameters())
    layers: dict[str, Any] = dict(model.named_modules())
    adapted_layers = {name for name, layer in layers.items() if isinstance(layer, LoraLayer)}
    with torch.no_grad():
        for name, layer in layers.items():
            if name in adapted_layers:
                weight = weights[f"{name}.weight"]
                weight.copy_(weight.float() + layer.get_delta_weight(_NAME).detach().float().cpu())
        for name, parameter in _trained(model):
            if name in weights:
                weights[name].copy_(parameter.detach())
    return made


def _settings(config: LoraConfig, whole: list[str]) -> Any:
    peft = require("peft", extra="peft")
    return peft.LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=target_pattern(config),
        modules_to_save=whole or None,
    )


def _trained(model: Molmo) -> Iterator[tuple[str, nn.Parameter]]:
    """Adapters, and the connector with the special tokens' rows where it is trained whole, by name."""
    whole = model.adapted.config.connector
    for name, parameter in model.named_parameters():
        if f".{_NAME}." in name or (whole and part_of(name) == "connector"):
            yield name, parameter


def _key(name: str) -> str:
    return PREFIX + name.replace(f".{_NAME}.", ".")


def _quantize(model: Molmo, kind: str) -> None:
    """Round the matrices of the language model's blocks: 8 bits a row, or 4 bits by 64 values (NF4)."""
    torchao = require("torchao.quantization", extra="quantize")
    if kind == "int8":
        torchao.quantize_(model.decoder.layers, torchao.Int8WeightOnlyConfig())
        for parameter in model.decoder.layers.parameters():
            parameter.requires_grad_(False)
        return
    for name, layer in list(model.decoder.layers.named_modules()):
        if isinstance(layer, nn.Linear):
            if layer.weight.numel() % 64:
                raise ConfigError(
                    f"lora.quantize=nf4 takes 64 values at a time; {name} has {layer.weight.numel()}",
                    fix="use lora.quantize=int8",
                )
            layer.weight = nn.Parameter(_nf4(torchao, layer.weight.detach()), requires_grad=False)


def _nf4(torchao: Any, weight: Tensor) -> Tensor:
    blocks = weight.numel() // 64
    rounded: Tensor = torchao.to_nf4(weight, block_size=64, scaler_block_size=math.gcd(blocks, 256))
    return rounded
