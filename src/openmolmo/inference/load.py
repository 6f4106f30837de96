"""Load a model by name or path: with its processor as a :class:`Predictor`, or its weights alone."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Unpack

import torch

from openmolmo.core.errors import CheckpointError, ConfigError
from openmolmo.core.hub import fetch_tokenizer, is_repository
from openmolmo.imaging import CropConfig
from openmolmo.inference.cache import CacheConfig, check_cache
from openmolmo.inference.choosing import Looking
from openmolmo.inference.predictor import Answering, Predictor, check_answering
from openmolmo.model import checkpoint
from openmolmo.model.config import MolmoConfig
from openmolmo.model.devices import DeviceMap
from openmolmo.model.find import find_model
from openmolmo.model.folder import read_settings
from openmolmo.model.known_world import read_known_world
from openmolmo.model.molmo import Molmo
from openmolmo.model.quantize import Quantize, check_quantize, quantize_model
from openmolmo.prompting.processor import Processor
from openmolmo.prompting.released import load_processor, tokenizer_name

__all__ = ["find_tokenizer", "load", "load_model"]

_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load(  # noqa: PLR0913  (every one a setting of its own)
    model: str | Path = "nano",
    *,
    device: str | torch.device | None = None,
    dtype: torch.dtype | str | None = None,
    device_map: DeviceMap | None = None,
    tokenizer: str | Path | None = None,
    resize_mode: Literal["exact", "fast"] | None = None,
    quantize: Quantize | None = None,
    crop_policy: str | None = None,
    keep_crops: int | None = None,
    **answering: Unpack[Answering],
) -> Predictor:
    """Load a model for answering.

        openmolmo.load("allenai/Molmo-7B-D-0924", dtype="bfloat16")

    Args:
        model: the name of a bundled model; a checkpoint folder, ours or of a released Molmo (published or native
            layout); the folder of a run (its final weights, else its newest checkpoint); or a repository of the
            hub, OWNER/NAME or OWNER/NAME@REVISION, of which no code is fetched or run.
        device: the accelerator if there is one, by default.
        dtype: type of the weights in memory, float32 by default.
        device_map: ``"auto"`` or a dictionary, to spread the model over several devices; instead of ``device``.
        tokenizer: folder or repository of the tokenizer, for a native folder, which has none. By default the
            repository that its configuration names.
        resize_mode: how pictures are resized, ``exact`` or ``fast`` (at most 1/255 off); by default as the model's
            own settings say, which is exact for the released models.
        quantize: ``int8`` or ``int4``: the weights of the language model's blocks in so many bits
            (:mod:`openmolmo.model.quantize`).
        crop_policy: how the high-resolution crops that are kept are chosen (:mod:`openmolmo.imaging.policies`), or
            ``all``; by default as the model's settings say. ``learned`` needs the policy saved beside the model.
        keep_crops: how many of them are kept of each picture.
        **answering: ``batch_size`` (16), requests decoded together; ``max_new_tokens`` (512), the longest reply;
            ``sampling``, how tokens are drawn (greedily); ``cache``, a static one may be compiled.

    Raises:
        CheckpointError: there is no such model, it is incomplete, or its parts do not fit each other.
        ConfigError: no such device, type or setting; more crops to keep than there are.
        NotRegisteredError: no such crop policy.
        MissingDependencyError: ``quantize`` needs torchao, which is not installed.
    """
    check_answering(answering)
    check_quantize(quantize)
    folder = find_model(model)
    processor = load_processor(folder, find_tokenizer(folder, tokenizer))
    processor.resize_mode = _resize_mode(resize_mode or processor.resize_mode)
    processor.crop = _kept_crops(processor.crop, crop_policy, keep_crops)
    config = checkpoint.load_config(folder)
    _check(folder, config, processor)
    check_cache(answering.get("cache") or CacheConfig(), config.text_config)
    loaded = load_model(folder, device=device, dtype=dtype, device_map=device_map)
    processor.choosing = looking = Looking(loaded, processor.tokenizer, folder)
    if processor.crop.policy == "learned":
        loaded.crop_policy = looking.policy  # what is wrong with it is said before the first question
    loaded.known_world = read_known_world(folder, loaded.encoder, loaded.encoder.width)
    if quantize is not None:
        quantize_model(loaded, quantize)
    return Predictor(loaded, processor, name=str(model), **answering)


def load_model(
    model: str | Path = "nano",
    *,
    device: str | torch.device | None = None,
    dtype: torch.dtype | str | None = None,
    device_map: DeviceMap | None = None,
) -> Molmo:
    """The weights alone, in evaluation mode; arguments and errors as in :func:`load`. Needs no tokenizer."""
    folder = find_model(model)
    if device_map is None:
        return checkpoint.load_model(folder, _dtype(dtype), _device(device))
    if device is not None:
        raise ConfigError(f"device={str(device)!r} and device_map={device_map!r} were both given", fix="give one")
    return checkpoint.load_model(folder, _dtype(dtype), device_map=device_map)


def find_tokenizer(folder: Path, given: str | Path | None = None) -> Path | None:
    """The folder of the tokenizer, where it is not that of the model: ``given``, or what a native folder names.

    Raises CheckpointError where it cannot be fetched.
    """
    if given is not None:
        return fetch_tokenizer(str(given)) if is_repository(str(given)) else Path(given)
    settings = read_settings(folder)
    if settings.layout != "native" or (folder / "tokenizer.json").is_file():
        return None
    named = tokenizer_name(settings)
    return fetch_tokenizer(named) if named is not None and is_repository(named) else None


def _check(folder: Path, config: MolmoConfig, processor: Processor) -> None:
    """What the processor makes is what the model takes; found out before any weight is read."""
    crop = processor.crop
    pairs = {
        "the id of <im_patch>": (processor.tokenizer.special.im_patch, config.image_patch_id),
        "the side of a patch in pixels": (crop.patch_size, config.vision_config.patch_size),
        "the number of patches in a token": (crop.pool**2, config.patches_per_token),
    }
    if config.vision_config.model_type == "clip_vision_model":  # others may stretch their table of positions
        pairs["the side of a crop in pixels"] = (crop.crop_size, config.vision_config.image_size)
    for what, (ours, theirs) in pairs.items():
        if ours != theirs:
            raise CheckpointError(
                f"{folder}: {what} is {ours} for the processor, {theirs} for the model",
                fix="tokenizer, settings and weights must come from the same run or release; copy the folder again",
            )
    table = config.text_config.vocab_size + config.extra_embeddings
    if len(processor.tokenizer) > table:
        raise CheckpointError(
            f"{folder}: the tokenizer has {len(processor.tokenizer)} tokens, the model's embedding table {table} rows",
            fix="tokenizer and weights must come from the same run or release; copy the folder again",
        )


def _kept_crops(crop: CropConfig, policy: str | None, keep: int | None) -> CropConfig:
    """The crop settings with another policy or number of crops, where one is given."""
    if policy is None and keep is None:
        return crop
    if policy == "all" and keep is None:
        return crop.replace(policy="all", keep=None, keep_from=None)
    chosen = crop.replace(policy=policy or crop.policy, keep=crop.keep if keep is None else keep, keep_from=None)
    if chosen.keep is None:
        raise ConfigError(
            f"the crop policy {chosen.policy!r} is to choose crops, and how many is not said",
            fix=f"give keep_crops (--keep-crops), at most {chosen.max_crops}",
        )
    return chosen


def _resize_mode(given: Literal["exact", "fast"]) -> Literal["exact", "fast"]:
    if given not in ("exact", "fast"):
        raise ConfigError(f"resize_mode={given!r} is not one of exact, fast")
    return given


def _dtype(given: torch.dtype | str | None) -> torch.dtype | None:
    if not isinstance(given, str):
        return given
    if given not in _TYPES:
        raise ConfigError(f"dtype={given!r} is not one of {', '.join(_TYPES)}")
    return _TYPES[given]


def _device(device: str | torch.device | None) -> torch.device:
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        wanted = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f"{str(device)!r} is not a device", fix="use cpu or cuda") from error
    if wanted.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device cuda was asked for, but no such accelerator can be used here", fix="use cpu")
    return wanted
