"""One evaluation from names to results: load the model, make or read the data, judge, note everything."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from openmolmo import __version__
from openmolmo.core.commit import code_commit
from openmolmo.core.files import sha256_file
from openmolmo.evaluation.held_out import HeldOut, from_folder, from_generators
from openmolmo.evaluation.overlap import overlap_of
from openmolmo.evaluation.results import Results
from openmolmo.evaluation.runner import run
from openmolmo.evaluation.tasks import TASKS, Task
from openmolmo.inference.load import load
from openmolmo.model.find import bundled_models, find_model
from openmolmo.model.folder import ADAPTER

__all__ = ["Setup", "judge"]


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What to judge, and on what; the defaults are those of the model card."""

    model: str = "nano"
    data: Path | None = None
    synth: Sequence[str] = ("scenes", "clocks")
    count: int = 500
    seed: int = 0
    size: int = 256
    split: str | None = None
    tasks: Sequence[Task] | None = None
    limit: int | None = 500
    batch_size: int = 32
    max_new_tokens: int = 512
    device: str | None = None


def judge(setup: Setup, held_out: HeldOut | None = None) -> Results:
    """Run an evaluation. ``held_out``: examples made before, to judge several models on the same ones."""
    folder = find_model(setup.model)
    tasks = [TASKS.get(name) for name in TASKS] if setup.tasks is None else setup.tasks
    if held_out is None:
        held_out = examples_of(setup)
    predictor = load(setup.model, device=setup.device, batch_size=setup.batch_size, max_new_tokens=setup.max_new_tokens)
    results = run(
        tasks,
        held_out.examples,
        predictor,
        limit=setup.limit,
        sample=held_out.sample,
        batch_size=setup.batch_size,
        seed=setup.seed,
    )
    meta = _meta(setup, folder, held_out, str(predictor.model.device))
    if setup.data is not None and setup.model not in bundled_models():  # those have seen drawn pictures only
        meta["training_data"] = overlap_of(folder, held_out.examples).to_json()
    return Results(results.tasks, meta)


def examples_of(setup: Setup) -> HeldOut:
    """The examples that ``setup`` describes."""
    if setup.data is not None:
        return from_folder(setup.data, split=setup.split)
    return from_generators(
        setup.synth, count=setup.count, seed=setup.seed, size=setup.size, split=setup.split or "test"
    )


def _meta(setup: Setup, folder: Path, held_out: HeldOut, device: str) -> dict[str, Any]:
    weights = sorted(folder.glob("*.safetensors")) or sorted(folder.glob(f"{ADAPTER}/*.safetensors"))
    return {
        "model": setup.model,
        "weights_sha256": {path.name: sha256_file(path) for path in weights},
        "data": held_out.description,
        "limit": setup.limit,
        "max_new_tokens": setup.max_new_tokens,
        "device": device,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "code": {"openmolmo": __version__, "commit": code_commit(), "torch": torch.__version__},
    }
