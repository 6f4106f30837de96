"""Pictures a second on one thread: decode a JPEG and cut its crops, exact and fast.

    python benchmarks/imaging.py                                  # a table, about half a minute
    python benchmarks/imaging.py --reference ../molmo             # and the public implementation beside it
    python benchmarks/imaging.py --out benchmarks/results/imaging.json

Pictures are generated: soft shapes with grain, so that JPEG has about as much to decode as in a photograph.
Each figure is the fastest tenth of the runs by processor time, taken in four visits of ``--seconds`` / 4 with the
other figures in between, so that a neighbour on the machine disturbs little; "decode" is open_image alone, "crops"
cut_crops. A picture a second is all of it: from the file's bytes to crops, their mask and the plan of the tokens.
``--reference`` takes a checkout of github.com/allenai/molmo; its crops must be ours.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import PIL.Image
import torch

from openmolmo.core.files import write_json
from openmolmo.imaging import CropConfig, Crops, cut_crops, make_plan, open_image
from reference import add_reference_option, open_reference, reference_patches
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
AIMS = {"1024x768": (1.6, 3.5), "4000x3000": (None, 7.0)}
"""Times the reference's pictures a second: exact and fast."""
EXACT = 2e-5


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
    """Fastest-tenth processor time of each work, each given about ``seconds`` in four turns."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(4):
        for name, work in works.items():
            work()
            end = time.perf_counter() + seconds / 4
            while time.perf_counter() < end or len(times[name]) < 3:
                start = time.process_time()
                work()
                times[name].append(time.process_time() - start)
    return {name: float(np.quantile(values, 0.1)) * 1e3 for name, values in times.items()}


def reference_work(path: Path, config: CropConfig, data: bytes) -> Callable[[], Any]:
    """The public implementation on one picture, by the settings of ``config``: (crops, tokens, places, mask)."""
    module = open_reference(path, "data.model_preprocessor")
    side = config.crop_size
    preprocessor = module.MultiModalPreprocessor(
        SimpleNamespace(encode=lambda text: list(range(len(text.split())))),
        crop_mode="overlap-and-resize-c2",
        max_crops=config.max_crops,
        overlap_margins=config.margins,
        base_image_input_size=(side, side),
        image_token_length_w=config.pooled_per_side,
        image_token_length_h=config.pooled_per_side,
        image_patch_size=config.patch_size,
        image_padding_mask=True,
    )
    return lambda: preprocessor.preprocess(module.load_image(io.BytesIO(data)), is_training=False)


def check(crops: Crops, theirs: Any, patch: int) -> None:
    """Stop where the reference does something else than we do."""
    pixels, _, _, mask = theirs
    ours = reference_patches(crops.pixels, patch)
    if ours.shape != pixels.shape or abs(ours - pixels).max() > EXACT or abs(crops.patch_mask - mask).max() > EXACT:
        raise SystemExit("the reference gives other crops than ours: a comparison would mean nothing")


def measure(
    name: str, width: int, height: int, config: CropConfig, seconds: float, reference: Path | None
) -> dict[str, Any]:
    """One row of figures for one picture size and configuration."""
    data = photograph(width, height)
    plan = make_plan(width, height, config)
    image = open_image(data)

    def work(mode: Literal["exact", "fast"]) -> Crops:
        picture = open_image(data)
        return cut_crops(picture, make_plan(picture.shape[1], picture.shape[0], config), config, mode=mode)

    works: dict[str, Callable[[], Any]] = {
        "decode": lambda: open_image(data),
        "crops": lambda: cut_crops(image, plan, config),
        "exact": lambda: work("exact"),
        "fast": lambda: work("fast"),
    }
    if reference is not None:
        works["reference"] = reference_work(reference, config, data)
        check(work("exact"), works["reference"](), config.patch_size)
    took = milliseconds(works, seconds)
    row = {
        "configuration": name,
        "picture": f"{width}x{height}",
        "crops": plan.n_crops,
        "decode_ms": round(took["decode"], 3),
        "exact_crops_ms": round(took["crops"], 3),
        "exact_per_second": round(1e3 / took["exact"], 1),
        "fast_per_second": round(1e3 / took["fast"], 1),
    }
    if reference is not None:
        row["reference_per_second"] = round(1e3 / took["reference"], 2)
        row["exact_ratio"] = round(took["reference"] / took["exact"], 2)
        row["fast_ratio"] = round(took["reference"] / took["fast"], 2)
    return row


def show(row: dict[str, Any]) -> None:
    """One line of the table, and one of ratios with what they should be."""
    print(
        f"{row['configuration']:18}{row['picture']:>11}{row['crops']:>7}{row['decode_ms']:>11.2f}"
        f"{row['exact_crops_ms']:>10.2f}{row['exact_per_second']:>9.1f}{row['fast_per_second']:>9.1f}",
        flush=True,
    )
    if "reference_per_second" in row:
        exact, fast = AIMS.get(row["picture"], (None, None))
        print(
            f"    the reference: {row['reference_per_second']} a second; ours exact {row['exact_ratio']} times that"
            f"{f' (aim: {exact})' if exact else ''}, fast {row['fast_ratio']} times{f' (aim: {fast})' if fast else ''}",
            flush=True,
        )


def main() -> None:
    """Measure, print a table and write JSON where asked."""
    parser = argparse.ArgumentParser(description="Pictures a second: JPEG decode and crops, one thread.")
    parser.add_argument("--out", type=Path, help="write the figures as JSON here")
    parser.add_argument("--seconds", type=float, default=1.0, help="time spent on each figure")
    add_reference_option(parser)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    where = surroundings("torch", "pillow") | {"threads": 1}
    print(", ".join(f"{key} {value}" for key, value in where.items()))
    headings = f"{'configuration':18}{'picture':>11}{'crops':>7}{'decode ms':>11}{'crops ms':>10}"
    print(f"{headings}{'exact/s':>9}{'fast/s':>9}")
    rows = []
    for case in CASES:
        rows.append(measure(*case, arguments.seconds, arguments.reference))
        show(rows[-1])
    if arguments.out is not None:
        aims = {picture: dict(zip(("exact", "fast"), aim, strict=True)) for picture, aim in AIMS.items()}
        write_json(arguments.out, {"benchmark": "imaging", **where, "aims": aims, "rows": rows})


if __name__ == "__main__":
    main()
