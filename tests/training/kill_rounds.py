"""Kill -9 at random points of a run, many times: ``python kill_rounds.py FOLDER TOKENIZER ROUNDS SEED``.

Each attempt is a forked child that kills itself at a drawn *point*: when it opens, renames or deletes a file of
the run, in the middle of writing the optimiser's state, or between the parts of a step. A round kills a run
twice and lets the third attempt end; it must then be the run that nothing happened to. Every second round writes
its checkpoints in the background. Prints what was killed.
"""

from __future__ import annotations

import io
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import tiny
import torch

from openmolmo.core.runlog import read_jsonl
from openmolmo.training import loop, steps
from openmolmo.training.config import RunConfig
from openmolmo.training.optim import Optimizer
from openmolmo.training.parallel.config import ParallelConfig

SAME = ("step", "loss", "ce", "z", "lr", "norm", "examples", "utilisation")
FILES = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"}


class Points:
    """Counts the points that a run passes, and ends the process at number ``last``."""

    def __init__(self, out: Path, last: int | None) -> None:
        self.out, self.last, self.passed = str(out), last, 0

    def here(self) -> None:
        self.passed += 1
        if self.passed == self.last:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        def audit(event: str, arguments: Any) -> None:
            if event in FILES and arguments and str(arguments[0]).startswith(self.out):
                self.here()

        sys.addaudithook(audit)
        for owner, name in ((Optimizer, "clip"), (Optimizer, "update"), (loop.Trainer, "take_step")):
            self._around(owner, name)
        save = torch.save

        def in_pieces(value: Any, stream: Any) -> None:
            whole = io.BytesIO()
            save(value, whole)
            data = whole.getvalue()
            for start in range(0, len(data), len(data) // 6 + 1):
                stream.write(data[start : start + len(data) // 6 + 1])
                stream.flush()
                self.here()

        torch.save = in_pieces  # type: ignore[assignment]

    def _around(self, owner: Any, name: str) -> None:
        method = getattr(owner, name)

        def with_points(*arguments: Any) -> Any:
            self.here()
            result = method(*arguments)
            self.here()
            return result

        setattr(owner, name, with_points)


def attempt(config: RunConfig, out: Path, last: int | None) -> int | None:
    """Run in a child; the number of points passed, or None if it was killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            points = Points(out, last)
            points.watch()
            loop.run(config, out, resume=True)
            os.write(writer, str(points.passed).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as stream:
        passed = stream.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return None
    assert os.WEXITSTATUS(status) == 0, f"the run in {out} failed by itself"
    return int(passed)


def result(out: Path) -> tuple[list[dict[str, Any]], bytes]:
    rows = read_jsonl(out / "metrics.jsonl")
    return [{key: row[key] for key in SAME} for row in rows], (out / "final/model.safetensors").read_bytes()


def main(folder: Path, tokenizer: str, rounds: int, seed: int) -> None:
    steps.try_plot = lambda *_: None  # type: ignore[assignment]
    config = tiny.tiny().replace(tokenizer=tokenizer, steps=8, checkpoint_every=3)
    total = attempt(config, folder / "whole", None)
    assert total is not None
    expected, killed = result(folder / "whole"), 0
    draw = random.Random(seed)
    for number in range(rounds):
        out = folder / f"round-{number}"
        at = [draw.randint(1, total), draw.randint(1, total), None]
        written = config.replace(parallel=ParallelConfig(async_save=number % 2 == 1))
        killed += sum(attempt(written, out, last) is None for last in at)
        assert result(out) == expected, f"round {number}, killed at points {at} of {total}"
        left = {path.name for path in out.iterdir()}
        assert left == {"config.json", "metrics.jsonl", "final", "step-6", "step-8"}, f"round {number}: {left}"
    sys.stdout.write(f"{killed} kills in {rounds} rounds, at random among {total} points\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
