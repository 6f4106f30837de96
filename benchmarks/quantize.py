"""What 8 and 4 bits save and cost: memory of the weights, speed, and whether the points stay where they were.

    python benchmarks/quantize.py                            # nano: a table, some minutes
    python benchmarks/quantize.py --large                    # and a random model of a billion weights, 4 GiB of memory
    python benchmarks/quantize.py --large --out benchmarks/results/quantize.json
    python benchmarks/quantize.py --only-large --out benchmarks/results/quantize.json   # beside what is there of nano

nano answers pointing questions about drawn scenes of the test split. *points kept*: the share of the plain model's
points (float32) that have one of the quantised model's within one percent of the width, matched one to one; *f1*:
against the truth. The large model has random weights, so its replies are babble and its points nothing: of it the
change of the logits over a prompt, how many of its places keep their likeliest token, the reading of a prompt of 128
tokens, and steps of one row are measured. Seconds are of processor time, one thread.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import CLIPVisionConfig, Qwen2Config

from openmolmo.evaluation.held_out import from_generators
from openmolmo.evaluation.metrics.pointing import match_points
from openmolmo.evaluation.runner import pick_questions
from openmolmo.evaluation.tasks.base import to_request
from openmolmo.evaluation.tasks.pointing import PointingTask
from openmolmo.inference.load import load
from openmolmo.model import Molmo, MolmoConfig
from openmolmo.model.quantize import Quantize, quantize_model
from openmolmo.words.answer import Answer
from surroundings import add_capability_option, capability, hold_to, memory, restart_peak, surroundings, write_figures

WAYS: tuple[tuple[str, Quantize | None], ...] = (
    ("float32", None),
    ("float32", "int8"),
    ("float32", "int4"),
    ("bfloat16", None),
    ("bfloat16", "int8"),
    ("bfloat16", "int4"),
)
NEAR = 1.0
"""Percent of the picture's width within which a point has stayed."""
PROMPT, STEPS = 128, 4


def stored_bytes(model: nn.Module) -> int:
    """Of all weights in memory, those of quantised ones included."""
    total = 0
    for weight in model.state_dict().values():
        if type(weight).__module__.startswith("torchao"):
            total += sum(getattr(weight, part).nbytes for part in weight.__tensor_flatten__()[0])
        else:
            total += weight.nbytes
    return total


def kept(before: Sequence[Answer], after: Sequence[Answer]) -> float:
    """The share of points of ``before`` that are still there."""
    near = 0
    for old, new in zip(before, after, strict=True):
        pairs = match_points([p.point for p in new.points], [p.point for p in old.points])
        near += sum(distance <= NEAR for _, _, distance in pairs)
    return near / sum(len(old.points) for old in before)


def measure_nano(count: int) -> list[dict[str, Any]]:
    """A row for every way."""
    task: Any = PointingTask()
    held_out = from_generators(["scenes"], count=count, seed=21, sample=1)
    questions = pick_questions([task], held_out.examples)["pointing"]
    requests = [to_request(question) for question in questions]
    first: list[Answer] = []
    rows = []
    for dtype, kind in WAYS:
        predictor = load(dtype=dtype, quantize=kind)
        predictor.answer_batch(requests[:2])  # warm
        start = time.process_time()
        answers = predictor.answer_batch(requests)
        seconds = time.process_time() - start
        first = first or answers
        scores = [task.score(question, answer)["f1"] for question, answer in zip(questions, answers, strict=True)]
        rows.append(
            {
                "dtype": dtype,
                "quantize": kind,
                "megabytes": round(stored_bytes(predictor.model) / 1e6, 1),
                "questions_per_second": round(len(requests) / seconds, 2),
                "points_kept": round(kept(first, answers), 4),
                "counts_kept": round(
                    sum(a.count == b.count for a, b in zip(first, answers, strict=True)) / len(first), 4
                ),
                "f1": round(sum(scores) / len(scores), 4),
            }
        )
        print(rows[-1], flush=True)
    return rows


