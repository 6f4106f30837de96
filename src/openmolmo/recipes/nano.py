"""The nano model from scratch: first its seeing side, then the two stages of the paper, captions and everything.

The released models start from encoders that have seen billions of pictures; nano's starts from random weights.

openmolmo train nano_encoder --out runs/nano_encoder
openmolmo train nano_encoder_clocks --out runs/nano_encoder_clocks
openmolmo train nano_connector --out runs/nano_connector
openmolmo train nano_caption --out runs/nano_caption
openmolmo train nano_sft --out runs/nano_sft
"""

from __future__ import annotations

from openmolmo.data.mixture import GroupConfig, MixtureConfig, SourceConfig
from openmolmo.data.streams import LoaderConfig
from openmolmo.engine.synth.patch_labels import FACTS
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

__all__ = ["NANO_CROPS", "nano_caption", "nano_connector", "nano_encoder", "nano_encoder_clocks", "nano_sft"]

NANO_CROPS = CropConfig(crop_size=112, patch_size=14, pool=2, margins=(2, 2), max_crops=6, shift_patch_mask=False)
"""112 px crops of 8x8 patches, a margin of 2 on each side, at most 6 and the global one."""

_LOADER = LoaderConfig(rows=8, row_length=512, packing=True, streams=4, workers=1)

# Questions with short answers and about clocks are asked without their tag too: that is how users ask.
_UNTAGGED = (*DEMO_STYLES, "vqa2", "clocks")


def _synth(generator: str, count: int, sizes: tuple[int, ...], **changes: object) -> SourceConfig:
    options = {"generator": generator, "count": count, "size": list(sizes), "seed": 0}
    return SourceConfig(source="synth", options=options, **changes)  # type: ignore[arg-type]


def _rates(peak: float) -> OptimizerConfig:
    """Rates for a language model from random weights, behind an encoder and a connector that see already.

    The encoder is frozen: text taught it nothing in the time there is, and each step costs less without its
    backward pass. The connector waits until the language model's gradient means something.
    """
    return OptimizerConfig(
        encoder=PartConfig(lr=0.0),
        connector=PartConfig(lr=0.2 * peak, warmup=200, delay=100),
        llm=PartConfig(lr=peak, warmup=60),
        eps=1e-9,
        weight_decay=0.02,
        final_fraction=0.03,
        matrices="muon",
        muon_scale=2.0,
    )


_SCENES = (
    SceneConfig(size=112, most=2),
    SceneConfig(size=112),
    SceneConfig(size=192, windows=2),
    SceneConfig(size=256, windows=3),
)


def nano_encoder() -> PatchRunConfig:
    """The encoder alone learns what covers each patch of a scene: shape, colour, pattern, size, way to the centre."""
    return PatchRunConfig(
        name="nano_encoder",
        scenes=_SCENES,
        facts=("shape", "colour", "pattern", "size"),
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


def nano_encoder_clocks() -> PatchRunConfig:
    """The encoder goes on alone: also where in the crop an object's centre is, and what time a clock shows."""
    return nano_encoder().replace(
        name="nano_encoder_clocks",
        facts=tuple(FACTS),
        clocks=0.4,
        clock_sizes=(112, 192),
        steps=3500,
        init_from="runs/nano_encoder/final",
    )


def nano_connector() -> PatchRunConfig:
    """The same labels, read behind the connector: they must not be lost where four patches become one token."""
    before = nano_encoder_clocks()
    return before.replace(
        name="nano_connector",
        tokens=True,
        steps=3000,
        init_from="runs/nano_encoder_clocks/final",
        optimizer=before.optimizer.replace(
            encoder=PartConfig(lr=3e-4, warmup=500), connector=PartConfig(lr=1e-3, warmup=50)
        ),
    )


def nano_caption() -> RunConfig:
    """Stage 1: scenes, their caption and transcript; encoder and connector see already, the rest is fresh."""
    scenes = _synth("scenes", 1_000_000, (112, 112, 192, 256), kinds=("caption", "transcript"))
    return RunConfig(
        name="nano_caption",
        mixture=MixtureConfig(groups=(GroupConfig(name="captions", rate=1.0, sources=(scenes,)),)),
        steps=400,
        model="nano",
        init_from="runs/nano_connector/final",
        crop=NANO_CROPS,
        format=FormatConfig(system_prompt="style_and_length", loss_weighting="none", default_length=None),
        resize_mode="fast",
        loader=_LOADER,
        optimizer=_rates(1.5e-3),
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
        GroupConfig(name="scenes", rate=0.7, sources=(questions,)),
        GroupConfig(name="captions", rate=0.15, sources=(captions,)),
        GroupConfig(name="clocks", rate=0.15, sources=(clocks,)),
    )
    return RunConfig(
        name="nano_sft",
        mixture=MixtureConfig(groups=groups),
        steps=11000,
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
        optimizer=_rates(1e-3),
        dropout=DropoutConfig(residual=0.0),  # every picture is new: there is nothing to overfit
        checkpoint_every=250,
        log_every=1,
    )
