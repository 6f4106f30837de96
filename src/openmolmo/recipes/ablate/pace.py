"""How long runs take here, from a few steps of every stage, thrown away; and whether a budget is enough to decide."""

from __future__ import annotations

import math
import re
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from openmolmo.core.errors import ConfigError
from openmolmo.recipes.ablate.queue import Plan, in_order, state_of
from openmolmo.recipes.ablate.resolve import Run, TrainedStage, mixture_of
from openmolmo.recipes.ablate.statistics import FEWEST_SEEDS
from openmolmo.training.config import CropPolicyRunConfig, PatchRunConfig, RunConfig

__all__ = ["DRAWING", "measure", "minutes_to_decide", "read_budget", "seconds_a_step", "too_small"]

_TIMED, _WARMING = 4, 1  # steps of a trial, and how many of them are left out as not yet warm
DRAWING = 0.006  # seconds a picture
_ASKING = 0.06  # seconds a question, with its short reply
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def read_budget(text: str) -> float:
    """``20m``, ``90s``, ``1h30m`` in seconds; a number alone is minutes. Raises ConfigError for anything else."""
    plain = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", plain):
        plain += "m"
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", plain)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != plain or not seconds > 0:
        raise ConfigError(f"--budget {text!r} is no time", fix="write 20m, 90s or 1h30m")
    return seconds


def measure(plans: Sequence[Plan]) -> dict[str, float]:
    """Seconds a step of the stages of every first contrast (their settings of seed 0), by folder; some seconds each."""
    found: dict[str, float] = {}
    for plan in plans:
        first = {name for one in plan.ablation.contrasts[:1] for name in (one.arm, one.against)}
        for run in plan.runs:
            for stage in run.stages:
                if run.seed == 0 and run.arm in first and stage.folder not in found:
                    found[stage.folder] = seconds_a_step(run, stage)
    return found


def minutes_to_decide(plan: Plan, root: Path, pace: Mapping[str, float], workers: int) -> float:
    """What the first contrast of an ablation still needs for its fewest seeds; each stage counts once."""
    if not plan.ablation.contrasts:
        return 0.0
    first = plan.ablation.contrasts[0]
    runs = [run for run in plan.runs if run.arm in (first.arm, first.against) and run.seed < FEWEST_SEEDS]
    useful = {run.folder for run in in_order([plan], root)}
    left = [run for run in runs if run.folder in useful and state_of(run, root) in ("waiting", "running")]
    # The stages of other seeds take as long as those of seed 0.
    like = {run.arm: run for run in plan.runs if run.seed == 0}
    stages: dict[str, float] = {}
    for run in left:
        for stage, measured in zip(run.stages, like[run.arm].stages, strict=True):
            if not (root / stage.folder / "final").exists():
                stages[stage.folder] = stage.config.steps * pace[measured.folder]
    questions = sum(run.judging.questions * len(run.world.tasks) for run in left)
    pictures = sum(one.train + one.test for one in left[0].world.drawn.values()) if left else 0
    seconds = sum(stages.values()) + questions * _ASKING + pictures * DRAWING
    return seconds / 60 / max(1, min(workers, len(left)))


def too_small(plan: Plan, minutes: float, needed: float, workers: int) -> str | None:
    """A sentence where a budget decides nothing; None where it is enough."""
    if needed <= minutes:
        return None
    contrast = plan.ablation.contrasts[0]
    return (
        f"{minutes:.3g} minutes are too few to decide {plan.ablation.name}: {FEWEST_SEEDS} seeds of {contrast.arm!r} "
        f"and {contrast.against!r} need about {math.ceil(needed)} here, with {workers} at once "
        f"(--budget {math.ceil(needed)}m); what is finished by then is kept, and the same command goes on with it"
    )


def seconds_a_step(run: Run, stage: TrainedStage) -> float:
    """Seconds of a step of a stage, from a few that are thrown away."""
    import torch

    from openmolmo.training.crop_policy import CropPolicyTrainer
    from openmolmo.training.loop import Trainer
    from openmolmo.training.patch_labels.loop import PatchTrainer

    torch.set_num_threads(1)  # as every run has
    config = stage.config.replace(init_from=None, steps=_TIMED)
    if isinstance(config, CropPolicyRunConfig):  # it goes by the settings of the model that it starts from
        before = next(one.config for one in run.stages if one.key == stage.before)
        config = config.replace(crop=before.crop, format=before.format, tokenizer=before.tokenizer)
    if isinstance(config, RunConfig | CropPolicyRunConfig):
        mixture = mixture_of(run.world, stage.name, live=True)
        assert mixture is not None
        config = config.replace(mixture=mixture)
    with tempfile.TemporaryDirectory(prefix="openmolmo-ablate-") as scratch:
        start: Callable[..., Trainer | PatchTrainer | CropPolicyTrainer] = Trainer.start
        if not isinstance(config, RunConfig):
            start = PatchTrainer.start if isinstance(config, PatchRunConfig) else CropPolicyTrainer.start
        trial = start(config, Path(scratch), None)
        try:
            rows = [trial.take_step() for _ in range(_TIMED)]
        finally:
            trial.close()
    return float(statistics.median(row["seconds"] for row in rows[_WARMING:]))