def large_model() -> Molmo:
    """Random weights in bfloat16: a language model of 1.1 billion, embedding and head included."""
    vision = CLIPVisionConfig(
        hidden_size=192,
        intermediate_size=768,
        num_hidden_layers=6,
        num_attention_heads=6,
        image_size=112,
        patch_size=14,
    )
    text = Qwen2Config(
        vocab_size=32000,
        hidden_size=2048,
        intermediate_size=5632,
        num_hidden_layers=22,
        num_attention_heads=32,
        num_key_value_heads=4,
        bos_token_id=None,
        eos_token_id=None,
    )
    config = MolmoConfig(
        vision_config=vision,
        text_config=text,
        image_patch_id=1,
        feature_layers=[-1, -4],
        pooling_heads=6,
        pooling_head_dim=32,
        projector_hidden=640,
    )
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    try:
        model: Molmo = Molmo(config).eval()
        return model
    finally:
        torch.set_default_dtype(torch.float32)


@torch.inference_mode()
def measure_large() -> list[dict[str, Any]]:
    """A row for each of no rounding, int8, int4."""
    rows: list[dict[str, Any]] = []
    ids = torch.randint(2, 32000, (1, PROMPT), generator=torch.Generator().manual_seed(0))
    expected: torch.Tensor | None = None
    kinds: tuple[Quantize | None, ...] = (None, "int8", "int4")
    for kind in kinds:
        restart_peak()
        model = large_model()
        if kind is not None:
            quantize_model(model, kind)
        gc.collect()
        read, reading = _timed(lambda model=model: model(input_ids=ids, use_cache=True))  # type: ignore[misc]
        logits, cache = read.logits[0].float(), read.past_key_values
        expected = logits if expected is None else expected
        token = ids[:, :1]
        positions = torch.tensor([[PROMPT]])

        def step(model: Molmo = model, cache: Any = cache, token: Any = token, positions: Any = positions) -> None:
            for _ in range(STEPS):
                model(input_ids=token, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1)

        _, stepping = _timed(step)
        rows.append(
            {
                "dtype": "bfloat16",
                "quantize": kind,
                "weights": sum(p.numel() for p in model.parameters()) if kind is None else rows[0]["weights"],
                "megabytes": round(stored_bytes(model) / 1e6),
                "reading_seconds": round(reading, 2),
                "step_seconds": round(stepping / STEPS, 3),
                "logits_off": round(float((logits - expected).norm() / expected.norm()), 4),
                "likeliest_kept": round(float((logits.argmax(-1) == expected.argmax(-1)).float().mean()), 4),
                "peak_megabytes": round(memory("VmHWM") / 1e6),
            }
        )
        print(rows[-1], flush=True)
        del model, read, cache, step
    return rows


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    made = work()
    return made, time.process_time() - start


def known_figures(path: Path | None) -> dict[str, Any]:
    """What a file of figures has of this machine's instructions."""
    of = capability()
    known = json.loads(path.read_text())["by_capability"] if path is not None and path.exists() else {}
    return {"capability": of, **known.get(of, {})}


def main() -> None:
    """Measure, print the rows and write JSON where asked."""
    parser = argparse.ArgumentParser(description="Memory, speed and points of quantised models.")
    parser.add_argument("--count", type=int, default=24, help="pictures that nano is asked about")
    parser.add_argument("--large", action="store_true", help="also a random model of a billion weights")
    parser.add_argument("--only-large", action="store_true", help="that model alone; figures of nano stay in the file")
    parser.add_argument("--out", type=Path, help="write the figures as JSON here")
    add_capability_option(parser)
    arguments = parser.parse_args()
    hold_to(arguments.capability)
    torch.set_num_threads(1)
    where = surroundings("torch", "torchao", "transformers") | {"threads": 1}
    figures: dict[str, Any]
    if arguments.only_large:
        figures = known_figures(arguments.out) | {"prompt": PROMPT, "large": measure_large(), "large_where": where}
    else:
        figures = {**where, "near": NEAR, "count": arguments.count, "nano": measure_nano(arguments.count)}
        if arguments.large:
            figures |= {"prompt": PROMPT, "large": measure_large()}
    if arguments.out is not None:
        write_figures(arguments.out, "quantize", figures)


if __name__ == "__main__":
    main()
