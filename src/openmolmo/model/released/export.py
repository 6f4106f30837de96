"""Weights and settings of a Molmo in the published layout, written tensor by tensor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from openmolmo.core.files import atomic_file, write_json
from openmolmo.model.folder import CONFIG, INDEX, read_settings
from openmolmo.model.molmo import Molmo
from openmolmo.model.released.config import read_config
from openmolmo.model.released.load import released_rules, unused_weights
from openmolmo.model.released.mlx import mlx_blocks, untied
from openmolmo.model.released.rules import Rule
from openmolmo.model.released.settings import written_config
from openmolmo.model.released.shared import UNUSED_BLOCK

__all__ = ["export_weights"]


def export_weights(
    model: Molmo,
    folder: Path,
    *,
    like: Path | None = None,
    any_size: bool = False,
    mlx: bool = False,
    shard_bytes: int = 5_000_000_000,
) -> dict[str, Any]:
    """Write ``config.json`` and safetensors as the released models have them; gives the settings written.

    ``mlx``: with the blocks of settings that mlx-vlm reads, an output head in any case, and no word of code.

    The published code stores encoder blocks behind the last one that is used; they are taken from ``like``,
    the released folder that the model came from, and are zeros without it (a block of zeros passes on what it
    is given).

    Raises:
        ConfigError: the layout cannot express a setting of the model.
        CheckpointError: ``like`` is no released folder.
    """
    published = None if like is None else read_settings(like).values
    dtype = str(model.dtype).removeprefix("torch.")
    config = untied(model.config) if mlx else model.config
    values = written_config(config, any_size=any_size or mlx, like=published, dtype=dtype)
    blocks = read_config(values).vision_config.num_hidden_layers
    if mlx:
        values = {key: value for key, value in values.items() if key != "auto_map"} | mlx_blocks(read_config(values))
    parts = [*released_rules(config), *_unused(model, blocks, like)]
    shards = _shards(model, parts, shard_bytes)
    names = {}
    for number, part in enumerate(shards, start=1):
        name = f"model-{number:05d}-of-{len(shards):05d}.safetensors" if len(shards) > 1 else "model.safetensors"
        tensors = dict(_tensors(model, part))
        with atomic_file(folder / name) as temporary:
            save_file(tensors, temporary, metadata={"format": "pt"})
        names.update(dict.fromkeys(tensors, name))
    if len(shards) > 1:
        total = sum(_bytes(model, part) for part in parts)
        write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": dict(sorted(names.items()))})
    write_json(folder / CONFIG, values)
    return values


Part = Rule | tuple[str, Tensor]


def _unused(model: Molmo, blocks: int, like: Path | None) -> Iterator[Part]:
    """Encoder blocks that are stored and never used."""
    last = model.config.last_feature_layer
    kept = {} if like is None else unused_weights(like)
    ours = dict(model.named_parameters())
    for rule in released_rules(model.config):
        (name, *_) = rule.theirs
        if not name.startswith(f"{UNUSED_BLOCK}{last}."):
            continue
        shape = ours[rule.ours[0]]
        for block in range(last + 1, blocks):
            stored = name.replace(f"{UNUSED_BLOCK}{last}.", f"{UNUSED_BLOCK}{block}.")
            given = kept.get(stored)
            fits = given is not None and given.shape == shape.shape
            yield stored, given.to(shape.dtype) if fits and given is not None else torch.zeros_like(shape).detach()


def _shards(model: Molmo, parts: list[Part], limit: int) -> list[list[Part]]:
    shards: list[list[Part]] = [[]]
    size = 0
    for part in parts:
        count = _bytes(model, part)
        if shards[-1] and size + count > limit:
            shards.append([])
            size = 0
        shards[-1].append(part)
        size += count
    return shards


def _bytes(model: Molmo, part: Part) -> int:
    if isinstance(part, Rule):
        return sum(model.get_parameter(name).nbytes for name in part.ours)
    return part[1].nbytes


def _tensors(model: Molmo, parts: list[Part]) -> Iterator[tuple[str, Tensor]]:
    for part in parts:
        if isinstance(part, Rule):
            theirs = part.change.to_theirs([model.get_parameter(name).detach() for name in part.ours])
            # Clones, because parts of one tensor may not be stored side by side.
            yield from ((n, t.cpu().contiguous().clone()) for n, t in zip(part.theirs, theirs, strict=True))
        else:
            yield part
