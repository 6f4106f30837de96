"""A model folder in the layout of the released models: weights, settings, tokenizer and processor files."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from openmolmo.core.errors import CheckpointError, ConfigError
from openmolmo.core.files import atomic_dir, require_writable, write_json, write_text
from openmolmo.imaging.config import NORMALIZATIONS
from openmolmo.inference.batch import left_padded
from openmolmo.inference.folders.fits import require_mlx, require_released
from openmolmo.inference.hf.messages import stored_template
from openmolmo.inference.load import find_tokenizer
from openmolmo.model.checkpoint import load_config, load_model
from openmolmo.model.crop_scorer import CROP_POLICY
from openmolmo.model.find import find_model
from openmolmo.model.folder import CONFIG, read_settings, steps_done
from openmolmo.model.known_world import KNOWN_WORLD
from openmolmo.model.molmo import Molmo
from openmolmo.model.released.export import export_weights
from openmolmo.prompting import Processor
from openmolmo.prompting.released import PREPROCESSOR_FILE, load_processor
from openmolmo.prompting.tokenizer import SPECIAL_TOKENS

__all__ = ["ExportReport", "check_export", "export"]

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
                    "vocab.json", "merges.txt")  # fmt: skip
#: The published processors insist on the class of their own language model's tokenizer.
_TOKENIZER_CLASS = {"qwen2": "Qwen2Tokenizer", "olmo2": "GPT2Tokenizer", "olmoe": "GPTNeoXTokenizer"}
_CODE = {"qwen2": "allenai/Molmo-7B-D-0924", "olmo2": "allenai/Molmo-7B-O-0924", "olmoe": "allenai/MolmoE-1B-0924"}
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class ExportReport:
    """What was written: files with their bytes, and the largest difference of logits where that was checked.

    ``steps``: how many the training of the model took, and how many it was to take, where its folder says so.
    """

    files: dict[str, int]
    logit_difference: float | None
    steps: tuple[int, int] | None = None


def export(
    model: str | Path,
    out: Path,
    *,
    layout: Literal["released", "mlx"] = "released",
    like: str | Path | None = None,
    any_size: bool = False,
    dtype: Literal["float32", "bfloat16", "float16"] = "float32",
    check: bool = False,
    tokenizer: str | Path | None = None,
) -> ExportReport:
    """Write ``model`` (a folder, a bundled name or a hub repository) to ``out``, whole or not at all.

    ``layout``: that of the released models, or ``mlx``: the same with the settings that mlx-vlm reads, of any size.
    ``like``: the released model it came from; its files are kept wherever they say the same. ``any_size``: also
    sizes that the published dense code has built in, which openmolmo alone then reads. ``check``: read the result
    again and compare logits. ``tokenizer``: for a training checkpoint of a released model, which has none.

    Raises:
        ConfigError: the layout cannot express settings (the message names all), or ``out`` is in use.
        CheckpointError: a folder cannot be read, or the check failed.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} is not empty", fix="choose a new --out")
    require_writable(out)
    source = find_model(model)
    released = None if like is None else find_model(like)
    if released is not None and read_settings(released).layout != "released":
        raise CheckpointError(f"{like} is no released model in the published layout", fix="give e.g. its hub name")
    processor = load_processor(source, find_tokenizer(source, tokenizer))
    published = None if released is None else read_settings(released).values
    config, mlx = load_config(source), layout == "mlx"
    if mlx:
        require_mlx(config)
    require_released(config, processor.crop, processor.format, any_size=any_size or mlx, like=published)
    net = load_model(source, _DTYPES[dtype])
    with atomic_dir(out) as folder:
        export_weights(net, folder, like=released, any_size=any_size, mlx=mlx)
        _write_tokenizer(processor, net, folder, released)
        _write_processor(processor, net, folder, code=not mlx)
        _same_processor(processor, folder)
        for name in (KNOWN_WORLD, CROP_POLICY):  # what a model knows of pictures, beside its weights
            if (source / name).is_file():
                shutil.copyfile(source / name, folder / name)
        difference = check_export(net, processor, folder) if check else None
        files = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    return ExportReport(files, difference, steps_done(source))


