"""Seconds from the shell's prompt to the first answer, beside ``import torch``, of which it should cost two at most.

    python benchmarks/startup.py                                      # two minutes
    python benchmarks/startup.py --out benchmarks/results/startup.json
    python benchmarks/startup.py --capability avx2 --out benchmarks/results/startup.json

Each line is a process of its own, run by turns and warmed by a turn before; its figure is the fastest turn's
processor time (user and system, one thread), which neighbours on the machine disturb less, and that turn's time by
the clock. The question is ``openmolmo point`` about a drawn picture, put to the bundled model. *parts* are those of
such a process, in the order of its life; those of the model itself (its weights, its answer) are set apart: what is
left is start-up, and the aim is about that.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import PIL.Image
import PIL.ImageDraw

from surroundings import add_capability_option, hold_to, surroundings, write_figures

AIM = 2.0
"""Times ``import torch``, the model's own work left out."""

PARTS = """
import json, sys, time
marks, start = {}, time.process_time()
def mark(name):
    global start
    marks[name], start = round(time.process_time() - start, 3), time.process_time()
import torch
mark("torch")
from openmolmo.inference.lean import import_lean
import_lean()
mark("model library")
from openmolmo.inference.load import load
mark("the rest")
predictor = load("nano")
mark("weights")
predictor.point(sys.argv[1], "red circle")
mark("first answer")
predictor.point(sys.argv[1], "red circle")
mark("second answer")
print(json.dumps(marks))
"""
MODEL_WORK = ("weights", "first answer")


def draw(path: Path) -> None:
    """A picture with something to point at."""
    picture = PIL.Image.new("RGB", (256, 256), "white")
    pen = PIL.ImageDraw.Draw(picture)
    pen.ellipse((40, 40, 110, 110), fill="red")
    pen.rectangle((150, 150, 220, 220), fill="blue")
    picture.save(path)


def run(command: Sequence[str]) -> tuple[float, float, str]:
    """Processor time, time by the clock, output."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert child.stdout is not None
    shown = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    assert status == 0, command
    return used.ru_utime + used.ru_stime, time.perf_counter() - start, shown


def main() -> None:
    """Measure, print a table and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--out", type=Path, help="write the figures as JSON here")
    add_capability_option(parser)
    options = parser.parse_args()
    hold_to(options.capability)

    with tempfile.TemporaryDirectory() as folder:
        picture = str(Path(folder) / "picture.png")
        draw(Path(picture))
        commands = {
            "import torch": [sys.executable, "-c", "import torch"],
            "openmolmo --help": [sys.executable, "-m", "openmolmo", "--help"],
            "openmolmo point": [sys.executable, "-m", "openmolmo", "point", picture, "red circle"],
            "parts": [sys.executable, "-c", PARTS, picture],
        }
        for command in commands.values():
            run(command)
        turns = [{name: run(command) for name, command in commands.items()} for _ in range(options.turns)]
    fastest = {name: min(turn[name] for turn in turns) for name in commands}
    parts: dict[str, float] = json.loads(fastest.pop("parts")[2])
    rows: dict[str, Any] = {
        name: {"processor_seconds": round(busy, 2), "seconds": round(clock, 2)}
        for name, (busy, clock, _) in fastest.items()
    }
    for name, row in rows.items():
        print(f"{name:<20}{row['processor_seconds']:8.2f} s of processor time{row['seconds']:8.2f} s by the clock")
    print("parts: " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in parts.items()))
    torch_alone, whole = (rows[name]["processor_seconds"] for name in ("import torch", "openmolmo point"))
    model = sum(parts[name] for name in MODEL_WORK)
    ratio = {"start_up": round((whole - model) / torch_alone, 2), "with_the_model": round(whole / torch_alone, 2)}
    print(
        f"start-up is {ratio['start_up']} x import torch (aim: {AIM}), "
        f"with the model's work {ratio['with_the_model']} x"
    )
    if options.out is not None:
        figures = {**surroundings("torch", "transformers"), "threads": 1, "precision": "float32", "aim": AIM}
        write_figures(options.out, "startup", {**figures, **rows, "parts": parts, "times_import_torch": ratio})


if __name__ == "__main__":
    main()
