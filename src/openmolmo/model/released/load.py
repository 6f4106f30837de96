"""Reading released checkpoints into a Molmo, and a Molmo's weights back into their form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers.initialization import no_init_weights

from openmolmo.core.errors import CheckpointError
from openmolmo.model.checkpoint import open_weights, weight_files
from openmolmo.model.config import MolmoConfig
from openmolmo.model.molmo import Molmo
from openmolmo.model.released.config import is_moe, read_config
from openmolmo.model.released.dense import dense_rules
from openmolmo.model.released.moe import moe_rules
from openmolmo.model.released.rules import Rule
from openmolmo.model.released.shared import UNUSED_BLOCK

__all__ = ["load_released", "released_rules", "released_weights", "unused_weights"]


def load_released(folder: Path | str, dtype: torch.dtype | None = None, *, residual_dropout: float = 0.0) -> Molmo:
    """A released checkpoint (MolmoE-1B, Molmo-7B-O, 7B-D, 72B) as a Molmo in evaluation mode.

    Args:
        folder: as published: ``config.json`` and safetensors, one file or several. No code in it is run.
        dtype: type of the weights in memory; None means float32.
        residual_dropout: for training on; the published configurations have 0.

    Raises:
        CheckpointError: the folder is not a released Molmo, or its tensors do not fit its configuration.
    """
    folder = Path(folder)
    values = _read_json(folder / "config.json")
    with no_init_weights():
        model = Molmo(read_config(values, residual_dropout))
    model.tie_weights()
    model.to(dtype or torch.float32)
    rules = released_rules(model.config)
    assert is_moe(values) == (model.config.text_config.model_type == "olmoe")
    source = _Source(folder)
    source.check(rules, model.config.last_feature_layer)
    target = dict(model.named_parameters())
    with torch.no_grad():
        for rule in rules:
            made = rule.change.to_ours([source.read(name) for name in rule.theirs])
            for name, tensor in zip(rule.ours, made, strict=True):
                if tensor.shape != target[name].shape:
                    raise CheckpointError(
                        f"{', '.join(rule.theirs[:2])} in {folder} gives {list(tensor.shape)} for {name}, "
                        f"but config.json asks for {list(target[name].shape)}",
                        fix="config.json and the weights must come from the same release",
                    )
                target[name].copy_(tensor)
    model.eval()
    return model


def released_rules(config: MolmoConfig) -> list[Rule]:
    """The name map that fits a configuration.

    Raises:
        CheckpointError: no released model has such a language model.
    """
    kind = config.text_config.model_type
    if kind == "olmoe":
        return moe_rules(config)
    if kind in ("qwen2", "olmo2"):
        return dense_rules(config)
    raise CheckpointError(f"the released layouts have no language model of type {kind!r}; known: qwen2, olmo2, olmoe")


def released_weights(model: Molmo, unused: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
    """The weights of a Molmo under their published names; ``unused`` is put back beside them.

    ``unused`` are the encoder blocks of :func:`unused_weights`, which a Molmo does not keep.
    """
    ours = dict(model.named_parameters())
    state = dict(unused or {})
    for rule in released_rules(model.config):
        theirs = rule.change.to_theirs([ours[name].detach() for name in rule.ours])
        state.update({name: tensor.contiguous() for name, tensor in zip(rule.theirs, theirs, strict=True)})
    return state


def unused_weights(folder: Path | str) -> dict[str, Tensor]:
    """Stored encoder blocks after the last one whose features are used."""
    config = read_config(_read_json(Path(folder) / "config.json"))
    source = _Source(Path(folder))
    return {name: source.read(name) for name in source.unused(config.last_feature_layer)}


class _Source:
    """The tensors of a published folder by name, wherever they are stored."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open = [open_weights(path) for path in weight_files(folder)]
        self._where = {name: stored for stored in self._open for name in stored.keys()}  # noqa: SIM118

    def read(self, name: str) -> Tensor:
        tensor: Tensor = self._where[name].get_tensor(name)
        return tensor

    def unused(self, last_block: int) -> Iterator[str]:
        for name in self._where:
            number = re.match(re.escape(UNUSED_BLOCK) + r"(\d+)\.", name)
            if number and int(number[1]) > last_block:
                yield name

    def check(self, rules: list[Rule], last_block: int) -> None:
        wanted = {name for rule in rules for name in rule.theirs}
        missing = sorted(wanted - self._where.keys())
        left = sorted(self._where.keys() - wanted - set(self.unused(last_block)))
        if missing or left:
            raise CheckpointError(
                f"{self.folder} does not hold the model its config.json describes: "
                f"{len(missing)} tensors missing ({', '.join(missing[:3])}), "
                f"{len(left)} left over ({', '.join(left[:3])})",
                fix="download the folder again; quantised and re-saved copies have other names",
            )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} does not exist", fix="give the folder of a released checkpoint") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} is not readable JSON: {error}", fix="download it again") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} holds {type(values).__name__}, not settings", fix="download it again")
    return values
