"""Which run is next: a queue of files that any number of processes and machines work through.

The state of a run is what lies in its folder, so nothing can be lost or disagree: ``result.json`` (done or diverged),
``failed.json``, a claim that is held (running), or none of these (waiting).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from openmolmo.core.errors import DiskFullError, OpenMolmoError, StoppedError
from openmolmo.core.files import write_json
from openmolmo.core.progress import say
from openmolmo.recipes.ablate.base import Ablation, Contrast
from openmolmo.recipes.ablate.lease import claim, holder
from openmolmo.recipes.ablate.resolve import Run
from openmolmo.recipes.ablate.results import RESULT, RunResult, contrast_of, read_result
from openmolmo.recipes.ablate.statistics import FEWEST_SEEDS, verdict_of
from openmolmo.recipes.ablate.work import carry_out, claim_of

__all__ = ["Plan", "State", "adopt", "finished", "forget_failures", "in_order", "is_decided", "state_of", "work"]

State = Literal["waiting", "running", "done", "diverged", "failed"]

_FAILED = "failed.json"
_PAUSE = 2.0  # seconds between looks, where others make what is needed


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An ablation and all runs that it may need."""

    ablation: Ablation
    runs: tuple[Run, ...]


def state_of(run: Run, root: Path) -> State:
    """Where a run stands."""
    folder = root / run.folder
    if (folder / RESULT).is_file():
        return "diverged" if read_result(folder / RESULT).diverged else "done"
    if (folder / _FAILED).is_file():
        return "failed"
    return "running" if holder(claim_of(root, run.folder)) else "waiting"


def failure_of(run: Run, root: Path) -> str:
    """Why a run failed."""
    said: str = json.loads((root / run.folder / _FAILED).read_text(encoding="utf-8"))["message"]
    return said


def adopt(plans: Sequence[Plan], root: Path) -> None:
    """Let results that an ablation asks for as it is defined now stand beside its new ones.

    Where its definition has changed in what no arm of it feels, such as an arm more, they are as good as new.
    """
    for plan in plans:
        for run in plan.runs:
            path = root / run.folder / RESULT
            if not path.is_file():
                continue
            found = read_result(path)
            if (found.shared, found.metric) != (run.shared, run.metric):
                value = json.loads(path.read_text(encoding="utf-8"))
                value["run"] |= {"shared": run.shared, "recipe": run.recipe, "metric": run.metric}
                write_json(path, value)


def forget_failures(plans: Sequence[Plan], root: Path) -> None:
    """Let runs that failed be tried once more."""
    for plan in plans:
        for run in plan.runs:
            (root / run.folder / _FAILED).unlink(missing_ok=True)


def finished(plan: Plan, root: Path) -> list[RunResult]:
    """The results of a plan's own runs, which are of this version and these settings alone."""
    paths = [root / run.folder / RESULT for run in plan.runs]
    found = [(run, read_result(path)) for run, path in zip(plan.runs, paths, strict=True) if path.is_file()]
    # The folder says whose result it is: two ablations may have an arm in common, under another name.
    return [result for run, result in found if (result.arm, result.seed) == (run.arm, run.seed)]


def is_decided(plan: Plan, contrast: Contrast, results: Sequence[RunResult]) -> bool:
    """Whether the interval of a contrast excludes zero (or lies within the margin) after enough seeds."""
    found = contrast_of(results, contrast, plan.ablation)
    if found is None or found.seeds < FEWEST_SEEDS:
        return False
    return found.low > 0 or found.high < 0 or verdict_of(found, contrast.expected, plan.ablation) == "reproduced"


def in_order(plans: Sequence[Plan], root: Path) -> Iterator[Run]:
    """Runs that are still of use, the most useful first.

    The first contrast of every ablation, then the second of every one, and so on; of each seed by seed. A contrast that
    is decided wants no more seeds.
    """
    told: set[str] = set()
    results = [finished(plan, root) for plan in plans]
    for rank in range(max((len(plan.ablation.contrasts) for plan in plans), default=0)):
        for plan, known in zip(plans, results, strict=True):
            for contrast in plan.ablation.contrasts[rank : rank + 1]:
                if is_decided(plan, contrast, known):
                    continue
                for run in plan.runs:
                    if run.arm in (contrast.arm, contrast.against) and run.folder not in told:
                        told.add(run.folder)
                        yield run
    for plan in plans:
        named = {arm for one in plan.ablation.contrasts for arm in (one.arm, one.against)}
        yield from (run for run in plan.runs if run.arm not in named)


def work(
    plans: Sequence[Plan],
    root: Path,
    *,
    stop: Callable[[], bool] = lambda: False,
    carry: Callable[[Run, Path], bool] = carry_out,
    pause: float = _PAUSE,
) -> None:
    """Carry out runs until none is left that is of use, or ``stop`` says so.

    A run that cannot be carried out is noted as failed, and the others go on.
    """
    while not stop():
        left = [run for run in in_order(plans, root) if state_of(run, root) in ("waiting", "running")]
        if not left:
            return
        if not any(_take(run, root, carry) for run in left):
            time.sleep(pause)


def _take(run: Run, root: Path, carry: Callable[[Run, Path], bool]) -> bool:
    """Whether the run was carried out here, or failed."""
    lease = claim(claim_of(root, run.folder))
    if lease is None:
        return False
    with lease:
        if state_of(run, root) in ("done", "diverged", "failed"):
            return False
        say(f"{run.title}: begins")
        try:
            return carry(run, root)
        except (StoppedError, DiskFullError):
            raise
        except OpenMolmoError as error:
            write_json(root / run.folder / _FAILED, {"message": str(error)})
            say(f"{run.title}: failed: {error}")
            return True
