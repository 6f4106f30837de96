"""Find a model's folder, by name or path, and make a :class:`Predictor` of it."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from openmolmo.core.errors import CheckpointError, ConfigError
from openmolmo.inference.predictor import Predictor
from openmolmo.inference.sampling import Sampling
from openmolmo.model.checkpoint import load_model
from openmolmo.prompting.processor import Processor

__all__ = ["bundled_models", "find_model", "load"]

_BUNDLED = Path(__file__).resolve().parent.parent / "bundled"
_STEP = re.compile(r"(\d+)$")


def load(
    model: str | Path = "nano",
    *,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
    batch_size: int = 16,
    max_new_tokens: int = 512,
    sampling: Sampling | None = None,
) -> Predictor:
    """Load a model for answering.

    ``model``: the name of a bundled model, a checkpoint folder, or the folder of a run (its final
    weights, else its newest checkpoint). ``device``: the accelerator if there is one, by default.
    ``dtype``: float32 by default. Raises CheckpointError
    when there is no such model or it is incomplete.
    """
    folder = find_model(model)
    processor = Processor.from_pretrained(folder)
    loaded = load_model(folder, dtype=dtype, device=_device(device))
    if processor.tokenizer.special.im_patch != loaded.config.image_patch_id:
        raise CheckpointError(
            f"{folder}: <im_patch> is token {processor.tokenizer.special.im_patch} in the tokenizer, "
            f"{loaded.config.image_patch_id} in config.json",
            fix="tokenizer and weights must come from the same run; copy the folder again",
        )
    return Predictor(
        loaded,
        processor,
        name=str(model),
        batch_size=batch_size,
        max_new_tokens=max_new_tokens,
        sampling=sampling,
    )


def bundled_models() -> list[str]:
    """Names of the models that came with this installation."""
    return sorted(path.parent.name for path in _BUNDLED.glob("*/config.json"))


def find_model(model: str | Path) -> Path:
    """The checkpoint folder that ``model`` means; CheckpointError says what was looked for."""
    path = Path(model)
    if model in bundled_models():
        return _BUNDLED / model
    if _is_checkpoint(path):
        return path
    if path.is_file():
        raise CheckpointError(f"{path} is a file; a model is a folder with config.json", fix="give the folder")
    if path.is_dir():
        return _in_run(path)
    known = ", ".join(bundled_models())
    raise CheckpointError(
        f"there is no model {str(model)!r}: no bundled one has that name and there is no such folder",
        fix=f"bundled: {known}; or give a checkpoint folder, or the --out folder of a training run"
        if known
        else "this installation has no bundled model: train one (openmolmo train nano_caption, then nano_sft) "
        "and give its folder",
    )


def _in_run(run: Path) -> Path:
    """``RUN/final``, else the checkpoint with the highest step."""
    if _is_checkpoint(run / "final"):
        return run / "final"
    steps = [
        (int(match[1]), path)
        for path in (*run.iterdir(), *run.glob("checkpoints/*"))
        if (match := _STEP.search(path.name)) and _is_checkpoint(path)
    ]
    if steps:
        return max(steps)[1]
    raise CheckpointError(
        f"{run} holds no model: no config.json with weights in it, in final/ or in a step-N/ folder",
        fix="give the --out folder of a training run that has written a checkpoint, or the checkpoint itself",
    )


def _is_checkpoint(path: Path) -> bool:
    return (path / "config.json").is_file() and any(path.glob("*.safetensors"))


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
