"""Pictures a second on one thread: decode a JPEG and cut its crops, exact and fast.

    python benchmarks/imaging.py                                  # a table, about half a minute
    python benchmarks/imaging.py --out benchmarks/results/imaging.json

Pictures are generated: soft shapes with grain, so that JPEG has about as much to decode as in a photograph.
Each figure is the fastest tenth of the runs, taken in four visits of ``--seconds`` / 4 with the other figures in
between, so that a neighbour on the machine disturbs little; "decode" is open_image alone.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch

from openmolmo.core.files import write_json
from openmolmo.imaging import CropConfig, cut_crops, make_plan, open_image
from surroundings import surroundings

CLIP = CropConfig()
SMALL = CropConfig(crop_size=112, margins=(2, 2), max_crops=6)
CASES: tuple[tuple[str, int, int, CropConfig], ...] = (
    ("336 px, 12 crops", 640, 480, CLIP),
    ("336 px, 12 crops", 1024, 768, CLIP),
    ("336 px, 12 crops", 1920, 1080, CLIP),
    ("336 px, 12 crops", 4000, 3000, CLIP),
    ("112 px, 6 crops", 256, 192, SMALL),
    ("112 px, 6 crops", 256, 256, SMALL),
)


def photograph(width: int, height: int) -> bytes:
    """A JPEG (quality 90) of soft shapes with grain."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (height // 32 + 2, width // 32 + 2, 3), dtype=np.uint8)
    soft = np.asarray(PIL.Image.fromarray(coarse).resize((width, height), PIL.Image.Resampling.BICUBIC))
    grain = rng.normal(0, 6, (height, width, 1))
    stream = io.BytesIO()
    PIL.Image.fromarray(np.clip(soft + grain, 0, 255).astype(np.uint8)).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def milliseconds(works: dict[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """Fastest-tenth time of each work, each given about ``seconds`` in four turns."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(4):
        for name, work in works.items():
            work()
            end = time.perf_counter() + seconds / 4
            while time.perf_counter() < end or len(times[name]) < 3:
                start = time.perf_counter()
                work()
                times[name].append(time.perf_counter() - start)
    return {name: float(np.quantile(values, 0.1)) * 1e3 for name, values in times.items()}


def measure(name: str, width: int, height: int, config: CropConfig, seconds: float) -> dict[str, Any]:
    """One row of figures for one picture size and configuration."""
    data = photograph(width, height)
    plan = make_plan(width, height, config)
    image = open_image(data)
    took = milliseconds(
        {
            "decode": lambda: open_image(data),
            "crops": lambda: cut_crops(image, plan, config),
            "exact": lambda: cut_crops(open_image(data), plan, config),
            "fast": lambda: cut_crops(open_image(data), plan, config, mode="fast"),
        },
        seconds,
    )
    return {
        "configuration": name,
        "picture": f"{width}x{height}",
        "crops": plan.n_crops,
        "decode_ms": round(took["decode"], 3),
        "exact_crops_ms": round(took["crops"], 3),
        "exact_per_second": round(1e3 / took["exact"], 1),
        "fast_per_second": round(1e3 / took["fast"], 1),
    }


def main() -> None:
    """Measure, print a table and write JSON where asked."""
    parser = argparse.ArgumentParser(description="Pictures a second: JPEG decode and crops, one thread.")
    parser.add_argument("--out", type=Path, help="write the figures as JSON here")
    parser.add_argument("--seconds", type=float, default=1.0, help="time spent on each figure")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    where = surroundings("torch", "pillow") | {"threads": 1}
    print(", ".join(f"{key} {value}" for key, value in where.items()))
    headings = f"{'configuration':18}{'picture':>11}{'crops':>7}{'decode ms':>11}{'crops ms':>10}"
    print(f"{headings}{'exact/s':>9}{'fast/s':>9}")
    rows = []
    for case in CASES:
        row = measure(*case, arguments.seconds)
        rows.append(row)
        print(
            f"{row['configuration']:18}{row['picture']:>11}{row['crops']:>7}{row['decode_ms']:>11.2f}"
            f"{row['exact_crops_ms']:>10.2f}{row['exact_per_second']:>9.1f}{row['fast_per_second']:>9.1f}"
        )
    if arguments.out is not None:
        write_json(arguments.out, {"benchmark": "imaging", **where, "rows": rows})


if __name__ == "__main__":
    main()
