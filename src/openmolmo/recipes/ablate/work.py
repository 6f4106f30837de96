"""One run, from its data to its result; whatever another run has made already is taken as it is.

DIR/data/NAME-SPLIT-KEY/      pictures
DIR/starts/STAGE-KEY/         what a stage with a new language model starts from
DIR/stages/STAGE-KEY/         a stage in training, and its final weights
DIR/runs/ABLATION/ARM-.../    config.yaml, result.json
DIR/claims/...                who works at which of these
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from openmolmo.core.config import to_dict
from openmolmo.core.errors import DivergedError
from openmolmo.core.files import write_json, write_text
from openmolmo.core.runlog import read_jsonl
from openmolmo.engine.synth.base import GENERATORS
from openmolmo.engine.synth.driver import synthesize
from openmolmo.recipes.ablate.base import Drawn
from openmolmo.recipes.ablate.lease import claim
from openmolmo.recipes.ablate.resolve import ROWS_PER_SHARD, Run, TrainedStage, data_folder
from openmolmo.recipes.ablate.results import RESULT
from openmolmo.recipes.ablate.version import machine
from openmolmo.records.manifest import MANIFEST

__all__ = ["Judge", "ask", "carry_out", "claim_of"]

Judge = Callable[[Run, Path], tuple[Mapping[str, Any], Mapping[str, Any]]]
"""(a run whose stages are made, the folder of all runs) -> what becomes its result, and what it says of itself."""

_DIVERGED = "diverged.json"


def claim_of(root: Path, folder: str) -> Path:
    """Where claims on a folder of runs lie: beside it, for training wants its own folder empty."""
    return root / "claims" / folder


def ask(run: Run, root: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Judge by the questions of the run's world."""
    from openmolmo.recipes.ablate.judging import judge_model

    results, tokens = judge_model(root / run.stages[-1].folder / "final", run.world, run.judging, root)
    return results.to_json(), {"image_tokens": round(tokens, 2)}


def carry_out(run: Run, root: Path, judge: Judge = ask) -> bool:
    """Make the result of a run; False where another process makes something that it needs.

    A loss that is not a number is a result too. Raises StoppedError, after saving, when asked to stop.
    """
    folder = root / run.folder
    write_text(folder / "config.yaml", yaml.safe_dump(_about(run), sort_keys=False, allow_unicode=True))
    for drawn in run.world.drawn.values():
        for split, count in (("train", drawn.train), ("test", drawn.test)):
            if count and not _once(root, data_folder(drawn, split), MANIFEST, _drawing(drawn, split, count)):
                return False
    with contextlib.chdir(root):  # paths in the settings are relative, so that other machines can go on
        for stage in run.stages:
            start = stage.config.init_from
            if stage.seen and start and not _once(Path(), start, "config.json", partial(_grafting, stage)):
                return False
            if not _once(Path(), stage.folder, "final", _training(stage)):
                return False
            if (diverged := Path(stage.folder) / _DIVERGED).is_file():
                found = json.loads(diverged.read_text(encoding="utf-8"))
                write_json(Path(run.folder) / RESULT, {"rows": {}, "run": _about(run, status="diverged", **found)})
                return True
    _judge(run, root, judge)
    return True


def _judge(run: Run, root: Path, judge: Judge) -> None:
    began = time.monotonic()
    found, more = judge(run, root)
    seconds = {stage.name: _seconds(root / stage.folder) for stage in run.stages}
    seconds["judging"] = round(time.monotonic() - began, 1)
    about = _about(run, status="done", seconds=seconds, **more)
    write_json(root / run.folder / RESULT, {**found, "run": about})


def _once(root: Path, folder: str, sign: str, make: Callable[[Path], None]) -> bool:
    """Make what is not there yet; False where another process makes it now. ``sign`` is in it when it is whole."""
    path = root / folder
    if _whole(path, sign):
        return True
    lease = claim(claim_of(root, folder))
    if lease is None:
        return False
    with lease:
        if not _whole(path, sign):
            make(path)
    return True


def _whole(path: Path, sign: str) -> bool:
    return (path / sign).exists() or (path / _DIVERGED).exists()


def _drawing(drawn: Drawn, split: str, count: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        synthesize(
            GENERATORS.get(drawn.generator),
            path,
            count=count,
            seed=drawn.seed,
            size=drawn.size,
            split=split,
            rows_per_shard=ROWS_PER_SHARD,
        )

    return make


def _grafting(stage: TrainedStage, path: Path) -> None:
    from openmolmo.recipes.ablate.graft import graft

    assert stage.seen is not None
    graft(stage.config, Path(stage.seen), path)


def _training(stage: TrainedStage) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        from openmolmo.training import checkpoint
        from openmolmo.training.recipe import run_of

        try:
            run_of(stage.config)(path, True)
        except DivergedError as error:
            rows = read_jsonl(path / "metrics.jsonl")
            step = rows[-1]["step"] + 1 if rows else 1
            write_json(path / _DIVERGED, {"stage": stage.name, "step": step, "message": error.message})
        for saved in checkpoint.checkpoints(path):  # only for going on; three times the size of the weights
            shutil.rmtree(saved)

    return make


def _seconds(folder: Path) -> float:
    """How long the steps of a stage took, over all its sittings."""
    return round(sum(float(row["seconds"]) for row in read_jsonl(folder / "metrics.jsonl")), 1)


def _about(run: Run, **more: Any) -> dict[str, Any]:
    return {
        "ablation": run.ablation,
        "arm": run.arm,
        "seed": run.seed,
        "metric": run.metric,
        "scale": run.scale,
        "shared": run.shared,
        "recipe": run.recipe,
        **more,
        "world": to_dict(run.world),
        "judging": to_dict(run.judging),
        "declared": to_dict(run.declared),
        "stages": {stage.name: {"folder": stage.folder, "config": to_dict(stage.config)} for stage in run.stages},
        "machine": machine(),
    }
