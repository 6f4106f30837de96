"""The nano model from scratch: first its seeing side, then the two stages of the paper, captions and everything.

The released models start from encoders that have seen billions of pictures; nano's starts from random weights. Five
stages learn shapes and clocks; two more, a stage of seeing and one of everything, add things and documents. The bundled
model ends there. In three more points also teach where to look, and names to look for what they name, with a tokenizer
that has most names whole: a first run found more things, and forgot too much of scenes (docs/log.md).

openmolmo train nano_encoder --out runs/nano_encoder
openmolmo train nano_encoder_clocks --out runs/nano_encoder_clocks
openmolmo train nano_connector --out runs/nano_connector
openmolmo train nano_caption --out runs/nano_caption
openmolmo train nano_sft --out runs/nano_sft
openmolmo train nano_see --out runs/nano_see
openmolmo train nano_all --out runs/nano_all
openmolmo train nano_look --out runs/nano_look
openmolmo train nano_names --out runs/nano_names
openmolmo train nano_point --out runs/nano_point
openmolmo train nano_settle --out runs/nano_settle
"""

from __future__ import annotations

from openmolmo.data.mixture import GroupConfig, MixtureConfig, SourceConfig
from openmolmo.data.streams import LoaderConfig
from openmolmo.engine.synth.patch_labels import FACTS
from openmolmo.imaging import CropConfig
from openmolmo.prompting.format_config import DEMO_STYLES, FormatConfig
from openmolmo.training.config import (
    DropoutConfig,
    NameRunConfig,
    OptimizerConfig,
    PartConfig,
    PatchRunConfig,
    RunConfig,
    SceneConfig,
)
from openmolmo.training.grounding_config import GroundingConfig

__all__ = [
    "NANO_CROPS",
    "nano_all",
    "nano_caption",
    "nano_connector",
    "nano_encoder",
    "nano_encoder_clocks",
    "nano_look",
    "nano_names",
    "nano_point",
    "nano_see",
    "nano_settle",
    "nano_sft",
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


def _asked(
    scenes: tuple[float, float], icons: tuple[float, float, float], cards: float, clocks: float, first: int
) -> MixtureConfig:
    """Pictures of moderate size of every world: of scenes and icons the rates of questions and of captions, between
    those of icons the rate of pictures full of different things. ``first``: number of the data's seeds."""
    asked = ("pointing", "counting", "not_present", "question_answer", "point_explanation")
    told, start = ("caption", "transcript"), 1_000_000 * first
    groups = (
        ("scenes", "scenes", scenes[0], start, (112, 192, 256, 256), asked),
        ("icons", "icons", icons[0], start, (160, 224, 256), asked),
        ("full_icons", "full_icons", icons[1], start + 1, (160, 224, 256), asked),
        ("scene_captions", "scenes", scenes[1], start + 1, (112, 192), told),
        ("icon_captions", "icons", icons[2], start + 2, (160, 224), told),
        ("cards", "cards", cards, start, (192, 224, 256), ()),
        ("clocks", "clocks", clocks, start, (112, 192), ()),
    )
    return MixtureConfig(
        groups=tuple(
            GroupConfig(name=name, rate=rate, sources=(_synth(generator, count, sizes, name=name, kinds=kinds),))
            for name, generator, rate, count, sizes, kinds in groups
        )
    )


def nano_look() -> RunConfig:
    """Questions again, and points also teach where to look and image tokens where they are (``grounding``)."""
    return nano_all().replace(
        name="nano_look",
        mixture=_asked((0.2, 0.05), (0.15, 0.3, 0.08), 0.13, 0.09, 7),
        grounding=GroundingConfig(),
        init_from="runs/nano_all/final",
        optimizer=_rates(8e-4).replace(connector=PartConfig(lr=8e-5, warmup=30)),
        steps=800,
    )


def nano_names() -> NameRunConfig:
    """Names, most of one token now, learn to look for what they name: each of 32 windows' tokens among hundreds."""
    return NameRunConfig(
        name="nano_names",
        scenes=_SCENES,
        tokenizer="tokenizer-things",
        steps=850,
        model="nano",
        init_from="runs/nano_look/final",
        crop=_NINE_CROPS,
        optimizer=OptimizerConfig(
            llm=PartConfig(lr=9e-3, warmup=20),
            eps=1e-9,
            weight_decay=0.0,
            final_fraction=0.05,
            matrices="muon",
            muon_scale=2 / 3,
        ),
        checkpoint_every=250,
        log_every=10,
    )


def nano_point() -> RunConfig:
    """The same with names that look for their things already (``nano_names``), at a rate that makes them heard.

    What heads fetch that had carried nothing becomes loud only at a high rate: at 8e-4 names told no digit of a place
    after 400 steps, at this one within 60 (docs/log.md). It costs what was known of scenes and clocks.
    """
    return nano_look().replace(
        name="nano_point",
        mixture=_asked((0.24, 0.05), (0.15, 0.25, 0.08), 0.12, 0.11, 8),
        init_from="runs/nano_names/final",
        optimizer=_rates(2e-3).replace(connector=PartConfig(lr=1e-4, warmup=30)),
        steps=1250,
    )


def nano_settle() -> RunConfig:
    """Everything once more at half that rate, with scenes and clocks as more than half of the pictures."""
    return nano_point().replace(
        name="nano_settle",
        mixture=_asked((0.28, 0.12), (0.12, 0.14, 0.07), 0.11, 0.16, 10),
        init_from="runs/nano_point/final",
        optimizer=_rates(1e-3).replace(connector=PartConfig(lr=0.0)),
        steps=2960,
    )
