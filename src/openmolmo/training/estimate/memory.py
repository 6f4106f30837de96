"""Bytes that one device needs for a run, by what they are for. Rough: within a third, for the larger models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openmolmo.imaging import CropConfig
from openmolmo.model.config import MolmoConfig
from openmolmo.training.config import RunConfig
from openmolmo.training.estimate.work import Load

__all__ = ["Sizes", "memory", "shards_of"]

_BASE_BYTES = {"none": 2.0, "int8": 1.02, "nf4": 0.53}  # of a weight of the blocks under adapters, on an accelerator
_CHUNK = {True: 2**29, False: 2**26}  # bytes of logits at a time (openmolmo.model.loss), accelerator or not
_KEPT = {"none": 1.0, "selective": 1 / 3, "full": 0.0}


@dataclass(frozen=True)
class Sizes:
    """Numbers of parameters: all, the trained ones by part, and those of the largest layer."""

    every: int
    trained: Mapping[str, int]
    layer: int


def shards_of(config: RunConfig, count: int) -> int:
    """Among how many of ``count`` devices weights, gradients and optimiser states are divided."""
    if not config.parallel.sharded:
        return 1
    return max(1, count // (config.parallel.replicate if config.parallel.mode == "hsdp" else 1))


def memory(
    config: RunConfig, model: MolmoConfig, sizes: Sizes, row: Load, crop: CropConfig, *, half: bool, count: int
) -> dict[str, float]:
    """Bytes by kind on each of the devices.

    Args:
        config: of the run.
        model: what is trained.
        sizes: its numbers of parameters.
        row: the load of one row of a batch.
        crop: how pictures are cut.
        half: whether matrix products are in bfloat16 (on an accelerator), else all is float32.
        count: number of devices.
    """
    shards = shards_of(config, count)
    trained = sum(sizes.trained.values())
    batches = config.accumulate // count
    # Gradients are cut into shards at the last batch of a step; until then each device keeps what it has.
    kept = 4 * trained if shards > 1 and batches > 1 and config.parallel.reduce == "step" else 0
    states = {
        "weights": 4 * sizes.every / shards,
        "gradients": 4 * trained / shards + kept,
        "optimiser states": 8 * trained / shards,
    }
    if config.lora is not None and half:
        rounded = sizes.layer * model.text_config.num_hidden_layers
        rest = sizes.every - trained - rounded
        states["weights"] = _BASE_BYTES[config.lora.quantize] * rounded + 2.0 * rest + 4 * trained
    if half and shards == 1 and config.lora is None:
        states["weights in bfloat16"] = 2.0 * sizes.every
    elif shards > 1:
        # The layer at work and the next, and what stays gathered: both tables.
        tables = 2 * model.text_config.vocab_size * model.text_config.hidden_size
        states["weights gathered"] = 2.0 * (2 * sizes.layer + tables)
    item = 2 if half else 4
    rows = config.loader.spans
    held, working = _activations(config, model, row, rows, item, half=half)
    text: Any = model.text_config
    head = 0.0 if config.lora or not sizes.trained["llm"] else 4.0 * text.vocab_size * text.hidden_size
    chunk = min(_CHUNK[half], 4 * rows * row.learnt * text.vocab_size)
    return {
        **states,
        "activations": held + working,
        "logits": 2.5 * chunk,
        "head's gradient": head,
        "pictures": 4.0 * 3 * rows * row.crops * crop.crop_size**2,
    }


def _activations(
    config: RunConfig, model: MolmoConfig, row: Load, rows: int, item: int, *, half: bool
) -> tuple[float, float]:
    """Bytes that are kept for the backward pass, and those of the one layer that is at work."""
    vision, text = model.vision_config, model.text_config
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    experts = getattr(text, "num_experts_per_tok", 1)
    heads, kv = text.num_attention_heads * width, text.num_key_value_heads * width
    # Into norms, attention, output and MLP; q, k, v; the three products inside the MLP, and what they make.
    layer = (6 * text.hidden_size + 2 * heads + 2 * kv + 4 * experts * text.intermediate_size) * item
    if not half:  # on processors attention is eager: scores and weights are kept
        layer += 2 * 4 * text.num_attention_heads * config.loader.row_length * config.loader.row_examples
    block = (10 * vision.hidden_size + 2 * vision.intermediate_size) * item
    patches = (vision.image_size // vision.patch_size) ** 2
    if not half:
        block += 2 * 4 * vision.num_attention_heads * patches
    share = _KEPT[config.parallel.checkpointing]
    tokens = rows * row.tokens
    kept = tokens * text.num_hidden_layers * (share * layer + item * text.hidden_size)
    seen = rows * row.crops * patches
    blocks = model.last_feature_layer + 1
    sees = config.optimizer.encoder.lr > 0 and "encoder" not in config.freeze
    if config.lora is not None:
        sees = "encoder" in config.lora.targets
    if sees:
        kept += seen * blocks * (share * block + item * vision.hidden_size)
    return kept, max(tokens * layer, seen * block)
