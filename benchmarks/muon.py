"""What one update of nano's weights by Muon costs, beside the matrix products that it is made of.

    python benchmarks/muon.py                                         # half a minute
    python benchmarks/muon.py --out benchmarks/results/muon.json
    python benchmarks/muon.py --capability avx2 --out benchmarks/results/muon.json

Muon takes five rounds of three products a matrix, some 40 GFLOP for nano. *update* is the processor time of a whole
step of the optimiser that training uses, with everything besides products; *products* is that of as many float32
operations in square products of the middle size, and *library* an update of ``torch.optim.Muon``, in bfloat16. All
take turns in one process with one thread; each figure is the fastest turn's. The aim is at most three times the
products; on a processor that multiplies bfloat16 it is met by far.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from openmolmo.model import Molmo, nano
from openmolmo.model.matmul import multiplies_bfloat16
from openmolmo.training.muon import Muon
from openmolmo.training.optim import matrices_of
from surroundings import add_capability_option, hold_to, surroundings, write_figures

AIM = 3.0
SIDE = 512
"""Of the square products that the update is compared with."""


def operations(matrix: nn.Parameter) -> int:
    """Of five rounds: the matrix by itself, the square of that, and that by the matrix."""
    small, large = sorted(matrix.shape)
    return 5 * 2 * (2 * small * small * large + small**3)


def processor_time(work: Callable[[], Any]) -> float:
    """Seconds."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Measure, print a table and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-library", action="store_true", help="which takes minutes without bfloat16")
    parser.add_argument("--out", type=Path, help="write the figures as JSON here")
    add_capability_option(parser)
    options = parser.parse_args()
    hold_to(options.capability)

    torch.set_num_threads(1)
    torch.manual_seed(0)
    matrices = matrices_of(Molmo(nano(vocab_size=4096, image_patch_id=4098)))
    for matrix in matrices:
        matrix.grad = torch.randn_like(matrix)
    group = {"params": matrices, "lr": 1e-3, "weight_decay": 0.0}
    ours = Muon([dict(group)], momentum=0.95)
    total = sum(map(operations, matrices))
    square, count = torch.randn(SIDE, SIDE), round(total / (2 * SIDE**3))

    def products() -> None:
        for _ in range(count):
            torch.mm(square, square)

    ways: dict[str, Callable[[], Any]] = {"update": ours.step, "products": products}
    if not options.without_library:
        ways["library"] = torch.optim.Muon([dict(group)], momentum=0.95, adjust_lr_fn="match_rms_adamw").step
    for name in ("update", "products"):
        ways[name]()
    rounds = [{name: processor_time(way) for name, way in ways.items()} for _ in range(options.rounds)]
    fastest = {name: round(min(turn[name] for turn in rounds), 3) for name in ways}
    precision = "bfloat16" if multiplies_bfloat16(torch.device("cpu")) else "float32"
    ratio = round(fastest["update"] / fastest["products"], 2)
    print(f"{len(matrices)} matrices, {total / 1e9:.1f} GFLOP, update in {precision}")
    print(", ".join(f"{name} {seconds} s" for name, seconds in fastest.items()))
    print(f"an update costs {ratio} x its products in float32 (aim: at most {AIM})")
    if options.out is not None:
        about = {**surroundings("torch"), "threads": 1, "precision": precision, "aim": AIM}
        cost = {"gflop": round(total / 1e9, 1), "processor_seconds": fastest, "times_products": ratio}
        write_figures(options.out, "muon", {**about, **cost})


if __name__ == "__main__":
    main()
