"""The nano model from scratch: first its seeing side, then the two stages of the paper, captions and everything.

The released models start from encoders that have seen billions of pictures; nano's starts from random weights. Five
stages learn shapes and clocks; two more, a stage of seeing and one of everything, add things and documents. The bundled
model ends there. Things have names of four pieces in it: ``nano_names`` and ``nano_things`` do the same with a
tokenizer that has most names whole, and tokens of the picture that carry them; ``nano_many`` holds on to those tokens,
and reads many small pictures with them. They see more and answer no better (docs/log.md).

openmolmo train nano_encoder --out runs/nano_encoder
openmolmo train nano_encoder_clocks --out runs/nano_encoder_clocks
openmolmo train nano_connector --out runs/nano_connector
openmolmo train nano_caption --out runs/nano_caption
openmolmo train nano_sft --out runs/nano_sft
openmolmo train nano_see --out runs/nano_see
openmolmo train nano_all --out runs/nano_all
openmolmo train nano_names --out runs/nano_names
openmolmo train nano_things --out runs/nano_things
openmolmo train nano_many --out runs/nano_many
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

__all__ = [
    "NANO_CROPS",
    "nano_all",
    "nano_caption",
    "nano_connector",
    "nano_encoder",
    "nano_encoder_clocks",
    "nano_many",
    "nano_names",
    "nano_see",
    "nano_sft",
    "nano_things",
]

NANO_CROPS = CropConfig(crop_size=112, patch_size=14, pool=2, margins=(2, 2), max_crops=6, shift_patch_mask=False)
"""112 px crops of 8x8 patches, a margin of 2 on each side, at most 6 and the global one."""

_NINE_CROPS = NANO_CROPS.replace(max_crops=9)
"""At most 9, so that 256 px are hardly made smaller: letters of documents would be lost."""

_LOADER = LoaderConfig(rows=8, row_length=512, packing=True, streams=4, workers=1)
_SPLIT_LOADER = LoaderConfig(rows=8, row_length=512, packing=True, split=True, streams=4, workers=1)
"""Rows that hold a picture of nine crops and most of what is asked of it; what does not fit makes a second part."""

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


_SHAPES_AND_TIMES = ("shape", "colour", "pattern", "size", "column", "row", "hour", "minute")

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
        facts=_SHAPES_AND_TIMES,
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


def nano_see() -> PatchRunConfig:
    """Encoder and connector go on alone, with things, words and numbers: what each image token shows, and where it is.

    Scenes, icons, cards and clocks in one stage; the labels are read behind the connector.
    """
    return PatchRunConfig(
        name="nano_see",
        scenes=_SCENES,
        icons=0.48,
        cards=0.22,
        clocks=0.12,
        clock_sizes=(112, 192),
        facts=tuple(FACTS),
        tokens=True,
        anchor=20.0,
        steps=2800,
        model="nano",
        init_from="runs/nano_sft/final",
        crop=_NINE_CROPS,
        batch=32,
        optimizer=nano_encoder().optimizer.replace(
            encoder=PartConfig(lr=5e-4, warmup=60), connector=PartConfig(lr=1e-3, warmup=60)
        ),
        checkpoint_every=500,
        log_every=10,
    )


def nano_all() -> RunConfig:
    """The second stage again, with things and documents: all annotations of scenes, icons and cards, and clocks.

    The language model starts from what it learnt of scenes and clocks; only what it sees has changed under it.
    """
    asked = ("pointing", "counting", "not_present", "question_answer", "point_explanation")
    told, million = ("caption", "transcript"), 1_000_000
    scenes = _synth("scenes", 2 * million, (112, 192, 256, 256, 320), kinds=asked)
    icons = _synth("icons", million, (160, 224, 256, 256, 320), kinds=asked)
    scene_captions = _synth("scenes", 2 * million + 1, (112, 192, 256), kinds=told, name="scene_captions")
    icon_captions = _synth("icons", million + 1, (160, 224, 256), kinds=told, name="icon_captions")
    groups = (
        GroupConfig(name="scenes", rate=0.24, sources=(scenes,)),
        GroupConfig(name="icons", rate=0.28, sources=(icons,)),
        GroupConfig(name="scene_captions", rate=0.07, sources=(scene_captions,)),
        GroupConfig(name="icon_captions", rate=0.12, sources=(icon_captions,)),
        GroupConfig(name="cards", rate=0.16, sources=(_synth("cards", million, (192, 224, 256, 256)),)),
        GroupConfig(name="clocks", rate=0.13, sources=(_synth("clocks", 2 * million, (112, 192, 256)),)),
    )
    before = nano_sft()
    return before.replace(
        name="nano_all",
        mixture=MixtureConfig(groups=groups),
        steps=1650,
        attention="sdpa",  # a step takes a quarter less than eagerly, with AVX2 too (docs/log.md)
        init_from="runs/nano_see/final",
        crop=_NINE_CROPS,
        optimizer=_rates(8e-4),
        format=before.format.replace(demo_styles=(*_UNTAGGED, "text_vqa")) if before.format else None,
        loader=_SPLIT_LOADER,
    )


def nano_names() -> PatchRunConfig:
    """The seeing side again: image tokens carry the names of things and words, as the language model reads them.

    To ask for a thing is then to look for what is like its name, and to name it is to copy.
    """
    before = nano_see()
    return before.replace(
        name="nano_names",
        tokenizer="tokenizer-things",
        named=("thing", "word"),
        icons=0.5,
        cards=0.24,
        clocks=0.1,
        steps=1800,
        init_from="runs/nano_all/final",
    )


def nano_things() -> RunConfig:
    """Everything again, with names of one piece; half of the pictures of things are full of different ones."""
    asked = ("pointing", "counting", "not_present", "question_answer", "point_explanation")
    told, million = ("caption", "transcript"), 1_000_000
    scenes = _synth("scenes", 3 * million, (112, 192, 256, 256, 320), kinds=asked)
    icons = _synth("icons", 2 * million, (160, 224, 256, 256, 320), kinds=asked)
    full = _synth("full_icons", 2 * million + 1, (192, 256, 256), kinds=asked, name="full_icons")
    scene_captions = _synth("scenes", 3 * million + 1, (112, 192, 256), kinds=told, name="scene_captions")
    icon_captions = _synth("icons", 2 * million + 2, (160, 224, 256), kinds=told, name="icon_captions")
    groups = (
        GroupConfig(name="scenes", rate=0.22, sources=(scenes,)),
        GroupConfig(name="icons", rate=0.16, sources=(icons,)),
        GroupConfig(name="full_icons", rate=0.18, sources=(full,)),
        GroupConfig(name="scene_captions", rate=0.07, sources=(scene_captions,)),
        GroupConfig(name="icon_captions", rate=0.1, sources=(icon_captions,)),
        GroupConfig(name="cards", rate=0.15, sources=(_synth("cards", 2 * million, (192, 224, 256, 256)),)),
        GroupConfig(name="clocks", rate=0.12, sources=(_synth("clocks", 3 * million, (112, 192, 256)),)),
    )
    return nano_all().replace(
        name="nano_things",
        mixture=MixtureConfig(groups=groups),
        init_from="runs/nano_names/final",
        steps=1500,
    )


def nano_many() -> RunConfig:
    """Many small pictures, mostly full of different things; the seeing side is that of ``nano_names``, and stays.

    In the stage before, text changed the connector until half of the names were gone from its tokens; and a picture of
    256 px has eight times the tokens of one of 112 px, for the same names.
    """
    asked = ("pointing", "counting", "not_present", "question_answer", "point_explanation")
    told, million = ("caption", "transcript"), 1_000_000
    full = _synth("full_icons", 3 * million, (112, 144, 160), kinds=asked, name="full_icons")
    icons = _synth("icons", 3 * million + 1, (112, 160, 224, 256), kinds=asked)
    icon_captions = _synth("icons", 3 * million + 2, (112, 160, 224), kinds=told, name="icon_captions")
    scenes = _synth("scenes", 4 * million, (112, 192, 256), kinds=asked)
    scene_captions = _synth("scenes", 4 * million + 1, (112, 192, 256), kinds=told, name="scene_captions")
    groups = (
        GroupConfig(name="full_icons", rate=0.3, sources=(full,)),
        GroupConfig(name="icons", rate=0.18, sources=(icons,)),
        GroupConfig(name="icon_captions", rate=0.14, sources=(icon_captions,)),
        GroupConfig(name="scenes", rate=0.16, sources=(scenes,)),
        GroupConfig(name="scene_captions", rate=0.05, sources=(scene_captions,)),
        GroupConfig(name="cards", rate=0.1, sources=(_synth("cards", 3 * million, (160, 192, 256)),)),
        GroupConfig(name="clocks", rate=0.07, sources=(_synth("clocks", 4 * million, (112, 192)),)),
    )
    rates = _rates(6e-4)
    return nano_things().replace(
        name="nano_many",
        mixture=MixtureConfig(groups=groups),
        init_from="runs/nano_things/final",
        seeing_from="runs/nano_names/final",
        optimizer=rates.replace(connector=PartConfig(lr=0.0)),
        steps=700,
    )