def check_export(model: Molmo, processor: Processor, folder: Path) -> float:
    """The largest difference between logits of ``model`` and of the exported folder, for one picture and question.

    Raises:
        CheckpointError: there is any.
    """
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    again = load_model(folder, model.dtype)
    logits = []
    for net, reader in ((model, processor), (again, load_processor(folder))):
        with torch.inference_mode():
            logits.append(net(**left_padded([reader.prompt("What is this?", [noise])], net.device)).logits.float())
    difference = float((logits[0] - logits[1]).abs().max())
    if difference != 0:
        raise CheckpointError(
            f"the exported model's logits differ by up to {difference:.3g} from the original's",
            fix="nothing was written; please report this with the model's config.json",
        )
    return difference


def _write_tokenizer(processor: Processor, model: Molmo, folder: Path, like: Path | None) -> None:
    """Those of ``like`` as they stand when they are the same tokenizer, else ours; and the template of chats."""
    write_text(folder / "chat_template.jinja", stored_template(processor.format, processor.tokenizer))
    if like is not None and load_processor(like).tokenizer.to_json() == processor.tokenizer.to_json():
        for name in _TOKENIZER_FILES:
            if (like / name).is_file():
                shutil.copyfile(like / name, folder / name)
        return
    processor.tokenizer.save_pretrained(folder)
    names: dict[str, Any] = {**processor.tokenizer.names, "additional_special_tokens": list(SPECIAL_TOKENS)}
    write_json(folder / "special_tokens_map.json", names)
    kind = _TOKENIZER_CLASS[model.config.text_config.model_type]
    settings = {"tokenizer_class": kind, "clean_up_tokenization_spaces": False, **names}
    write_json(folder / "tokenizer_config.json", settings)


def _write_processor(processor: Processor, model: Molmo, folder: Path, *, code: bool) -> None:
    """``code``: whether the files point to the published code."""
    crop, format = processor.crop, processor.format
    at = _CODE[model.config.text_config.model_type] + "--"
    mean, std = NORMALIZATIONS[crop.normalize]
    auto = {"AutoProcessor": f"{at}preprocessing_molmo.MolmoProcessor"}
    pictures = {"AutoImageProcessor": f"{at}image_preprocessing_molmo.MolmoImageProcessor", **auto}
    write_json(
        folder / PREPROCESSOR_FILE,
        {
            **({"auto_map": pictures} if code else {}),
            "base_image_input_size": [crop.crop_size, crop.crop_size],
            "do_normalize": True,
            "image_mean": list(mean),
            "image_padding_mask": model.config.padding_embedding,
            "image_patch_size": crop.patch_size,
            "image_processor_type": "MolmoImageProcessor",
            "image_std": list(std),
            "image_token_length_h": crop.pooled_per_side,
            "image_token_length_w": crop.pooled_per_side,
            "max_crops": crop.max_crops,
            "overlap_margins": list(crop.margins),
            "processor_class": "MolmoProcessor",
        },
    )
    named = {"auto_map": auto} if code else {}
    write_json(folder / "processor_config.json", {**named, "processor_class": "MolmoProcessor"})
    special = processor.tokenizer.special
    write_json(folder / "generation_config.json", {"eos_token_id": special.eos, "pad_token_id": special.eos})
    back = load_processor(folder).format
    if any(getattr(back, name) != getattr(format, name) for name in _FORMAT):
        spoken = {"system_prompt_kind": format.system_prompt, "default_inference_len": format.default_length}
        write_json(folder / CONFIG, {**read_settings(folder).values, **spoken})


def _same_processor(processor: Processor, folder: Path) -> None:
    """Pictures and questions become the same numbers by the written files."""
    back = load_processor(folder)
    pairs = [(f"crop.{name}", getattr(processor.crop, name), getattr(back.crop, name)) for name in _CROP]
    pairs += [(f"format.{name}", getattr(processor.format, name), getattr(back.format, name)) for name in _FORMAT]
    lost = [f"{name}={ours!r}; it has {theirs!r}" for name, ours, theirs in pairs if ours != theirs]
    if lost:
        raise ConfigError(f"the released layout cannot express {'; '.join(lost)}", fix="use the model with openmolmo")


_CROP = ("crop_size", "patch_size", "pool", "margins", "max_crops", "mode", "resize", "normalize", "shift_patch_mask")
_FORMAT = ("message_format", "system_prompt", "always_start_with_space", "default_length")
