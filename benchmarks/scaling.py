"""From one device to many, on paper: what a step computes and sends, and what of the speed is left.

    python benchmarks/scaling.py                                        # a few seconds, no accelerator
    python benchmarks/scaling.py --out benchmarks/results/scaling.json

Two speeds of one device stand at the start: the published one (images over GPU hours of the paper's own run), and the
peak times an assumed share. Traffic is that of ring collectives (openmolmo.training.estimate.traffic); links give
three quarters of their makers' figures. "hidden" means that sending costs nothing until it takes longer than
computing, "in turn" that nothing is sent while anything is computed: the truth lies between the two.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from openmolmo.core.files import write_json
from openmolmo.training.config import RunConfig
from openmolmo.training.estimate.gpus import UTILISATION, Gpu, find_gpu
from openmolmo.training.estimate.planned import Planned, planned
from openmolmo.training.estimate.traffic import Traffic, traffic
from openmolmo.training.estimate.work import Load
from openmolmo.training.recipe import load_recipe

LINKS = 0.75
NODE = 8
COUNTS = (8, 64, 256)
ROWS = 2  # images of a batch on one device
HOURS, STEPS, BATCH = 64 * 8.6, 22_300, 128  # of 7B-D, captions (arXiv 2409.17146, appendix)
CPU_STEP = Load(tokens=0.94 * 4096, pairs=0.94 * 4096 * 256, crops=86, image_tokens=86 * 10, learnt=2500)
CPU_SECONDS, CPU_PEAK = 0.65, 868e9  # docs/log.md: a step of that load, and what matrix products reach


@dataclass(frozen=True)
class Line:
    """One row of the table; bytes are those that each device sends in a step, speeds images a second of all."""

    speed: str
    gpus: int
    mode: str
    images_a_step: int
    compute_s: float
    near_gb: float
    far_gb: float
    send_s: float
    hidden: float
    in_turn: float


def plan_of(recipe: str) -> Planned:
    """Sizes and work of a recipe."""
    config = load_recipe(recipe)
    assert isinstance(config, RunConfig)
    return planned(config)


def line(speed: tuple[str, float], gpus: int, mode: str, plan: Planned, gpu: Gpu) -> Line:
    """A step of ``gpus`` devices at ``speed`` = (name, images a second of one device)."""
    batches = max(1, BATCH // (gpus * ROWS))
    sent: Traffic = traffic(
        mode,
        gpus,
        every=plan.sizes.every,
        trained=sum(plan.sizes.trained.values()),
        batches=batches,
        node=NODE,
        replicate=max(1, gpus // NODE) if mode == "hsdp" else 1,
    )
    compute = batches * ROWS / speed[1]
    send = sent.seconds(near=LINKS * gpu.near, far=LINKS * gpu.far)
    images = gpus * batches * ROWS
    return Line(
        speed=speed[0],
        gpus=gpus,
        mode=mode,
        images_a_step=images,
        compute_s=round(compute, 3),
        near_gb=round(sent.near / 1e9, 1),
        far_gb=round(sent.far / 1e9, 1),
        send_s=round(send, 3),
        hidden=round(images / max(compute, send), 1),
        in_turn=round(images / (compute + send), 1),
    )


def table(lines: list[Line]) -> str:
    """The lines in Markdown."""
    names = list(asdict(lines[0]))
    rows = ["| " + " | ".join(name.replace("_", " ") for name in names) + " |", "|---|" + "---:|" * (len(names) - 1)]
    rows += ["| " + " | ".join(f"{value}" for value in asdict(entry).values()) + " |" for entry in lines]
    return "\n".join(rows)


def main() -> None:
    """Print the table; with ``--out`` write the figures too."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    out: Path | None = parser.parse_args().out
    plan, gpu = plan_of("molmo_caption_7b_d"), find_gpu("h100")
    image = plan.work.total(plan.row)
    published, assumed = STEPS * BATCH / (HOURS * 3600), UTILISATION * gpu.peak / image
    speeds = (("published", published), (f"{UTILISATION:.0%} of the peak", assumed))
    lines = [
        line(speed, count, mode, plan, gpu)
        for speed in speeds
        for count in COUNTS
        for mode in (("fsdp",) if count == NODE else ("fsdp", "hsdp"))
    ]
    small = plan_of("nano_sft").work.total(CPU_STEP)
    facts = {
        "operations_an_image": image,
        "published_images_a_second_and_gpu": round(published, 3),
        "published_share_of_the_peak": round(published * image / gpu.peak, 3),
        "assumed_images_a_second_and_gpu": round(assumed, 3),
        "nano_two_cores_gflops": round(small / CPU_SECONDS / 1e9, 1),
        "nano_two_cores_share": round(small / CPU_SECONDS / CPU_PEAK, 3),
    }
    print(json.dumps(facts, indent=2))
    print(table(lines))
    if out is not None:
        write_json(out, {"facts": facts, "lines": [asdict(entry) for entry in lines]})


if __name__ == "__main__":
    main()
