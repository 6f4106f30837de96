"""The quantity: cross-entropy of the same held-out captions under every model, in nats a token."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.imaging import CropConfig
from openmolmo.inference.load import load_model
from openmolmo.model.components import parameter_counts
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.processor import Processor
from openmolmo.recipes.ablate.resolve import Run, data_folder
from openmolmo.recipes.ablate.work import carry_out
from openmolmo.records.example import Example
from openmolmo.records.shards import ParquetDataset
from openmolmo.training.config import RunConfig
from openmolmo.training.watch.callbacks import undisturbed
from openmolmo.training.watch.losses import losses

__all__ = ["carry_out_loss", "held_out_captions", "measure"]

_ROW = 1024  # longer than any caption with all its crops: nothing is cut, so that all runs have the same targets
_TOGETHER = 20  # pictures of one figure; whole groups are equally large, so that their mean is nearly that of all


def carry_out_loss(run: Run, root: Path) -> bool:
    """As the harness carries runs out, but for what is measured of them."""
    return carry_out(run, root, measure)


def measure(run: Run, root: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Loss by groups of pictures, and where the run stands in its grid."""
    folder = root / run.stages[-1].folder / "final"
    model = load_model(folder, device="cpu")
    examples = held_out_captions(run, root)
    groups = {f"pictures from {at}": examples[at : at + _TOGETHER] for at in range(0, len(examples), _TOGETHER)}
    judge = losses(
        processor=Processor.from_pretrained(folder),
        held_out=groups,
        settings={"rows": _TOGETHER, "row_length": _ROW, "seed": 0},
    )
    with undisturbed(model, next(model.parameters()).device):
        found = judge(model)
    rows = [{"id": name, "example_id": name, "scores": {"nats": value}} for name, value in found.items()]
    return {"rows": {"captions": rows}}, {"point": _point(run, model), "parameters": _counts(model)}


def held_out_captions(run: Run, root: Path) -> list[Example]:
    """The held-out pictures with their captions alone: whole groups of them, where there are enough."""
    kept = []
    for one in run.world.drawn.values():
        if one.test:
            for example in ParquetDataset(root / data_folder(one, "test")):
                captions = tuple(said for said in example.annotations if said.kind == "caption")
                if captions:
                    kept.append(example.replace(annotations=captions))
    if not kept:
        raise DataError(
            f"the held-out pictures of {run.title} have no caption to measure the loss on",
            fix="choose a generator whose pictures are told, such as told_scenes",
        )
    count = min(len(kept), run.judging.questions)
    return kept[: count - count % _TOGETHER or count]


def _point(run: Run, model: Molmo) -> dict[str, float]:
    config = run.stages[-1].config
    assert isinstance(config, RunConfig)
    return {
        "parameters": _layers(model),
        "pictures": config.steps * config.loader.spans * config.accumulate,
        "crops": _crops(config.crop or CropConfig()),
    }


def _layers(model: Molmo) -> int:
    """Without the tables of words, which are the same for every size."""
    return sum(weight.numel() for layer in model.decoder.layers for weight in layer.parameters())


def _counts(model: Molmo) -> dict[str, int]:
    return {"layers": _layers(model), **parameter_counts(model)}


def _crops(crop: CropConfig) -> int:
    """Of a square picture that is large enough for all of them; the whole picture is one."""
    return 1 if crop.mode == "single" else 1 + crop.max_crops
