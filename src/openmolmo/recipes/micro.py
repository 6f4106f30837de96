"""The micro model from scratch, in five minutes on two cores: it learns to see, then to answer.

A world of six shapes and six colours, pictures of one crop, plain wordings. It is what the demo trains, and the base
for trying things out: whatever helps it can be seen in minutes.

openmolmo train micro_see --out runs/micro_see
openmolmo train micro_sft --out runs/micro_sft
"""

from __future__ import annotations

from openmolmo.data.mixture import GroupConfig, MixtureConfig, SourceConfig
from openmolmo.data.streams import LoaderConfig
from openmolmo.imaging import CropConfig
from openmolmo.prompting.format_config import DEMO_STYLES, FormatConfig
from openmolmo.training.config import (
    DropoutConfig,
    OptimizerConfig,
    PartConfig,
    PatchRunConfig,
    RunConfig,
    SceneConfig,
)

__all__ = ["MICRO_CROPS", "MICRO_SIZE", "micro_see", "micro_sft"]

MICRO_SIZE = 96
"""Pixels of a picture, and of its one crop."""

MICRO_CROPS = CropConfig(
    crop_size=MICRO_SIZE, patch_size=12, pool=2, margins=(0, 0), max_crops=1, mode="single", shift_patch_mask=False
)

_TOKENIZER = "tokenizer-micro"


def micro_see() -> PatchRunConfig:
    """Encoder and connector alone: each image token learns the shape, colour, size and place of what it shows."""
    return PatchRunConfig(
        name="micro_see",
        scenes=(SceneConfig(size=MICRO_SIZE, world="micro"),),
        facts=("shape", "colour", "size", "column", "row"),
        tokens=True,
        steps=700,
        model="micro",
        tokenizer=_TOKENIZER,
        crop=MICRO_CROPS,
        batch=16,
        optimizer=OptimizerConfig(
            encoder=PartConfig(lr=1.5e-3, warmup=50),
            connector=PartConfig(lr=1.5e-3, warmup=50),
            eps=1e-9,
            weight_decay=0.02,
            final_fraction=0.03,
            matrices="muon",
            muon_scale=3.0,
        ),
        checkpoint_every=1000,
    )


def micro_sft() -> RunConfig:
    """Captions and every kind of question at once; the encoder, which sees by now, is frozen."""
    options = {"generator": "micro_scenes", "count": 1_000_000, "size": MICRO_SIZE, "seed": 0}
    scenes = SourceConfig(source="synth", options=options)
    return RunConfig(
        name="micro_sft",
        mixture=MixtureConfig(groups=(GroupConfig(name="scenes", rate=1.0, sources=(scenes,)),)),
        steps=700,
        model="micro",
        tokenizer=_TOKENIZER,
        init_from="runs/micro_see/final",
        crop=MICRO_CROPS,
        format=FormatConfig(
            system_prompt="demo_or_style",
            loss_weighting="none",
            demo_styles=DEMO_STYLES,  # short answers always have their tag: "how many" alone asks for points
            demo_tag_rate=0.0,
            prompt_templates=False,
            default_length=None,
            max_branches=4,
        ),
        resize_mode="fast",
        attention="sdpa",
        loader=LoaderConfig(rows=8, row_length=256, packing=True, streams=4, workers=1),
        optimizer=OptimizerConfig(
            encoder=PartConfig(lr=0.0),
            connector=PartConfig(lr=2e-4, warmup=100),
            llm=PartConfig(lr=1.5e-3, warmup=50),
            eps=1e-9,
            weight_decay=0.02,
            final_fraction=0.03,
            matrices="muon",
            muon_scale=2.0,
        ),
        dropout=DropoutConfig(residual=0.0),  # every picture is new: there is nothing to overfit
        checkpoint_every=1000,
    )
