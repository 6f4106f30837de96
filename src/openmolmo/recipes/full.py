"""The stages of the paper for models of full size, and the same for a fully open one and two small ones.

openmolmo train molmo_caption_7b_d root=copies --dry-run --gpu h100 --gpus 64
torchrun --nproc-per-node 8 -m openmolmo train molmo_caption_7b_d root=copies

Each stage starts from the one before, the first from a composed folder (docs/how-to/train.md). ``root`` is the folder
of the data sets' copies, None the hub; ``mix`` and ``without`` are those of :mod:`openmolmo.data.presets`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from openmolmo.core.errors import NotRegisteredError
from openmolmo.data.mixture import GroupConfig, MixtureConfig, SourceConfig
from openmolmo.data.presets import PRESETS as MIXTURES
from openmolmo.data.streams import LoaderConfig
from openmolmo.imaging import CropConfig
from openmolmo.prompting.format_config import FormatConfig
from openmolmo.training.config import DropoutConfig, OptimizerConfig, PartConfig, RunConfig
from openmolmo.training.lora_config import LoraConfig
from openmolmo.training.parallel.config import ParallelConfig

__all__ = [
    "molmo_caption_1b",
    "molmo_caption_72b",
    "molmo_caption_7b_d",
    "molmo_caption_7b_o",
    "molmo_sft_1b",
    "molmo_sft_72b",
    "molmo_sft_7b_d",
    "molmo_sft_7b_o",
    "molmo_sft_high_res_1b",
    "molmo_sft_high_res_72b",
    "molmo_sft_high_res_7b_d",
    "molmo_sft_high_res_7b_o",
    "open_caption",
    "open_sft",
    "open_sft_high_res",
    "small_caption",
    "small_caption_3b",
    "small_sft",
    "small_sft_3b",
]

Rates = tuple[float, float, float]  # of encoder, connector, language model


@dataclass(frozen=True, kw_only=True)
class _Stage:
    """What a stage has in common for all sizes; ``title`` goes into the docstrings."""

    title: str
    before: str | None
    warmup: tuple[int, int, int]
    batch: int
    crops: int
    row_length: int
    dropped: Literal["supervised", "all"]
    rates: Rates
    steps: int


@dataclass(frozen=True, kw_only=True)
class _Size:
    """One model: its preset, how it is called, images at a time on one device, and what differs from the stage."""

    preset: str
    title: str
    name: str
    images: int = 2
    checkpointing: Literal["selective", "full"] = "selective"
    reduce: Literal["step", "batch"] = "step"
    crop: CropConfig = field(default_factory=CropConfig)
    tied: bool = False
    rates: tuple[tuple[str, Rates], ...] = ()
    steps: tuple[tuple[str, int], ...] = ()
    batch: int | None = None
    lora: LoraConfig | None = None
    alone: bool = False


_SFT = {"warmup": (200, 200, 200), "batch": 256, "dropped": "all"}
_STAGES = {
    # arXiv 2409.17146, appendix on training
    "caption": _Stage(
        title="Captions and transcripts of PixMo-Cap",
        before=None,
        warmup=(2000, 200, 2000),
        batch=128,
        crops=12,
        row_length=2304,
        dropped="supervised",
        rates=(6e-6, 2e-4, 2e-5),
        steps=22_300,
    ),
    "sft": _Stage(
        title="Fine-tuning on the mixture",
        before="caption",
        crops=12,
        row_length=2304,
        rates=(5e-6, 5e-6, 1e-5),
        steps=30_000,
        **_SFT,  # type: ignore[arg-type]
    ),
    "sft_high_res": _Stage(
        title="Fine-tuning on the mixture, with up to 36 crops",
        before="sft",
        crops=36,
        row_length=4096,
        rates=(2e-6, 2e-6, 5e-6),
        steps=3000,
        **_SFT,  # type: ignore[arg-type]
    ),
}

_METACLIP = CropConfig(resize="metaclip", shift_patch_mask=False)
_SIGLIP = CropConfig(
    crop_size=384, patch_size=16, resize="siglip", normalize="siglip", shift_patch_mask=False, max_crops=6
)
_ADAPTERS: Rates = (0.0, 2e-4, 2e-4)
_SIZES = {
    "1b": _Size(
        preset="molmo_1b",
        title="MolmoE-1B",
        name="molmo_{stage}_1b",
        images=4,
        rates=(("sft", (5e-6, 5e-6, 2e-5)),),
    ),
    "7b_o": _Size(preset="molmo_7b_o", title="Molmo-7B-O", name="molmo_{stage}_7b_o", steps=(("sft", 32_000),)),
    "7b_d": _Size(preset="molmo_7b_d", title="Molmo-7B-D", name="molmo_{stage}_7b_d"),
    "72b": _Size(
        preset="molmo_72b",
        title="Molmo-72B",
        name="molmo_{stage}_72b",
        images=1,
        checkpointing="full",
        reduce="batch",  # whole gradients are 288 GB
        rates=(("caption", (6e-6, 2e-4, 1e-5)), ("sft", (3e-6, 3e-6, 5e-6))),
        steps=(("sft", 20_000),),
    ),
    "open": _Size(preset="open_7b", title="MetaCLIP and OLMo 2 7B", name="open_{stage}", crop=_METACLIP),
    "small": _Size(
        preset="siglip_qwen3_0_6b",
        title="SigLIP 2 base and Qwen3-0.6B, on one GPU of 24 GB",
        name="small_{stage}",
        images=1,
        crop=_SIGLIP,
        tied=True,
        steps=(("caption", 10_000), ("sft", 15_000)),
        batch=32,
        alone=True,
    ),
    "small_3b": _Size(
        preset="siglip_smollm3_3b",
        title="SigLIP 2 base and SmolLM3-3B, by connector and adapters, on one GPU of 24 GB",
        name="small_{stage}_3b",
        images=1,
        crop=_SIGLIP,
        tied=True,
        rates=(("caption", _ADAPTERS), ("sft", _ADAPTERS)),
        steps=(("caption", 10_000), ("sft", 15_000)),
        batch=32,
        lora=LoraConfig(rank=64, alpha=128.0, connector=True),
        alone=True,
    ),
}


def _recipe(stage: str, size: str) -> Callable[..., RunConfig]:
    """The recipe of one stage for one size; a parameter of it is ``root``, for fine-tuning also the mixture."""
    own = _SIZES[size]
    if stage == "caption":

        def recipe(root: str | None = None) -> RunConfig:
            return _run(stage, own, _captions(root))

    else:

        def recipe(  # type: ignore[misc]
            root: str | None = None, mix: str = "released", without: tuple[str, ...] = ()
        ) -> RunConfig:
            return _run(stage, own, _mixture(root, mix, without))

    recipe.__name__ = recipe.__qualname__ = own.name.format(stage=stage)
    recipe.__doc__ = f"{_STAGES[stage].title}: {own.title}."
    return recipe


def _run(stage: str, size: _Size, mixture: MixtureConfig) -> RunConfig:
    kind, caption = _STAGES[stage], stage == "caption"
    images = 1 if stage == "sft_high_res" else size.images
    rates = dict(size.rates).get(stage, kind.rates)
    parts = [PartConfig(lr=lr, warmup=warmup) for lr, warmup in zip(rates, kind.warmup, strict=True)]
    crops = kind.crops if not size.alone else size.crop.max_crops
    return RunConfig(
        name=size.name.format(stage=stage),
        mixture=mixture,
        steps=dict(size.steps).get(stage, kind.steps),
        model=size.preset,
        init_from=f"runs/{size.name.format(stage=kind.before)}/final" if kind.before else f"runs/compose/{size.preset}",
        crop=size.crop.replace(max_crops=crops),
        format=_CAPTION_FORMAT if caption else FormatConfig(),
        optimizer=OptimizerConfig(encoder=parts[0], connector=parts[1], llm=parts[2]),
        dropout=DropoutConfig(residual=0.1, on=kind.dropped),
        loader=LoaderConfig(
            rows=1,
            row_length=kind.row_length,
            packing=False,
            row_examples=images,
            streams=1024,
            workers=4,
            max_skipped=1000,
        ),
        accumulate=(size.batch or kind.batch) // images,
        parallel=ParallelConfig(
            mode="none" if size.alone else "fsdp", checkpointing=size.checkpointing, reduce=size.reduce
        ),
        freeze=() if size.tied or size.lora else ("embedding",),
        lora=size.lora,
        checkpoint_every=1000,
        log_every=1,
    )


_CAPTION_FORMAT = FormatConfig(
    message_format="none", system_prompt="style_and_length", prompt_templates=False, loss_weighting="none"
)


def _captions(root: str | None) -> MixtureConfig:
    options = {"split": "train"}
    if root is not None:
        options |= {"path": str(Path(root) / "pixmo_cap"), "images": str(Path(root) / "images")}
    source = SourceConfig(
        source="pixmo_cap", name="pixmo_cap", options=options, rate_size=712_000, kinds=("caption", "transcript")
    )
    return MixtureConfig(groups=(GroupConfig(name="captions", rate=1.0, sources=(source,)),))


def _mixture(root: str | None, mix: str, without: tuple[str, ...]) -> MixtureConfig:
    if mix not in MIXTURES:
        raise NotRegisteredError(f"there is no mixture {mix!r}", fix=f"known: {', '.join(MIXTURES)}")
    return MIXTURES[mix](None if root is None else Path(root), without=without)


molmo_caption_1b = _recipe("caption", "1b")
molmo_caption_7b_o = _recipe("caption", "7b_o")
molmo_caption_7b_d = _recipe("caption", "7b_d")
molmo_caption_72b = _recipe("caption", "72b")
molmo_sft_1b = _recipe("sft", "1b")
molmo_sft_7b_o = _recipe("sft", "7b_o")
molmo_sft_7b_d = _recipe("sft", "7b_d")
molmo_sft_72b = _recipe("sft", "72b")
molmo_sft_high_res_1b = _recipe("sft_high_res", "1b")
molmo_sft_high_res_7b_o = _recipe("sft_high_res", "7b_o")
molmo_sft_high_res_7b_d = _recipe("sft_high_res", "7b_d")
molmo_sft_high_res_72b = _recipe("sft_high_res", "72b")
open_caption = _recipe("caption", "open")
open_sft = _recipe("sft", "open")
open_sft_high_res = _recipe("sft_high_res", "open")
small_caption = _recipe("caption", "small")
small_sft = _recipe("sft", "small")
small_caption_3b = _recipe("caption", "small_3b")
small_sft_3b = _recipe("sft", "small_3b")
