"""The processor of any model folder: ours reads its own file, a released folder's settings are translated.

A released folder has tokenizer files and ``preprocessor_config.json``; a native one has its settings in
``config.yaml`` and names a tokenizer that is kept elsewhere (arXiv 2409.17146, section 2 and appendix A).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openmolmo.core.errors import CheckpointError, ConfigError
from openmolmo.imaging import CropConfig
from openmolmo.imaging.config import NORMALIZATIONS
from openmolmo.model.folder import Settings, read_settings
from openmolmo.prompting.format_config import FormatConfig
from openmolmo.prompting.processor import PROCESSOR_FILE, Processor
from openmolmo.prompting.tokenizer import SPECIAL_TOKENS, TextTokenizer

__all__ = ["PREPROCESSOR_FILE", "load_processor", "tokenizer_name"]

PREPROCESSOR_FILE = "preprocessor_config.json"

_RESIZE = {"default": "clip", "siglip": "siglip", "dino": "dinov2", "metaclip": "metaclip"}
_MODES = {"overlap-and-resize-c2": "overlap", "resize": "single"}
_SYSTEM_PROMPTS = ("none", "style", "demo_or_style", "style_and_length")
#: As published code has them where a file does not.
_MARGINS, _MAX_CROPS = (4, 4), 12


def load_processor(folder: str | Path, tokenizer: str | Path | None = None) -> Processor:
    """The processor of a model folder in any layout.

    Args:
        folder: the model's.
        tokenizer: folder of the tokenizer, where the model's own has none; the special tokens are added to it.

    Raises:
        CheckpointError: files are missing or cannot be read, a setting is not reproduced here, or the tokenizer's
            special tokens do not have the ids that the model knows.
        ConfigError: a tokenizer was given for one of our own folders.
    """
    settings = read_settings(folder)
    if settings.layout in ("ours", "adapter"):
        if tokenizer is not None:
            raise ConfigError(f"{folder} has a tokenizer of its own, so {tokenizer} cannot be used", fix="leave it out")
        return Processor.from_pretrained(folder)
    try:
        crop = _native_crop(settings) if settings.layout == "native" else _published_crop(Path(folder))
        format = _format(settings)
    except (ConfigError, KeyError, TypeError, ValueError, IndexError) as error:
        raise CheckpointError(
            f"the settings in {folder} make no processor: {error!r}", fix="give the folder as it was published"
        ) from error
    return Processor(_tokenizer(settings, tokenizer), crop, format)


def tokenizer_name(settings: Settings) -> str | None:
    """The repository of the tokenizer that a native configuration names."""
    name = (settings.values.get("tokenizer") or {}).get("identifier")
    return name.removeprefix("mm:").removeprefix("hf-") if isinstance(name, str) else None


# ------------------------------------------------------------------------------------ tokenizer


def _tokenizer(settings: Settings, elsewhere: str | Path | None) -> TextTokenizer:
    """The tokenizer with its five special tokens right after the vocabulary, as the model wants them."""
    folder, size = settings.path.parent, settings.values.get("vocab_size")
    if not isinstance(size, int):
        raise CheckpointError(f"{settings.path} has vocab_size={size!r}, which is no number of tokens")
    if elsewhere is None and settings.layout == "native" and not (folder / "tokenizer.json").is_file():
        raise CheckpointError(
            f"{folder} has no tokenizer.json; its model uses that of {tokenizer_name(settings)!r}",
            fix="give the folder of that tokenizer as well: --tokenizer FOLDER, in Python tokenizer=FOLDER",
        )
    made = TextTokenizer.from_pretrained(elsewhere or folder, vocab_size=size if settings.layout == "native" else None)
    special = made.special
    found = (special.im_start, special.im_end, special.im_patch, special.im_col, special.image)
    if found != tuple(range(size, size + len(SPECIAL_TOKENS))):
        raise CheckpointError(
            f"{elsewhere or folder}: the tokenizer has {', '.join(SPECIAL_TOKENS)} at {', '.join(map(str, found))}; "
            f"a model with vocab_size={size} has them at {size} to {size + len(SPECIAL_TOKENS) - 1}",
            fix="tokenizer and weights must come from the same release",
        )
    return made


# ------------------------------------------------------------------------------------ crops


def _published_crop(folder: Path) -> CropConfig:
    path, nested = folder / PREPROCESSOR_FILE, folder / PROCESSOR_FILE
    inside = not path.is_file() and nested.is_file()  # newer versions of the library write both into one file
    try:
        values = json.loads((nested if inside else path).read_text(encoding="utf-8"))
        if inside:
            path, values = nested, values["image_processor"]
    except (FileNotFoundError, KeyError) as error:
        raise CheckpointError(f"{folder} has no {PREPROCESSOR_FILE}", fix="download the whole folder") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}", fix="download it again") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} holds a {type(values).__name__}, not settings", fix="download it again")
    size = _square(values["base_image_input_size"])
    return CropConfig(
        crop_size=size,
        patch_size=values["image_patch_size"],
        pool=-(-size // values["image_patch_size"] // values["image_token_length_w"]),
        margins=tuple(values.get("overlap_margins", _MARGINS)),
        max_crops=values.get("max_crops", _MAX_CROPS),
        normalize=_normalization(values, path),
        # Their padding mask is read one crop late; without a mask there is nothing to shift.
        shift_patch_mask=bool(values.get("image_padding_mask", True)),
    )


def _normalization(values: Mapping[str, Any], path: Path) -> Any:
    given = (tuple(values["image_mean"]), tuple(values["image_std"]))
    for name, known in NORMALIZATIONS.items():
        if all(abs(a - b) < 1e-6 for pair in zip(given, known, strict=True) for a, b in zip(*pair, strict=True)):
            return name
    raise CheckpointError(
        f"{path} normalises pictures by mean {given[0]} and deviation {given[1]}; "
        f"known here: {', '.join(map(str, NORMALIZATIONS.values()))}"
    )


def _native_crop(settings: Settings) -> CropConfig:
    values = settings.values
    vision = values["vision_backbone"]
    kind = _known(vision, "image_model_type", {"openai": "clip", "siglip": "siglip", "dino": "imagenet"}, "openai")
    if not values.get("use_col_tokens", True) or values.get("image_pooling_h", 2) != values.get("image_pooling_w", 2):
        raise CheckpointError(
            f"{settings.path} has use_col_tokens={values.get('use_col_tokens')!r}, "
            f"image_pooling_h={values.get('image_pooling_h')!r} and image_pooling_w={values.get('image_pooling_w')!r}; "
            "known here: column tokens, and windows with equal sides"
        )
    return CropConfig(
        crop_size=_square(vision["image_default_input_size"]),
        patch_size=vision["image_patch_size"],
        pool=values.get("image_pooling_h", 2),
        margins=tuple(values.get("overlap_margins", _MARGINS)),
        max_crops=values.get("max_crops", _MAX_CROPS),
        mode=_known(values, "crop_mode", _MODES, "overlap-and-resize-c2"),
        resize=_known(vision, "resize_mode", _RESIZE, "default"),
        normalize=kind,
        # Files from before this setting existed belong to models that were trained with the shifted mask.
        shift_patch_mask=not values.get("fix_image_padding", False),
    )


def _square(size: Any) -> int:
    height, width = size
    if height != width:
        raise CheckpointError(f"crops of {height} x {width} pixels; known here: squares")
    return int(height)


# ------------------------------------------------------------------------------------ words


def _format(settings: Settings) -> FormatConfig:
    """How the model was spoken to; the published dense files say nothing of it and are of one kind."""
    values = settings.values
    length = values.get("default_inference_len", 65)
    return FormatConfig(
        message_format=_known(values, "message_formatting", {"role": "role", "none": "none", None: "none"}, "role"),
        system_prompt=_known(
            values, "system_prompt_kind", {kind: kind for kind in _SYSTEM_PROMPTS} | {None: "none"}, "demo_or_style"
        ),
        always_start_with_space=bool(values.get("always_start_with_space", True)),
        prompt_templates=values.get("prompt_type", "uber_model") not in (None, "none"),
        default_length=None if length is None else int(length),
    )


def _known(values: Mapping[str, Any], key: str, known: Mapping[Any, Any], default: Any) -> Any:
    value = values.get(key, default)
    if value not in known:
        raise CheckpointError(f"the model's settings have {key}={value!r}; known here: {', '.join(map(repr, known))}")
    return known[value]
