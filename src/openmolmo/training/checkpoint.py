"""Checkpoints of a run: whole or absent, loadable by anybody, and enough to go on exactly.

OUT/step-300/            config.json, model.safetensors, tokenizer and processor files
OUT/step-300/run/        state.json (step, loader, configuration, versions, fingerprints),
                         optimizer.pt
OUT/step-300/files.json  names and sizes of all of these, written last
OUT/final/               the last one without the run's state
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from openmolmo import __version__
from openmolmo.core.errors import CheckpointError
from openmolmo.core.files import atomic_dir, write_json
from openmolmo.model.checkpoint import save_model
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.processor import Processor
from openmolmo.training.optim import Optimizer

__all__ = ["checkpoints", "code_version", "latest", "load_state", "prune", "save_final", "save_step"]

_NAME = re.compile(r"step-(\d+)")


def save_step(
    out: Path,
    step: int,
    model: Molmo,
    processor: Processor,
    optimizer: Optimizer,
    state: dict[str, Any],
    tensors: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``OUT/step-N`` atomically; ``state`` holds JSON values, ``tensors`` more of what torch saves.

    Returns its path.
    """
    folder = out / f"step-{step}"
    with atomic_dir(folder) as temporary:
        _save_weights(temporary, model, processor)
        (temporary / "run").mkdir()
        saved = {"optimizer": optimizer.state_dict(), "torch_rng": torch.get_rng_state(), **(tensors or {})}
        with (temporary / "run/optimizer.pt").open("wb") as stream:  # given a path, it hides that the disk is full
            torch.save(saved, stream)
        write_json(temporary / "run/state.json", {"step": step, "code": code_version(), **state})
        _seal(temporary)
    _sync(out)
    return folder


def save_final(out: Path, model: Molmo, processor: Processor) -> Path:
    """Write ``OUT/final``: weights, tokenizer and processor only."""
    with atomic_dir(out / "final") as temporary:
        _save_weights(temporary, model, processor)
        _seal(temporary)
    _sync(out)
    return out / "final"


def load_state(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON state of a checkpoint, and its tensors (``optimizer``, ``torch_rng``)."""
    state: dict[str, Any] = json.loads((folder / "run/state.json").read_text(encoding="utf-8"))
    tensors: dict[str, Any] = torch.load(folder / "run/optimizer.pt", map_location="cpu", weights_only=True)
    return state, tensors


def checkpoints(out: Path) -> list[Path]:
    """Complete checkpoints of a run, oldest first; half-written and damaged ones are left out."""
    if not out.is_dir():
        return []
    found = [(int(match[1]), path) for path in out.iterdir() if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found) if _is_complete(path)]


def latest(out: Path) -> Path | None:
    """The newest complete checkpoint, or None."""
    found = checkpoints(out)
    return found[-1] if found else None


def prune(out: Path, keep: int) -> None:
    """Delete all but the newest ``keep`` checkpoints, and what killed runs left half-written."""
    for path in checkpoints(out)[:-keep]:
        shutil.rmtree(path)
    for path in out.glob(".*.tmp"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)


def code_version() -> dict[str, str]:
    """Versions that a result depends on; the commit where the code is a git work tree."""
    here = Path(__file__).parent
    try:
        commit = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        commit = ""
    return {
        "openmolmo": __version__,
        "commit": commit,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "numpy": np.__version__,
    }


def _save_weights(folder: Path, model: Molmo, processor: Processor) -> None:
    save_model(model, folder)
    processor.save_pretrained(folder)


def _seal(folder: Path) -> None:
    """List all files with their sizes, and make sure that everything has reached the disk."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        _sync(path)
    write_json(folder / "files.json", {str(path.relative_to(folder)): path.stat().st_size for path in files})
    for path in (*(path for path in folder.rglob("*") if path.is_dir()), folder):
        _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_complete(folder: Path) -> bool:
    try:
        sizes = json.loads((folder / "files.json").read_text(encoding="utf-8"))
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, json.JSONDecodeError):
        return False


def require_model_folder(folder: Path) -> Path:
    """``folder`` if weights can be read from it; raises CheckpointError saying what is missing."""
    if not folder.is_dir():
        raise CheckpointError(
            f"there is no checkpoint folder {folder}",
            fix="run the stage before first, or give another with init_from=FOLDER (init_from=none: fresh weights)",
        )
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"{folder} holds no config.json, so it is not a checkpoint", fix="e.g. runs/NAME/final")
    return folder
