"""Pictures a second, useful work and memory of training on one GPU, with each means switched off in turn.

    python benchmarks/train_gpu.py --reference PATH --out benchmarks/results/train_gpu.json    # under ten minutes
    python benchmarks/train_gpu.py --tiny                                    # the same on a processor, in a minute

Model and examples are those of ``train_gpu_data.py``: CLIP ViT-L/14-336 and Qwen2-1.5B with random weights, and a mix
of questions, pointing, captions and text as fine-tuning has it. A step is one of the training loop
(``openmolmo.training.loop.Trainer``): about 57 examples are copied to the device in several batches, forward, backward,
clipping by component, AdamW; matrix products in bfloat16, weights in float32. Making batches is not measured. Learning
rates are so small that the weights stay as they are: all ways must have the same loss over the same examples.

*all*: examples packed into rows of 8192 tokens, FlexAttention, the loss in chunks, every layer compiled.
*no_packing*: every example has a row of its own, four in a batch, padded to the longest of them.
*no_flex_attention*: SDPA with the mask written out.
*no_chunked_loss*: the logits of all tokens, cross-entropy of the library and the z-loss.
*no_compile*: layers are not compiled (FlexAttention is, as always).
*reference*: the public implementation with the same weights, as its launch scripts train: 2304 tokens and 13 crops for
every example, each layer computed anew in the backward pass; logits of all tokens, SDPA, AdamW in one kernel.
*reference_keeping*: the same, with all activations kept. The ratio is to the faster of the two.

Each way has a process of its own. What is too large for the memory is tried again with half the batch, then (ours) with
activation checkpointing; what was taken is in the result. Compiling and the first passes are left out and told as
``warm_up_seconds``. Images a second are those of whole passes over the data, utilisation is the work that the result
needs over the device's bfloat16 peak, as in ``metrics.jsonl``, memory the peak of PyTorch's allocator (on a processor
the resident peak). The aims: 45 % of the peak, and twice the reference's images a second.

On a processor FlexAttention cannot learn and compiling is off unless asked for (``--compile``), so that these two ways
are not available there; products are in float32.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from openmolmo.core.files import write_json
from reference import add_reference_option
from surroundings import surroundings
from train_gpu_data import FULL, TINY
from train_gpu_measure import LADDER, WAYS, measure

AIMS = {"flops_utilisation": 0.45, "images_ratio": 2.0}
LOSS_TOLERANCE = {"cuda": 1e-4, "cpu": 1e-5}
LEAST_SECONDS = 20.0  # with less time left a way is not begun


def measure_apart(name: str, options: argparse.Namespace, limit: float) -> dict[str, Any]:
    """:func:`measure` in a fresh process, of which not more than the end is lost."""
    command = [sys.executable, __file__, "--measure", name, *options.passed_on]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"failed": f"not done after {limit:.0f} seconds"}
    if done.returncode == 0:
        row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return row
    print(done.stderr[-3000:], file=sys.stderr)
    said = done.stderr.strip().splitlines()
    return {"failed": f"exit code {done.returncode}: {said[-1][:300] if said else 'no word'}"}


def not_available(name: str, options: argparse.Namespace) -> str:
    """Why a way cannot be measured here; nothing where it can."""
    way, cuda = WAYS[name], torch.cuda.is_available()
    if not cuda and not way.flex:
        return "FlexAttention has no backward pass on a processor: all ways have eager attention"
    if not cuda and not way.compile and not options.compile:
        return "nothing is compiled on a processor unless asked for by --compile"
    return ""


def summarise(report: dict[str, Any]) -> None:
    """What the ways are beside each other."""
    found = {name: row for name, row in report["ways"].items() if "loss" in row}
    rates = {name: row["images_per_second"] for name, row in found.items()}
    theirs = {name: rates[name] for name in rates if WAYS[name].reference}
    if "all" in found:
        report["all_over_the_others"] = {name: round(rates["all"] / rate, 3) for name, rate in rates.items()}
        tolerance = LOSS_TOLERANCE["cuda" if "device" in report else "cpu"]
        apart = {name: row["loss"] / found["all"]["loss"] - 1 for name, row in found.items()}
        report["other_loss"] = {name: off for name, off in apart.items() if abs(off) > tolerance}
    if theirs:
        report["ratio_to_reference"] = {name: round(rate / max(theirs.values()), 3) for name, rate in rates.items()}


def show(name: str, row: dict[str, Any]) -> None:
    """One line of the table."""
    if "loss" not in row:
        print(f"{name:20}{row.get('failed') or row['not_available']}", flush=True)
        return
    share = "" if row["flops_utilisation"] is None else f"{row['flops_utilisation']:8.1%} of the peak"
    print(
        f"{name:20}{row['images_per_second']:9.2f} images/s{row['samples_per_second']:9.2f} samples/s"
        f"{row['tokens_per_second']:11.0f} tokens/s{share}{row['peak_gb']:9.2f} GB"
        f"   loss {row['loss']:.5f}   warm-up {row['warm_up_seconds']} s",
        flush=True,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table and write JSON after every way where asked."""
    options = parse(sys.argv[1:] if arguments is None else list(arguments))
    if options.measure:
        print(json.dumps(measure(options.measure, options)))
        return
    end = time.monotonic() + 60 * options.minutes
    where = surroundings("torch", "transformers", "triton")
    where["commit"] = options.commit or where["commit"]
    size = TINY if options.tiny else FULL
    report: dict[str, Any] = {"benchmark": "train_gpu", **where, "model": size.name, "aims": AIMS, "ways": {}}
    for name in options.ways:
        if WAYS[name].reference and not options.reference:
            continue
        left = min(options.limit, end - time.monotonic())
        reason = not_available(name, options)
        if reason:
            row: dict[str, Any] = {"not_available": reason}
        else:
            row = measure_apart(name, options, left) if left > LEAST_SECONDS else {"failed": "no time was left"}
        if device := row.pop("device", None):
            report["device"] = device
        report["ways"][name] = row
        show(name, row)
        summarise(report)
        if options.out is not None:
            write_json(options.out, report)
    for key in ("all_over_the_others", "ratio_to_reference", "other_loss"):
        if key in report:
            print(f"{key}: {report[key]}")


