"""The model of a run as sizes without memory, from its configuration alone: no weights are read, nothing is fetched."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from openmolmo.imaging import CropConfig
from openmolmo.model.checkpoint import load_config
from openmolmo.model.components import PARTS, part_of
from openmolmo.model.config import MolmoConfig
from openmolmo.model.find import bundled_models, find_model
from openmolmo.model.molmo import Molmo
from openmolmo.model.presets import PRESETS
from openmolmo.training.build import build_processor, require_room
from openmolmo.training.config import BaseRunConfig, RunConfig
from openmolmo.training.estimate.memory import Sizes
from openmolmo.training.estimate.work import Load, Work, full_row
from openmolmo.training.freeze import freeze
from openmolmo.training.lora import target_pattern
from openmolmo.training.lora_config import LoraConfig
from openmolmo.training.optim import require_trained

__all__ = ["Planned", "planned", "settings_of"]


@dataclass(frozen=True)
class Planned:
    """What a run would train. ``weights`` says where they come from, ``row`` is the load of a full row."""

    model: MolmoConfig
    weights: str
    crop: CropConfig
    sizes: Sizes
    work: Work
    row: Load


def planned(config: RunConfig) -> Planned:
    """Sizes and work of a run.

    A model that is not on this machine has the sizes of the preset ``config.model``. Raises what the run would of
    settings that do not fit.
    """
    settings, crop, weights = settings_of(config)
    require_room(config.loader.row_length, crop)
    with torch.device("meta"):
        model: Molmo = Molmo(settings)
    freeze(model, [part for part in PARTS if config.optimizer.part(part).lr == 0])
    freeze(model, config.freeze)
    added = _adapters(model, config.lora) if config.lora is not None else {}
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    counts = {name: parameter.numel() for name, parameter in model.named_parameters()}
    trained = {part: added.get(part, 0) for part in PARTS}
    for name, count in counts.items():
        if name not in frozen:
            trained[part_of(name)] += count
    require_trained([part for part, count in trained.items() if count])
    layer = sum(parameter.numel() for parameter in model.decoder.layers[0].parameters())
    sizes = Sizes(sum(counts.values()) + sum(added.values()), trained, layer)
    work = Work(model, frozen, {part: float(count) for part, count in added.items()})
    return Planned(settings, weights, crop, sizes, work, full_row(crop, config.loader.row_length))


def settings_of(config: BaseRunConfig) -> tuple[MolmoConfig, CropConfig, str]:
    """The model's settings, how pictures are cut, and in words where the weights come from."""
    named = config.init_from
    if named is not None and not (Path(named).exists() or named in bundled_models()):
        settings = PRESETS.get(config.model)()
        told = f"{named}: not on this machine, so the sizes are those of the preset {config.model}"
        return settings, config.crop or CropConfig(), told
    processor = build_processor(config)
    if named is not None:
        return load_config(find_model(named)), processor.crop, named
    special = processor.tokenizer.special
    return PRESETS.get(config.model)(special.im_start, special.im_patch), processor.crop, "fresh, from the seed"


def _adapters(model: Molmo, lora: LoraConfig) -> dict[str, int]:
    """Parameters of the adapters by part; everything but a connector that is trained whole is frozen on the way."""
    for name, parameter in model.named_parameters():
        if not (lora.connector and part_of(name) == "connector"):
            parameter.requires_grad_(False)
    pattern, added = re.compile(target_pattern(lora)), dict.fromkeys(PARTS, 0)
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and pattern.fullmatch(name):
            added[part_of(f"{name}.weight")] += lora.rank * (module.in_features + module.out_features)
    return added
