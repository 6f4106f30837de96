"""A model folder of two published backbones: weights, tokenizer with the special tokens, processor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from openmolmo.core.config import Config
from openmolmo.core.errors import CheckpointError, ConfigError
from openmolmo.core.files import atomic_dir, require_writable
from openmolmo.core.hub import fetch_tokenizer
from openmolmo.imaging import CropConfig, make_plan
from openmolmo.inference.folders.fits import require_released
from openmolmo.model.backbones import text_settings, vision_settings
from openmolmo.model.checkpoint import save_model
from openmolmo.model.components import parameter_counts
from openmolmo.model.compose import Sources, compose_config, compose_model, default_layers
from openmolmo.model.config import MolmoConfig
from openmolmo.prompting import FormatConfig, Processor, TextTokenizer

__all__ = ["STYLES", "ComposeConfig", "compose", "default_crops"]

Style = Literal["clip", "siglip", "dinov2", "metaclip"]

#: How crops are made for an encoder, by its ``model_type``. MetaCLIP 1 names itself CLIP: it is to be asked for.
STYLES: dict[str, Style] = {
    "clip_vision_model": "clip",
    "metaclip_2_vision_model": "metaclip",
    "siglip_vision_model": "siglip",
    "dinov2": "dinov2",
}
_NORMALIZE: dict[Style, Literal["clip", "siglip", "imagenet"]] = {
    "clip": "clip",
    "metaclip": "clip",
    "siglip": "siglip",
    "dinov2": "imagenet",
}
_DINOV2_SIDE = 336  # pixels; the published recipe does not use its native 518


@dataclass(frozen=True, kw_only=True)
class ComposeConfig(Config):
    """What to compose; None leaves a setting to the encoder.

    ``style``: how crops are resized and normalised. ``crop_size``: pixels; position embeddings are interpolated
    where it is not the encoder's own. ``feature_layers``: encoder blocks, counted from the last (-1). ``layout``:
    ``released`` makes a model that the released layout can express (its padding mask is read one crop late, as the
    published code does), with ``any_size`` also of sizes that only openmolmo reads from it.
    """

    vision: str
    llm: str
    style: Style | None = None
    crop_size: int | None = None
    max_crops: int = 12
    feature_layers: tuple[int, ...] | None = None
    pooling: Literal["attention", "stack"] = "attention"
    layout: Literal["ours", "released"] = "ours"
    any_size: bool = False
    seed: int = 0


def compose(config: ComposeConfig, out: Path) -> dict[str, int]:
    """Write an untrained model folder to ``out``, whole or not at all; numbers of parameters by part.

    Raises:
        CheckpointError: a backbone or the tokenizer cannot be used, or they do not fit together.
        ConfigError: ``out`` is in use, or a setting does not fit the encoder or the layout.
    """
    if config.any_size and config.layout != "released":
        raise ConfigError("--any-size is for --layout released", fix="leave it out, or add --layout released")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} is not empty", fix="choose a new --out")
    require_writable(out)
    vision, text = vision_settings(config.vision), text_settings(config.llm)
    crop = default_crops(vision, config)
    blocks = vision.num_hidden_layers
    made = compose_config(
        vision,
        text,
        crop_size=crop.crop_size,
        feature_layers=list(config.feature_layers or default_layers(vision.model_type, blocks)),
        pooling=config.pooling,
        patches_per_token=crop.pool**2,
    )
    _fits(made, crop, config)
    if config.layout == "released":
        require_released(made, crop, FormatConfig(), any_size=config.any_size, fix=_released_fix(config))
    processor = Processor(_tokenizer(config.llm, text.vocab_size), crop, FormatConfig())
    assert processor.tokenizer.special.im_patch == made.image_patch_id
    model = compose_model(made, Sources(vision=config.vision, llm=config.llm), config.seed)
    with atomic_dir(out) as folder:
        save_model(model, folder)
        processor.save_pretrained(folder)
    return parameter_counts(model)


def default_crops(vision: Any, config: ComposeConfig) -> CropConfig:
    """Crop settings that fit an encoder: its side and patches, margins of about a sixth of the patches."""
    style = config.style or STYLES[vision.model_type]
    patch = int(vision.patch_size)
    native = int(vision.image_size) // patch * patch  # SigLIP's 384 pixels hold 27 patches of 14
    size = config.crop_size or (min(native, _DINOV2_SIDE) if style == "dinov2" else native)
    margin = 2 * round(size // patch / 12)
    return CropConfig(
        crop_size=size,
        patch_size=patch,
        margins=(margin, margin),
        max_crops=config.max_crops,
        resize=style,
        normalize=_NORMALIZE[style],
        shift_patch_mask=config.layout == "released",
    )


def _released_fix(config: ComposeConfig) -> str:
    sizes = "" if config.any_size else "; --any-size also takes sizes that openmolmo alone reads from such a folder"
    return f"choose other backbones or settings, or leave --layout released out{sizes}"


def _fits(made: MolmoConfig, crop: CropConfig, config: ComposeConfig) -> None:
    """A picture of the most tokens leaves room for words in the language model's context."""
    sizes = [
        (crop.stride * columns + crop.margin_pixels, crop.stride * rows + crop.margin_pixels)
        for rows in range(1, crop.max_crops + 1)
        for columns in range(1, crop.max_crops // rows + 1)
    ]
    most = max(make_plan(width, height, crop).n_sequence_tokens for width, height in sizes)
    context = getattr(made.text_config, "max_position_embeddings", None)
    if context is not None and most + 1 >= context:
        raise CheckpointError(
            f"a picture takes up to {most} tokens with {crop.max_crops} crops of {crop.crop_size} pixels, "
            f"the context of {config.llm} has {context}",
            fix="lower --max-crops or --crop-size, or choose a language model with a longer context",
        )


def _tokenizer(source: str, vocabulary: int) -> TextTokenizer:
    """The language model's tokenizer with the special tokens behind its table."""
    folder = Path(source) if Path(source).is_dir() else fetch_tokenizer(source)
    if not (folder / "tokenizer.json").is_file():
        raise CheckpointError(
            f"{source} has no tokenizer.json",
            fix="write one with AutoTokenizer.from_pretrained(...).save_pretrained(...), from a folder of your own",
        )
    return TextTokenizer.from_pretrained(folder, vocab_size=vocabulary)
