"""Checkpoints of a run: whole or absent, loadable by anybody, and enough to go on exactly.

OUT/step-300/            config.json, model.safetensors, tokenizer and processor files
OUT/step-300/run/        state.json (step, loader, configuration, versions, fingerprints),
                         optimizer.pt
OUT/step-300/files.json  names, sizes and hashes of all of these, written last
OUT/final/               the last one without the run's state

With adapters (``training/lora.py``) a checkpoint holds these instead of config.json and model.safetensors.
"""

from __future__ import annotations

import json
import pickle
import platform
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor

from openmolmo import __version__
from openmolmo.core.commit import code_commit
from openmolmo.core.errors import CheckpointError
from openmolmo.core.files import atomic_dir, write_json
from openmolmo.model.checkpoint import save_model
from openmolmo.model.folder import SHARES
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.processor import Processor
from openmolmo.training.card import write_card
from openmolmo.training.checksums import Hashes, fault_of, has_all_sizes, hash_files, sync, write_checksums
from openmolmo.training.lora import is_adapted, merged, save_adapter
from openmolmo.training.optim import Optimizer

__all__ = [
    "SHARDS",
    "checkpoints",
    "code_version",
    "is_sharded",
    "latest",
    "load_state",
    "newest_whole",
    "prune",
    "read_state",
    "save_final",
    "save_step",
    "tidy",
    "write_state",
]

SHARDS = SHARES

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
        if is_adapted(model):
            save_adapter(model, temporary)
        else:
            save_model(model, temporary)
        processor.save_pretrained(temporary)
        (temporary / "run").mkdir()
        saved = {"optimizer": optimizer.state_dict(), "torch_rng": torch.get_rng_state(), **(tensors or {})}
        _save_tensors(saved, temporary / "run/optimizer.pt")
        write_state(temporary, step, state)
        write_checksums(temporary)
    sync(out)
    return folder


def _save_tensors(tensors: dict[str, Any], path: Path) -> None:
    """Write what torch saves. Raises OSError where that is what stopped it."""
    try:
        with path.open("wb") as stream:  # given a path, it hides that the disk is full
            torch.save(tensors, stream)
    except RuntimeError as error:  # on its way out it stumbles over the file that was cut, and raises that instead
        first: BaseException | None = error
        while first is not None and not isinstance(first, OSError):
            first = first.__context__
        if first is None:
            raise
        raise first from error


def save_final(
    out: Path,
    model: Molmo,
    processor: Processor,
    facts: Mapping[str, Any],
    weights: Mapping[str, Tensor] | None = None,
) -> Path:
    """Write ``OUT/final``: weights (adapters added to theirs), tokenizer and processor, and a card of ``facts``.

    ``weights`` are those of a model that does not hold its own whole.
    """
    with atomic_dir(out / "final") as temporary:
        if is_adapted(model):
            save_adapter(model, temporary)
            model = merged(model)
        save_model(model, temporary, weights=weights)
        if model.crop_policy is not None:
            model.crop_policy.write(temporary)
        processor.save_pretrained(temporary)
        write_card(temporary, facts)
        write_checksums(temporary)
    sync(out)
    return out / "final"


def write_state(folder: Path, step: int, state: Mapping[str, Any]) -> None:
    """Write the JSON state of a checkpoint."""
    write_json(folder / "run/state.json", {"step": step, "code": code_version(), **state})


def read_state(folder: Path) -> dict[str, Any]:
    """The JSON state of a checkpoint. Raises CheckpointError if it cannot be read."""
    try:
        state: dict[str, Any] = json.loads((folder / "run/state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(folder, error) from error
    return state


def load_state(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON state of a checkpoint, and its tensors (``optimizer``, ``torch_rng``).

    Raises CheckpointError if they cannot be read.
    """
    state = read_state(folder)
    try:
        tensors: dict[str, Any] = torch.load(folder / "run/optimizer.pt", map_location="cpu", weights_only=True)
    except (OSError, ValueError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise _unreadable(folder, error) from error
    return state, tensors


def is_sharded(folder: Path) -> bool:
    """Whether the weights of a checkpoint are in shares, and not in a file of their own."""
    return (folder / SHARDS).is_dir()


def checkpoints(out: Path) -> list[Path]:
    """Complete checkpoints of a run, oldest first, by the sizes of their files; half-written ones are left out."""
    return [path for _, path in _numbered(out) if has_all_sizes(path)]


def latest(out: Path) -> Path | None:
    """The newest complete checkpoint, or None."""
    found = checkpoints(out)
    return found[-1] if found else None


def newest_whole(out: Path, hashes: Hashes = hash_files) -> tuple[Path | None, dict[Path, str]]:
    """The newest checkpoint that is as it was written, to the last byte; and what is wrong with newer ones."""
    faults: dict[Path, str] = {}
    for _, path in reversed(_numbered(out)):
        fault = fault_of(path, hashes)
        if fault is None:
            return path, faults
        faults[path] = fault
    return None, faults


def tidy(out: Path, folder: Path | None, keep: int) -> None:
    """Before a run goes on from ``folder``: rename checkpoints newer than it, which are damaged, to
    ``step-N.damaged``, and delete what a killed one has left half-written or had no time to delete."""
    for path in out.glob(".*.tmp"):
        if path.is_file():
            path.unlink(missing_ok=True)
    newest = -1 if folder is None else int(folder.name.removeprefix("step-"))
    for step, path in _numbered(out):
        if step > newest:
            aside = path.with_name(f"{path.name}.damaged")
            shutil.rmtree(aside, ignore_errors=True)
            path.replace(aside)
    prune(out, keep)


def prune(out: Path, keep: int) -> None:
    """Delete all but the newest ``keep`` checkpoints, and what killed runs left half-written."""
    _sweep(out)
    for path in checkpoints(out)[:-keep]:
        path.replace(path.with_name(f".{path.name}.old.tmp"))  # half-deleted it must not look like a checkpoint
    _sweep(out)


def _sweep(out: Path) -> None:
    for path in out.glob(".*.tmp"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)


def code_version() -> dict[str, str]:
    """Versions that a result depends on; the commit where the code is a git work tree."""
    return {
        "openmolmo": __version__,
        "commit": code_commit(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "numpy": np.__version__,
    }


def _unreadable(folder: Path, error: Exception) -> CheckpointError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return CheckpointError(
        f"the state of the run in {folder} cannot be read: {reason}",
        fix=f"delete {folder} and --resume: the run goes on from the checkpoint before",
    )


def _numbered(out: Path) -> list[tuple[int, Path]]:
    if not out.is_dir():
        return []
    return sorted((int(match[1]), path) for path in out.iterdir() if (match := _NAME.fullmatch(path.name)))


def require_model_folder(folder: Path, *, fresh: bool = True) -> Path:
    """``folder`` if weights can be read from it; raises CheckpointError saying what is missing.

    ``fresh`` says whether the run could begin with fresh weights instead.
    """
    if not folder.is_dir():
        raise CheckpointError(
            f"there is no checkpoint folder {folder}",
            fix="run the stage before first, or give another with init_from=FOLDER (init_from=none: fresh weights)"
            if fresh
            else "give the folder of a model or of a run, a bundled model, or OWNER/NAME at the hub",
        )
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"{folder} holds no config.json, so it is not a checkpoint", fix="e.g. runs/NAME/final")
    return folder
