"""How long a grid takes here, from a few steps of every kind of stage; and whether a budget is enough."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from openmolmo.core.config import to_dict
from openmolmo.recipes.ablate.pace import DRAWING, seconds_a_step
from openmolmo.recipes.ablate.queue import Plan, state_of
from openmolmo.recipes.ablate.resolve import Run, TrainedStage, data_folder
from openmolmo.recipes.scaling.base import Grid
from openmolmo.recipes.scaling.fit import fewest_points

__all__ = ["kind_of", "measure_kinds", "minutes_left", "tell_pace"]

_MEASURING = 0.015  # seconds a held-out picture


def kind_of(stage: TrainedStage) -> str:
    """Stages of one kind take as long a step: they differ in their data, length, seed and rates alone."""
    told = to_dict(stage.config)
    loader = {key: value for key, value in told.get("loader", {}).items() if key != "workers"}
    same = (told["model"], told["crop"], told.get("batch"), told.get("scenes"), loader)
    return f"{stage.name} {same}"


def measure_kinds(plans: Sequence[Plan]) -> dict[str, float]:
    """Seconds a step of every kind of stage that is still to be made; some seconds each."""
    found: dict[str, float] = {}
    for run in (run for plan in plans for run in plan.runs):
        for stage in run.stages:
            if kind_of(stage) not in found:
                found[kind_of(stage)] = seconds_a_step(run, stage)
    return found


def minutes_left(runs: Sequence[Run], root: Path, pace: Mapping[str, float], workers: int) -> float:
    """What runs still need; a stage, or a set of pictures, that several share is made once."""
    left = [run for run in runs if state_of(run, root) in ("waiting", "running")]
    stages: dict[str, float] = {}
    pictures: dict[str, int] = {}
    asked = 0
    for run in left:
        for stage in run.stages:
            if not (root / stage.folder / "final").exists():
                stages[stage.folder] = stage.config.steps * pace[kind_of(stage)]
        for drawn in run.world.drawn.values():
            pictures |= {data_folder(drawn, "train"): drawn.train, data_folder(drawn, "test"): drawn.test}
        asked += run.judging.questions
    drawing = sum(count for folder, count in pictures.items() if not (root / folder).exists()) * DRAWING
    seconds = sum(stages.values()) + asked * _MEASURING + drawing
    return seconds / 60 / max(1, min(workers, len(left)))


def tell_pace(grid: Grid, plan: Plan, root: Path, pace: Mapping[str, float], workers: int, minutes: float) -> str:
    """How long it takes, or a sentence where the budget is too small."""
    needed = minutes_left(plan.runs, root, pace, workers)
    if needed <= minutes:
        return f"{grid.name}: about {math.ceil(needed)} minutes for {len(plan.runs)} runs, with {workers} at once"
    return (
        f"{minutes:.3g} minutes are too few for {grid.name}: its {len(plan.runs)} runs need about {math.ceil(needed)} "
        f"here, with {workers} at once (--budget {math.ceil(needed)}m), and a law needs {fewest_points(grid.factors)} "
        "of them; what is finished by then is kept, and the same command goes on with it"
    )
