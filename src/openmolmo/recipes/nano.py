"""The nano model from scratch: first its encoder alone, then the two stages of the paper, captions and everything.

The released models start from encoders that have seen billions of pictures; nano's starts from random weights.

openmolmo train nano_encoder --out runs/nano_encoder
openmolmo train nano_caption --out runs/nano_caption
openmolmo train nano_sft --out runs/nano_sft
"""

from __future__ import annotations

from openmolmo.data.lanes import LoaderConfig
from openmolmo.data.mixture import GroupConfig, MixtureConfig, SourceConfig
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

__all__ = ["NANO_CROPS", "nano_caption", "nano_encoder", "nano_sft"]

NANO_CROPS = CropConfig(crop_size=112, patch_size=14, pool=2, margins=(2, 2), max_crops=6, shift_patch_mask=False)
"""112 px crops of 8x8 patches, a margin of 2 on each side, at most 6 and the global one."""

_LOADER = LoaderConfig(rows=8, row_length=512, packing=True, lanes=4, workers=1)

# Questions with short answers and about clocks are asked without their tag too: that is how users ask.
_UNTAGGED = (*DEMO_STYLES, "vqa2", "clocks")


def _synth(generator: str, count: int, sizes: tuple[int, ...], **changes: object) -> SourceConfig:
    options = {"generator": generator, "count": count, "size": list(sizes), "seed": 0}
    return SourceConfig(source="synth", options=options, **changes)  # type: ignore[arg-type]


def _rates(encoder: float) -> OptimizerConfig:
    """Rates for a connector and a language model that start from random weights, beside a taught encoder."""
    fresh = PartConfig(lr=1.5e-3, warmup=60)
    return OptimizerConfig(
        encoder=PartConfig(lr=encoder, warmup=500),
        connector=fresh,
        llm=fresh,
        eps=1e-9,
        weight_decay=0.02,
        final_fraction=0.03,
        matrices="muon",
        muon_scale=2.0,
    )


def nano_encoder() -> PatchRunConfig:
    """Stage 0: the encoder alone learns what covers each patch of a scene: shape, colour, pattern, size, centre."""
    return PatchRunConfig(
        name="nano_encoder",
        scenes=(
            SceneConfig(size=112, most=2),
            SceneConfig(size=112),
            SceneConfig(size=192, windows=2),
            SceneConfig(size=256, windows=3),
        ),
        steps=6000,
        model="nano",
        crop=NANO_CROPS,
        batch=32,
        optimizer=OptimizerConfig(
            encoder=PartConfig(lr=1e-3, warmup=100),
            eps=1e-9,
            weight_decay=0.02,
            final_fraction=0.03,
            matrices="muon",
            muon_scale=3.0,
        ),
        checkpoint_every=1000,
        log_every=10,
    )


def nano_caption() -> RunConfig:
    """Stage 1: scenes, their caption and transcript; starts from the taught encoder, the rest has fresh weights."""
    scenes = _synth("scenes", 1_000_000, (112, 112, 192, 256), kinds=("caption", "transcript"))
    return RunConfig(
        name="nano_caption",
        mixture=MixtureConfig(groups=(GroupConfig(name="captions", rate=1.0, sources=(scenes,)),)),
        steps=600,
        model="nano",
        init_from="runs/nano_encoder/final",
        crop=NANO_CROPS,
        format=FormatConfig(system_prompt="style_and_length", loss_weighting="none", default_length=None),
        resize_mode="fast",
        loader=_LOADER,
        optimizer=_rates(encoder=0.0),  # what it sees already is worth more than what captions could add
        dropout=DropoutConfig(residual=0.1, on="supervised"),
        checkpoint_every=250,
        log_every=1,
    )


def nano_sft() -> RunConfig:
    """Stage 2: every kind of annotation of scenes, and clocks; starts from stage 1.

    Captions get pictures of their own: beside them, in one row, there would be no room for the questions.
    """
    asked = ("pointing", "counting", "not_present", "question_answer", "point_explanation")
    questions = _synth("scenes", 1_000_000, (112, 112, 192, 256, 256), kinds=asked)
    captions = _synth("scenes", 1_000_001, (112, 112, 192, 256), kinds=("caption", "transcript"), name="captions")
    clocks = _synth("clocks", 1_000_000, (112, 192, 256))
    groups = (
        GroupConfig(name="scenes", rate=0.75, sources=(questions,)),
        GroupConfig(name="captions", rate=0.15, sources=(captions,)),
        GroupConfig(name="clocks", rate=0.1, sources=(clocks,)),
    )
    return RunConfig(
        name="nano_sft",
        mixture=MixtureConfig(groups=groups),
        steps=7600,
        model="nano",
        init_from="runs/nano_caption/final",
        crop=NANO_CROPS,
        format=FormatConfig(
            system_prompt="demo_or_style",
            loss_weighting="root_branches",
            demo_styles=_UNTAGGED,
            caption_tag_rate=0.5,
            caption_tag_length=True,
            default_length=None,
        ),
        resize_mode="fast",
        loader=_LOADER,
        optimizer=_rates(encoder=2e-4),
        dropout=DropoutConfig(residual=0.0),  # every picture is new: there is nothing to overfit
        checkpoint_every=250,
        log_every=1,
    )