def parse(arguments: list[str]) -> argparse.Namespace:
    """Options; ``passed_on`` are those for the processes of the ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write the figures as JSON here, after every way")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS), help="only these, in this order")
    parser.add_argument("--tiny", action="store_true", help="a tiny model and short examples, to try the script")
    parser.add_argument("--compile", action="store_true", help="compile on a processor too")
    parser.add_argument("--rows", type=int, default=1, help="packed rows of a batch, to begin with")
    parser.add_argument("--checkpointing", choices=("auto", *LADDER), default="auto", help="auto: none, while it fits")
    parser.add_argument("--reference-batch", type=int, default=8, help="its examples of a batch, to begin with")
    parser.add_argument("--seconds", type=float, default=15.0, help="of measuring a way, one pass at least")
    parser.add_argument("--limit", type=float, default=180.0, help="seconds that one way may take in all")
    parser.add_argument("--minutes", type=float, default=9.0, help="that all may take")
    parser.add_argument("--commit", help="of this code, where git is not there to ask")
    parser.add_argument("--measure", choices=list(WAYS), help="measure this way in this process, print JSON, and end")
    add_reference_option(parser)
    options = parser.parse_args(arguments)
    if not torch.cuda.is_available() and not options.tiny:
        parser.error("this model needs a GPU, and torch sees none; --tiny runs a small one on the processor")
    if options.rows < 1 or options.reference_batch < 1:
        parser.error("--rows and --reference-batch must be at least 1")
    options.passed_on = passed_on(options)
    return options


def passed_on(options: argparse.Namespace) -> list[str]:
    """The options that the process of a way needs."""
    given = [f"--{name}" for name in ("tiny", "compile") if getattr(options, name)]
    for name in ("rows", "checkpointing", "reference_batch", "seconds", "reference"):
        value = getattr(options, name)
        given += [] if value is None else [f"--{name.replace('_', '-')}", str(value)]
    return given


if __name__ == "__main__":
    main()
