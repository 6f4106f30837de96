"""What a run would do, without doing it: settings, parameters, steps, memory."""

from __future__ import annotations

import json
from typing import Any

from openmolmo.core.config import to_dict
from openmolmo.data.mixture import Mixture
from openmolmo.imaging import CropConfig
from openmolmo.model.molmo import Molmo
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.config import PARTS, BaseRunConfig, PatchRunConfig, RunConfig
from openmolmo.training.optim import trained_parameters

__all__ = ["Description", "describe"]

Table = tuple[str, tuple[str, ...], list[tuple[object, ...]]]
"""Title, columns, rows."""

_FLOATS_KEPT = 22
"""Values that one layer keeps for its backward pass, per token and unit of width (measured on nano:
741 MB for 4096 tokens and 33 crops)."""


class Description:
    """The resolved configuration as JSON text, and tables to print."""

    def __init__(self, settings: str, tables: list[Table]) -> None:
        self.settings, self.tables = settings, tables


def describe(config: BaseRunConfig) -> Description:
    """Build the model and open the data (nothing is written). Raises what the run itself would."""
    if isinstance(config, PatchRunConfig):
        return _describe_patches(config)
    assert isinstance(config, RunConfig)
    mixture = Mixture(config.mixture, config.seed)
    processor = build_processor(config)
    model = build_model(config, processor)
    return Description(
        json.dumps(to_dict(config), indent=2),
        [_data(mixture), _parts(model, config), _steps(config), _memory(model, config, processor.crop)],
    )


def _describe_patches(config: PatchRunConfig) -> Description:
    from openmolmo.training.patches.loop import make_reader, trained_in

    reader = make_reader(config, build_model(config, build_processor(config)))
    parts = trained_in(reader)
    kinds: list[tuple[object, ...]] = [
        (f"{kind.size} px", kind.windows, kind.most or "any", f"{1 / len(config.scenes):.0%}") for kind in config.scenes
    ]
    numbers: list[tuple[object, ...]] = [
        *((f"parameters trained, {part}", f"{sum(p.numel() for p in members):,}") for part, members in parts.items()),
        ("peak rate", f"{config.optimizer.encoder.lr:g}"),
        ("steps", f"{config.steps:,}"),
        ("crops a step", config.batch),
        ("crops in all", f"{config.steps * config.batch:,}"),
    ]
    columns = ("size", "crops of each", "objects at most", "share of scenes")
    return Description(
        json.dumps(to_dict(config), indent=2), [("Scenes", columns, kinds), ("Steps", ("what", "value"), numbers)]
    )


def _data(mixture: Mixture) -> Table:
    rows: list[tuple[object, ...]] = [
        (name, f"{len(source):,}", f"{rate:.2%}", source.fingerprint)
        for name, source, rate in zip(mixture.names, mixture.sources, mixture.rates, strict=True)
    ]
    return "Data", ("data set", "examples", "share", "fingerprint"), rows


def _parts(model: Molmo, config: RunConfig) -> Table:
    trained = {part: sum(p.numel() for p in members) for part, members in _trained(model, config).items()}
    total = sum(p.numel() for p in model.parameters())
    rows: list[tuple[object, ...]] = []
    for part in PARTS:
        settings = config.optimizer.part(part)
        warmup = settings.warmup_in(config.steps)
        rows.append((part, f"{trained.get(part, 0):,}", f"{settings.lr:g}", warmup, f"{settings.clip:g}"))
    rows.append(("all, with frozen ones", f"{total:,}", "", "", ""))
    return "Parameters", ("part", "trained", "peak rate", "warm-up", "clip"), rows


def _steps(config: RunConfig) -> Table:
    rows = config.loader.rows * config.accumulate
    tokens = f"at most {rows * config.loader.row_length:,}"
    per_step = "as many as fit" if config.loader.packing else f"{rows:,}"
    saved = -(-config.steps // config.checkpoint_every)
    values: list[tuple[object, ...]] = [
        ("steps", f"{config.steps:,}"),
        ("rows a step", f"{rows:,} ({config.accumulate} x {config.loader.rows})"),
        ("tokens a step", tokens),
        ("examples a step", per_step),
        ("checkpoints", f"{saved:,}, the newest {config.keep} are kept"),
    ]
    return "Steps", ("what", "value"), values


def _memory(model: Molmo, config: RunConfig, crop: CropConfig) -> Table:
    """A rough estimate in float32; activations by counting what the backward pass needs."""
    weights = 4 * sum(p.numel() for p in model.parameters())
    trained = 4 * sum(p.numel() for members in _trained(model, config).values() for p in members)
    text: Any = model.config.text_config
    vision: Any = model.config.vision_config
    tokens = config.loader.rows * config.loader.row_length
    crops = config.loader.rows * (1 + crop.max_crops)
    patches = crops * crop.patches_per_crop
    activations = 4 * _FLOATS_KEPT * tokens * text.hidden_size * text.num_hidden_layers
    activations += 4 * _FLOATS_KEPT * patches * vision.hidden_size * vision.num_hidden_layers
    logits = 3 * 4 * tokens // 2 * text.vocab_size
    pixels = 4 * 3 * crops * crop.crop_size**2 * (1 + config.loader.prefetch * max(1, config.loader.workers))
    sizes = [
        ("weights", weights),
        ("gradients", trained),
        ("optimiser states", 2 * trained),
        ("activations (full rows)", activations),
        ("logits (half the tokens)", logits),
        ("pictures, with those waiting", pixels),
    ]
    rows: list[tuple[object, ...]] = [(name, f"{size / 1e6:,.0f} MB") for name, size in sizes]
    rows.append(("together, about", f"{sum(size for _, size in sizes) / 1e6:,.0f} MB"))
    return "Memory (estimate, one device)", ("what", "size"), rows


def _trained(model: Molmo, config: RunConfig) -> dict[str, Any]:
    return trained_parameters(model, config.optimizer)
