"""Seconds for a whole preference study: 325,000 votes on 27 models, ratings with 200 rounds of the bootstrap.

    python benchmarks/arena.py                                        # half a minute
    python benchmarks/arena.py --out benchmarks/results/arena.json

The size is that of arXiv 2409.17146. *fit* reads the file and rates all models, as ``openmolmo arena fit`` does for
votes without a category; *study* does so for ten categories too, and *length* at equal length of the answers, where
nearly every vote is a row of its own. Processor time of one thread. The aim, under 20 s, is for *fit*.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is loaded

import numpy as np  # noqa: E402

from openmolmo.evaluation.arena.bradley_terry import fit  # noqa: E402
from openmolmo.evaluation.arena.schedule import best_pairs  # noqa: E402
from openmolmo.evaluation.arena.study import study_of  # noqa: E402
from openmolmo.evaluation.arena.votes import CATEGORIES, count_ballots, read_ballots, read_votes  # noqa: E402
from surroundings import add_capability_option, hold_to, surroundings, write_figures  # noqa: E402

AIM = 20.0
VOTES, MODELS, ROUNDS = 325_000, 27, 200


def write_votes(path: Path, count: int) -> None:
    """Votes in the studio's form, of voters who like long answers."""
    rng = np.random.default_rng(0)
    truth = rng.normal(1000, 80, MODELS)
    pairs = np.array([rng.permutation(MODELS)[:2] for _ in range(count)])
    lengths = rng.integers(80, 900, (count, 2))
    gap = truth[pairs[:, 0]] - truth[pairs[:, 1]] + 200 * (lengths[:, 0] - lengths[:, 1]) / lengths.sum(axis=1)
    won = rng.random(count) < 1 / (1 + 10 ** (-gap / 400))
    lots = rng.random(count)
    with path.open("w") as stream:
        for number in range(count):
            said = "a" if won[number] else "b"
            if lots[number] < 0.25:
                said = "dont_know" if lots[number] < 0.03 else "both_good" if lots[number] < 0.15 else "both_bad"
            row = {
                "model_a": f"model {pairs[number, 0]}",
                "model_b": f"model {pairs[number, 1]}",
                "outcome": said,
                "category": CATEGORIES[number % 10],
                "length_a": int(lengths[number, 0]),
                "length_b": int(lengths[number, 1]),
            }
            stream.write(json.dumps(row) + "\n")


def processor_time(work: Callable[[], Any]) -> float:
    """Seconds."""
    start = time.process_time()
    work()
    return round(time.process_time() - start, 2)


def main() -> None:
    """Measure, print a table and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--votes", type=int, default=VOTES)
    parser.add_argument("--out", type=Path, help="write the figures as JSON here")
    add_capability_option(parser)
    options = parser.parse_args()
    hold_to(options.capability)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "votes.jsonl"
        write_votes(path, options.votes)
        counted = read_votes(path)
        ballots = read_ballots(path)
        seconds = {
            "read": processor_time(lambda: read_votes(path)),
            "fit": processor_time(lambda: fit(read_votes(path), rounds=ROUNDS)),
            "study": processor_time(lambda: study_of(ballots, rounds=ROUNDS)),
            "length": processor_time(lambda: fit(count_ballots(ballots, length=True), rounds=ROUNDS)),
            "schedule of 1000": processor_time(lambda: best_pairs(counted.models, 1000, counted)),
        }
    for name, value in seconds.items():
        print(f"{name:<20}{value:8.2f} s of processor time")
    print(f"fit took {seconds['fit'] / AIM:.2f} of the aim of {AIM:.0f} s")
    if options.out is not None:
        size = {"votes": options.votes, "models": MODELS, "rounds": ROUNDS, "threads": 1, "aim": AIM}
        write_figures(options.out, "arena", {**surroundings("numpy"), **size, "processor_seconds": seconds})


if __name__ == "__main__":
    main()
