"""Samples a second and memory of whole optimiser steps, packed and plain, beside the public implementation.

    python benchmarks/train_step.py                                   # some minutes
    python benchmarks/train_step.py --reference PATH --out benchmarks/results/train_step.json
    python benchmarks/train_step.py --reference PATH --out benchmarks/results/train_step.json --capability avx2

The model of ``benchmarks/decode.py``: 10.7M random weights, crops of 112 px (at most six and the global one), a
language model of width 256 with four blocks and a vocabulary of 8192, float32. The data: 64 pictures of eight sizes
with one to four annotations each. A step is forward, backward, clipping by component and AdamW; making the batches
is not measured. *plain*: eight examples in rows of their own, padded to the longest; *packed*: about eight
examples in rows of 512 tokens; *bfloat16*: packed, products in bfloat16, where the processor multiplies that in
hardware; *reference*: the public implementation with the same weights, its batches padded to the most crops and the
longest row, whose loss must be the same. Each is run in processes of its own, by turns; "samples a second" is that
of the fastest pass over the data, by the clock and by processor time; "peak" is the highest resident memory less what
there was before the model, with weights, gradients and optimiser states (170 MB). The aim is twice the reference.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from torch import Tensor

from decode import make_model
from openmolmo.data import Packer, collate
from openmolmo.imaging import CropConfig
from openmolmo.model import Molmo
from openmolmo.model.matmul import multiplies_bfloat16
from openmolmo.prompting import FormatConfig, Processor, TextTokenizer
from openmolmo.prompting.sequence import Tokens
from openmolmo.records.example import Example, ImageRef, Made, Provenance, QuestionAnswer
from openmolmo.training.build import BUNDLED_TOKENIZER
from openmolmo.training.config import OptimizerConfig
from openmolmo.training.optim import Optimizer, trained_parameters
from reference import add_reference_option, reference_model, reference_step, reference_training_batch
from surroundings import add_capability_option, hold_to, memory, restart_peak, surroundings, write_figures

AIM = 2.0
PRECISION = "float32, but for the way bfloat16"
EXAMPLES, BATCH, ROW_LENGTH, OPEN_ROWS, Z_LOSS = 64, 8, 512, 8, 1e-4
SIZES = ((256, 192), (192, 256), (112, 112), (300, 150), (400, 300), (224, 224), (640, 480), (160, 400))
WORDS = ("a", "red", "star", "left", "of", "the", "large", "blue", "square", "which", "colour", "how", "many", "clocks")
Step = Callable[[dict[str, Tensor]], float]
"""One optimiser step on a batch; returns the loss before it."""


def make_examples(processor: Processor) -> list[Tokens]:
    """Pictures of noise with questions of different lengths, always the same."""
    rng, origin = np.random.default_rng(0), Provenance(dataset="noise", licence="CC0-1.0", made={"qa": (Made.PROGRAM,)})
    made = []
    for number in range(EXAMPLES):
        width, height = SIZES[int(rng.integers(len(SIZES)))]
        stream = io.BytesIO()
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(stream, "PNG")
        lengths = np.clip(rng.lognormal(2.7, 0.9, int(rng.integers(1, 5))), 1, 120).astype(int)
        texts = [" ".join(rng.choice(WORDS, length)) for length in lengths]
        annotations = tuple(QuestionAnswer(question="What?", answers=(text,), style="user_qa") for text in texts)
        picture = ImageRef(data=stream.getvalue(), width=width, height=height)
        example = Example(id=f"noise-{number}", image=picture, annotations=annotations, provenance=origin)
        made.append(processor.train(example, np.random.default_rng(number), max_length=ROW_LENGTH))
    return made


def batches_of(way: str, examples: Sequence[Tokens], image_patch_id: int) -> list[tuple[int, dict[str, Tensor]]]:
    """(examples, batch) in the form that the way takes."""
    if way in ("plain", "reference"):
        groups = [examples[i : i + BATCH] for i in range(0, len(examples), BATCH)]
        if way == "reference":
            return [(len(group), reference_training_batch(group, image_patch_id)) for group in groups]
        return [(len(group), collate([[one] for one in group])) for group in groups]
    packer: Packer[Tokens] = Packer(ROW_LENGTH, OPEN_ROWS)
    rows = [row for place, one in enumerate(examples) for row in packer.add(one, place, len(one))]
    batches: list[tuple[int, dict[str, Tensor]]] = []
    waiting: list[list[Tokens]] = []
    for row in [*rows, *packer.open]:
        waiting.append(row.items)
        if sum(map(len, waiting)) >= BATCH:
            batches.append((sum(map(len, waiting)), collate(waiting)))
            waiting = []
    return batches if not waiting else [*batches, (sum(map(len, waiting)), collate(waiting))]


def our_step(model: Molmo, bfloat16: bool) -> Step:
    """A step of the training loop."""
    model.decoder.set_attn_implementation("eager")
    settings = OptimizerConfig()
    optimizer = Optimizer(trained_parameters(model, settings), settings, steps=1000)

    def step(batch: dict[str, Tensor]) -> float:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = model(**batch).loss
        loss.backward()
        optimizer.clip()
        optimizer.update(1)
        return float(loss.detach())

    return step


def measure(way: str, rounds: int, steps: int | None, reference: Path | None) -> dict[str, Any]:
    """Figures of one way in this process."""
    processor = Processor(
        TextTokenizer.from_pretrained(BUNDLED_TOKENIZER),
        CropConfig(crop_size=112, margins=(2, 2), max_crops=6),
        FormatConfig(),
    )
    patch_id = processor.tokenizer.special.im_patch
    batches = batches_of(way, make_examples(processor), patch_id)[:steps]
    restart_peak()
    before = memory("VmRSS")
    config = make_model(patch_id).config
    config.residual_dropout = 0.0  # it is drawn at random: the losses could not be compared
    torch.manual_seed(0)
    ours = Molmo(config).train()
    if way == "reference":
        assert reference is not None
        theirs = reference_model(reference, ours).train()
        whole = reference_step(theirs, torch.device("cpu"), rate=1e-8, z_loss=Z_LOSS)
        step: Step = lambda batch: whole([batch])  # noqa: E731
        del ours
    else:
        step = our_step(ours, way == "bfloat16")
    first = step(batches[0][1])  # also warms up
    clock, busy = [], []
    for _ in range(rounds):
        start, begun = time.perf_counter(), time.process_time()
        for _, batch in batches:
            step(batch)
        clock.append(time.perf_counter() - start)
        busy.append(time.process_time() - begun)
    examples = sum(count for count, _ in batches)
    sizes = [batch["input_ids"].numel() for _, batch in batches]
    return {
        "samples_per_second": round(examples / min(clock), 2),
        "samples_per_processor_second": round(examples / min(busy), 2),
        "peak_mb": round((memory("VmHWM") - before) / 1e6, 1),
        "tokens_with_padding": sum(sizes),
        "examples": examples,
        "loss": first,
    }


def measure_apart(way: str, threads: int, options: argparse.Namespace) -> dict[str, Any]:
    """:func:`measure` in a fresh process, one pass."""
    command = [sys.executable, __file__, "--measure", way, "--threads", str(threads), "--rounds", str(options.rounds)]
    command += ["--steps", str(options.steps)] if options.steps else []
    command += ["--reference", str(options.reference)] if options.reference else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def compare(threads: int, options: argparse.Namespace) -> dict[str, Any]:
    """All ways by turns; the best figures of each."""
    fast = multiplies_bfloat16(torch.device("cpu"))
    ways = ["plain", "packed", *(["bfloat16"] if fast else []), *(["reference"] if options.reference else [])]
    turns = [{way: measure_apart(way, threads, options) for way in ways} for _ in range(options.turns)]
    rates = ("samples_per_second", "samples_per_processor_second")
    row: dict[str, Any] = {"threads": threads}
    for way in ways:
        row[way] = turns[0][way] | {rate: max(turn[way][rate] for turn in turns) for rate in rates}
        print(
            f"{threads} thread{'s'[: threads > 1]}  {way:10}{row[way]['samples_per_second']:8.2f} samples/s"
            f"{row[way]['samples_per_processor_second']:8.2f} per second of processor time"
            f"{row[way]['peak_mb']:9.1f} MB",
            flush=True,
        )
    if options.reference:
        assert abs(row["plain"]["loss"] / row["reference"]["loss"] - 1) < 1e-5, "the losses differ"
        row["ratio"] = {
            way: {rate: round(row[way][rate] / row["reference"][rate], 2) for rate in rates} for way in ways[:-1]
        }
        found = row["ratio"]["packed"]
        print(
            f"{threads} thread{'s'[: threads > 1]}  packed is {found[rates[0]]} x the reference by the clock and "
            f"{found[rates[1]]} x by processor time (aim: {AIM})"
        )
    return row


def main() -> None:
    """Measure, print a table and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write the figures as JSON here")
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--turns", type=int, default=3, help="processes of each way")
    parser.add_argument("--rounds", type=int, default=2, help="passes over the data in each")
    parser.add_argument("--steps", type=int, help="only so many steps a pass, for a try")
    parser.add_argument("--measure", help="measure this way in this process, print JSON, and end")
    add_reference_option(parser)
    add_capability_option(parser)
    options = parser.parse_args()
    hold_to(options.capability)
    if options.measure:
        torch.set_num_threads(options.threads[0])
        print(json.dumps(measure(options.measure, options.rounds, options.steps, options.reference)))
        return
    where = surroundings("torch", "transformers")
    print(", ".join(f"{key} {value}" for key, value in where.items() if value))
    rows = [compare(threads, options) for threads in options.threads]
    if options.out is not None:
        setting = {"precision": PRECISION, "batch": BATCH, "row_length": ROW_LENGTH, "aim": AIM}
        write_figures(options.out, "train_step", {**where, **setting, "rows": rows})


if __name__ == "__main__":
    main()
