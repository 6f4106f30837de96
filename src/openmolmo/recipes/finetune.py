"""Fine-tuning on a user's own data.

openmolmo train finetune_lora data=mine.jsonl
openmolmo train finetune_lora data=mine model=allenai/Molmo-7B-D-0924 lora.quantize=nf4
"""

from __future__ import annotations

from pathlib import Path

from openmolmo.data.mixture import GroupConfig, MixtureConfig, SourceConfig
from openmolmo.data.streams import LoaderConfig
from openmolmo.model.checkpoint import load_config
from openmolmo.model.find import bundled_models, find_model
from openmolmo.training.config import DropoutConfig, OptimizerConfig, PartConfig, RunConfig
from openmolmo.training.lora_config import LoraConfig
from openmolmo.training.parallel.config import ParallelConfig

__all__ = ["finetune_lora"]

_NARROW = 1024
"""Width below which a model is trained at a higher rate, and on shorter rows."""


_PUBLISHED = {
    "MolmoE-1B": "molmo_1b",
    "Molmo-7B-O": "molmo_7b_o",
    "Molmo-7B-D": "molmo_7b_d",
    "Molmo-72B": "molmo_72b",
}
"""Released models and the presets with their sizes, by which a dry run plans before anything is fetched."""


def finetune_lora(data: str = "data", model: str = "nano") -> RunConfig:
    """Adapters for your own data: ``data`` is a JSONL file or a data set folder, ``model`` any Molmo.

    Examples of the split "train" are used; crops and prompts are the model's own.
    """
    narrow = _width(model) < _NARROW
    peak = 2e-3 if narrow else 2e-4
    return RunConfig(
        name="finetune_lora",
        mixture=MixtureConfig(
            groups=(GroupConfig(name="mine", rate=1.0, sources=(SourceConfig.at(Path(data), split="train"),)),)
        ),
        steps=200 if narrow else 1000,
        model=next((preset for name, preset in _PUBLISHED.items() if name in model), "nano"),
        init_from=model,
        crop=None,
        format=None,
        resize_mode="fast" if narrow else "exact",
        lora=LoraConfig(rank=16, alpha=32.0),
        optimizer=OptimizerConfig(
            encoder=PartConfig(lr=0.25 * peak, warmup=20),
            connector=PartConfig(lr=0.25 * peak, warmup=20),
            llm=PartConfig(lr=peak, warmup=20),
        ),
        dropout=DropoutConfig(residual=0.0),
        loader=LoaderConfig(rows=4, row_length=512) if narrow else LoaderConfig(rows=1, row_length=2304, packing=False),
        accumulate=1 if narrow else 8,
        parallel=ParallelConfig(checkpointing="none" if narrow else "selective"),
        checkpoint_every=100,
    )


def _width(model: str) -> int:
    """Width of a model that is on this machine; of one at the hub that of the smallest released Molmo."""
    if model in bundled_models() or Path(model).is_dir():
        return int(load_config(find_model(model)).text_config.hidden_size)
    return 2048
