"""Where a model is: by the name of a bundled one, a folder, a run's folder, or a repository of the hub."""

from __future__ import annotations

import re
from pathlib import Path

from openmolmo.core.errors import CheckpointError
from openmolmo.core.hub import fetch_model, is_repository
from openmolmo.model.folder import holds_model, lacks, no_model

__all__ = ["bundled_models", "find_model"]

_BUNDLED = Path(__file__).resolve().parent.parent / "bundled"
_STEP = re.compile(r"(\d+)$")


def bundled_models() -> list[str]:
    """Names of the models that came with this installation."""
    return sorted(path.parent.name for path in _BUNDLED.glob("*/config.json"))


def find_model(model: str | Path) -> Path:
    """The checkpoint folder that ``model`` means, fetched if it is one of the hub.

    Raises CheckpointError, which says what was looked for.
    """
    path = Path(model)
    if model in bundled_models():
        return _BUNDLED / model
    if holds_model(path):
        return path
    if path.is_file():
        raise CheckpointError(f"{path} is a file; a model is a folder with config.json", fix="give the folder")
    if path.is_dir():
        return _in_run(path)
    if is_repository(str(model)):
        return fetch_model(str(model))
    known = ", ".join(bundled_models())
    raise CheckpointError(
        f"there is no model {str(model)!r}: no bundled one has that name and there is no such folder",
        fix=f"bundled: {known}; or give a checkpoint folder, the --out folder of a training run, or OWNER/NAME at the "
        "hub"
        if known
        else "this installation has no bundled model: train one (openmolmo train nano_caption, then nano_sft) "
        "and give its folder",
    )


def _in_run(run: Path) -> Path:
    """``RUN/final``, else the checkpoint with the highest step; one with adapters is as good."""
    if holds_model(run / "final"):
        return run / "final"
    steps = [
        (int(match[1]), path)
        for path in (*run.iterdir(), *run.glob("checkpoints/*"))
        if (match := _STEP.search(path.name)) and holds_model(path)
    ]
    if steps:
        return max(steps)[1]
    if (other := no_model(run)) is not None:
        raise CheckpointError(other[0], fix=other[1])
    if (part := lacks(run)) is not None:
        raise CheckpointError(f"{run} is no whole model: {part}", fix="get the folder again, with all its files")
    raise CheckpointError(
        f"{run} holds no model: no config.json with weights in it, in final/ or in a step-N/ folder",
        fix="give the --out folder of a training run that has written a checkpoint, or the checkpoint itself",
    )
