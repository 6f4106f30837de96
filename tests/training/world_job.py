"""What every process of a test does: the runs of a plan, one after the other.

``torchrun ... world_job.py PLAN.json`` with a list of {"out", "settings", "resume"} and, where wanted, "begin": the
run from whose first checkpoint to go on, "stop": after which step to be asked to. How it ended is in OUT.RANK.txt.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import tiny
import torch.distributed as dist

from openmolmo.core.config import override
from openmolmo.core.errors import OpenMolmoError
from openmolmo.training import loop, steps

RANK = int(os.environ["RANK"])
take = loop.Trainer.take_step


def stop_at(step: int, rank: int) -> None:
    """Let one process be asked to stop after a step."""

    def take_and_stop(trainer: loop.Trainer) -> dict[str, Any]:
        metrics = take(trainer)
        if trainer.step == step and rank == RANK:
            os.kill(os.getpid(), signal.SIGTERM)
        return metrics

    loop.Trainer.take_step = take_and_stop  # type: ignore[method-assign]


def main(plan: Path) -> None:
    steps.try_plot = lambda *_: None  # type: ignore[assignment]
    # One meeting for all runs: a launcher's store does not forget, so a second one would not come about.
    dist.init_process_group("gloo", timeout=timedelta(seconds=120))
    for part in json.loads(plan.read_text()):
        loop.Trainer.take_step = take  # type: ignore[method-assign]
        if "begin" in part and RANK == 0:
            shutil.copytree(part["begin"], part["out"])
            for name in ("step-20", "final"):
                shutil.rmtree(Path(part["out"]) / name)
        dist.barrier()
        if "stop" in part:
            stop_at(part["stop"], rank=1)
        out, words = Path(part["out"]), "done"
        try:
            loop.run(override(tiny.tiny(), part["settings"]), out, resume=part.get("resume", False))
        except OpenMolmoError as error:
            words = f"{error.exit_code} {error.quiet} {error.message}"
        out.with_suffix(f".{RANK}.txt").write_text(words)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
