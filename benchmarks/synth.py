"""Pictures drawn a second on one core, JPEG included: every registered generator.

    python benchmarks/synth.py                                # a table, under a minute
    python benchmarks/synth.py --out benchmarks/results/synth.json
    python benchmarks/synth.py --out benchmarks/results/synth.json --capability avx2

Each example is made as the driver makes it (own random stream, picture, JPEG, annotations) in this one
process with OpenCV held to one thread. Figures count processor time, so that a neighbour on the machine takes
away no more than its share of the caches; the wall-clock figure stands beside them. The first pictures, which
fill caches of glyphs and textures, are made before the clock starts.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import cv2

from openmolmo.core.errors import NotRegisteredError
from openmolmo.engine.synth.base import GENERATORS, make_example
from surroundings import add_capability_option, hold_to, surroundings, write_figures

TARGETS = {("clocks", 256): 300.0, ("icons", 256): 80.0, ("scenes", 256): 100.0}  # examples a second per core
WARM_UP = 60


def measure(name: str, size: int, seconds: float) -> dict[str, Any]:
    """Examples a second of one generator at one size, and the mean bytes of a JPEG."""
    generator = GENERATORS.get(name)
    for index in range(WARM_UP):
        make_example(generator, 1, index, size=size)
    count, total = 0, 0
    wall, processor = time.perf_counter(), time.process_time()
    while time.process_time() - processor < seconds:
        image = make_example(generator, 0, count, size=size).image
        assert image is not None and image.data is not None
        total += len(image.data)
        count += 1
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return {
        "generator": name,
        "version": generator.version,
        "size": size,
        "per_second_per_core": round(count / processor, 1),
        "per_second_wall": round(count / wall, 1),
        "mean_bytes": round(total / count),
        "examples": count,
        "target": TARGETS.get((name, size)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generators", nargs="*", help="which ones; all registered ones by default")
    parser.add_argument("--sizes", type=int, nargs="*", default=[128, 256, 512])
    parser.add_argument("--seconds", type=float, default=4.0, help="processor time for each figure")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    add_capability_option(parser)
    options = parser.parse_args()
    hold_to(options.capability)

    cv2.setNumThreads(1)
    rows = []
    print(f"{'generator':<12}{'size':>6}{'per s per core':>16}{'per s wall':>12}{'bytes':>9}{'target':>8}")
    for name in options.generators or GENERATORS.names():
        try:
            GENERATORS.get(name)
        except (ImportError, NotRegisteredError) as error:
            print(f"{name:<12}  not available: {error}")
            continue
        for size in options.sizes:
            row = measure(name, size, options.seconds)
            rows.append(row)
            target = f"{row['target']:.0f}" if row["target"] else "-"
            print(
                f"{name:<12}{size:>6}{row['per_second_per_core']:>16.1f}{row['per_second_wall']:>12.1f}"
                f"{row['mean_bytes']:>9}{target:>8}"
            )
    if options.out:
        where = surroundings("opencv-python-headless", "numpy")
        write_figures(options.out, "synth", {**where, "threads": 1, "precision": "8 bits a colour", "rows": rows})


if __name__ == "__main__":
    main()
