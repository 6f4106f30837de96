"""What every process of a test does: the runs of a plan, one after the other.

``world_job.py PLAN.json PROCESSES`` with a list of {"out", "settings", "resume"} and, where wanted, "begin": the run
from whose first checkpoint to go on, "stop": after which step to be asked to. How it ended is in OUT.RANK.txt.

The processes are forked from one that has imported everything, which takes longer than all their runs, and have the
variables that torchrun would give them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import traceback
from datetime import timedelta
from pathlib import Path
from typing import Any

import tiny
import torch.distributed as dist

from openmolmo.core.config import override
from openmolmo.core.errors import OpenMolmoError
from openmolmo.training import loop, steps

take = loop.Trainer.take_step


def stop_at(step: int) -> None:
    """Let this process be asked to stop after a step."""

    def take_and_stop(trainer: loop.Trainer) -> dict[str, Any]:
        metrics = take(trainer)
        if trainer.step == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return metrics

    loop.Trainer.take_step = take_and_stop  # type: ignore[method-assign]


def work(plan: Path, rank: int, size: int) -> None:
    """What process ``rank`` of ``size`` does."""
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(size))
    steps.try_plot = lambda *_: None  # type: ignore[assignment]
    meeting = f"file://{plan.with_suffix('.meeting')}"  # one for all runs
    dist.init_process_group("gloo", meeting, timeout=timedelta(seconds=120), rank=rank, world_size=size)
    for part in json.loads(plan.read_text()):
        loop.Trainer.take_step = take  # type: ignore[method-assign]
        if "begin" in part and rank == 0:
            shutil.copytree(part["begin"], part["out"])
            for name in ("step-12", "final"):
                shutil.rmtree(Path(part["out"]) / name)
        dist.barrier()
        if "stop" in part and rank == 1:
            stop_at(part["stop"])
        out, words = Path(part["out"]), "done"
        try:
            loop.run(override(tiny.tiny(), part["settings"]), out, resume=part.get("resume", False))
        except OpenMolmoError as error:
            words = f"{error.exit_code} {error.quiet} {error.message}"
        out.with_suffix(f".{rank}.txt").write_text(words)
    dist.destroy_process_group()


def main(plan: Path, size: int) -> int:
    """Start them, wait for all; 1 where one of them failed."""
    children = []
    for rank in range(size):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work(plan, rank, size)
                code = 0
            except BaseException:  # noqa: BLE001 - the child ends here, as the interpreter would
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        children.append(child)
    ends = [os.waitpid(child, 0)[1] for child in children]
    return int(any(ends))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
