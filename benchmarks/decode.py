"""Tokens a second of answering, pictures and all: our loop beside the library's ``generate`` on the same model.

    python benchmarks/decode.py                                       # a table, about a minute
    python benchmarks/decode.py --reference ../molmo                  # and the public implementation beside it
    python benchmarks/decode.py --compile --out benchmarks/results/decode.json
    python benchmarks/decode.py --reference ../molmo --out benchmarks/results/decode.json --capability avx2

One prompt, or eight of different lengths, each with a picture of five to seven crops, continued by 65 tokens; the
time includes the vision encoder and the reading of the prompts. The model has random weights and 10.7M parameters
(112 px crops, six blocks of width 192; a language model of width 256 with four blocks and a vocabulary of 8192).
All ways have the same weights and must give the same tokens. They take turns, and each figure is that of the fastest
turn: by the clock, and by processor time, which a neighbour on the machine disturbs less and of which the ratios are.
``--reference`` takes a checkout of github.com/allenai/molmo and runs its ``generate``, which is given its padded batch
ready made.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import CLIPVisionConfig, Qwen2Config

from openmolmo.imaging import CropConfig
from openmolmo.inference.batch import left_padded
from openmolmo.inference.cache import CacheConfig
from openmolmo.inference.decoding import Decoding
from openmolmo.inference.generate import Limit, generate
from openmolmo.inference.sampling import Sampling
from openmolmo.model import Molmo, MolmoConfig
from openmolmo.prompting import FormatConfig, Processor, TextTokenizer
from openmolmo.prompting.sequence import Tokens
from openmolmo.training.build import BUNDLED_TOKENIZER
from reference import add_reference_option, reference_batch, reference_model
from surroundings import add_capability_option, hold_to, surroundings, write_figures

NEW_TOKENS = 65
SIZES = ((256, 192), (192, 256), (224, 224), (300, 150), (260, 200), (256, 256), (240, 180), (400, 120))
QUESTIONS = ("Describe this picture in detail.", "How many?", "Point to every red star in the upper half.")
BATCHES = (1, 8)
AIM = 2.0
"""Times the reference's tokens a second."""


def make_model(image_patch_id: int) -> Molmo:
    """Random weights."""
    torch.manual_seed(0)
    vision = CLIPVisionConfig(
        hidden_size=192,
        intermediate_size=768,
        num_hidden_layers=6,
        num_attention_heads=6,
        image_size=112,
        patch_size=14,
        hidden_act="quick_gelu",
    )
    text = Qwen2Config(
        vocab_size=8192,
        hidden_size=256,
        intermediate_size=640,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        bos_token_id=None,
        eos_token_id=None,
    )
    config = MolmoConfig(
        vision_config=vision,
        text_config=text,
        image_patch_id=image_patch_id,
        feature_layers=[-1, -4],
        pooling_heads=6,
        pooling_head_dim=32,
        projector_hidden=640,
    )
    model = Molmo(config)
    model.eval()
    return model


def make_prompts(processor: Processor) -> list[Tokens]:
    """Eight questions about pictures of noise."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for width, height in SIZES]
    return [processor.prompt(QUESTIONS[i % len(QUESTIONS)], [picture]) for i, picture in enumerate(pictures)]


@dataclass(frozen=True)
class Models:
    """The same weights in every program; ``step`` is the compiled model, None where that is not asked for."""

    ours: Molmo
    step: Any = None
    reference: Any = None


def ways(models: Models, prompts: Sequence[Tokens]) -> dict[str, Callable[[], list[list[int]]]]:
    """Name -> a function that gives the ids of the replies."""

    def loop(cache: CacheConfig | None = None, step: Any = None) -> list[list[int]]:
        decoding = Decoding(models.ours, prompts, room=NEW_TOKENS, cache=cache, step=step)
        return [reply.ids for reply in generate(decoding, [Limit(NEW_TOKENS, -1)] * len(prompts), Sampling())]

    def library() -> list[list[int]]:
        batch = left_padded(prompts, torch.device("cpu"))
        options: dict[str, Any] = {
            "max_new_tokens": NEW_TOKENS,
            "do_sample": False,
            "eos_token_id": None,
            "pad_token_id": 0,
        }
        made = models.ours.generate(**batch, **options)
        replies: list[list[int]] = made[:, batch["input_ids"].shape[1] :].tolist()
        return replies

    found: dict[str, Callable[[], list[list[int]]]] = {"ours": loop, "library": library}
    if models.step is not None:
        static = CacheConfig(kind="static", compile="default")
        found["compiled"] = lambda: loop(static, models.step)
    if models.reference is not None:
        padded = reference_batch(prompts, models.ours.config.image_patch_id)
        found["reference"] = lambda: models.reference.generate(**padded, max_steps=NEW_TOKENS).token_ids[:, 0].tolist()
    return found


def measure(models: Models, prompts: Sequence[Tokens], rounds: int) -> dict[str, Any]:
    """Figures for one batch size; all ways must give the same tokens."""
    done = ways(models, prompts)
    replies = {name: way() for name, way in done.items()}  # also warms up
    for name, ids in replies.items():
        if ids != replies["ours"]:
            raise SystemExit(f"{name} gives other tokens than ours: a comparison would mean nothing")
    clock: dict[str, list[float]] = {name: [] for name in done}
    processor: dict[str, list[float]] = {name: [] for name in done}
    for _ in range(rounds * max(1, 4 // len(prompts))):  # short turns are more easily disturbed
        for name, way in done.items():
            start, begun = time.perf_counter(), time.process_time()
            way()
            clock[name].append(time.perf_counter() - start)
            processor[name].append(time.process_time() - begun)
    tokens = NEW_TOKENS * len(prompts)
    row: dict[str, Any] = {"batch": len(prompts), "prompt_tokens": [len(prompt) for prompt in prompts]}
    for name in done:
        row[name] = {
            "tokens_per_second": round(tokens / min(clock[name])),
            "tokens_per_processor_second": round(tokens / min(processor[name])),
        }
    for name in ("library", "reference"):
        if name in done:
            row[f"ratio_to_{name}"] = round(min(processor[name]) / min(processor["ours"]), 2)
    return row


def show(row: dict[str, Any]) -> None:
    """A line for every way and every ratio."""
    batch = row["batch"]
    for name, figures in row.items():
        if isinstance(figures, dict):
            print(
                f"batch {batch}  {name:10}{figures['tokens_per_second']:6d} tokens/s"
                f"{figures['tokens_per_processor_second']:8d} tokens per second of processor time"
            )
    print(f"batch {batch}  ours is {row['ratio_to_library']} x the library")
    if "ratio_to_reference" in row:
        print(f"batch {batch}  ours is {row['ratio_to_reference']} x the reference (aim: {AIM})")


def main() -> None:
    """Measure, print a table and write JSON where asked."""
    parser = argparse.ArgumentParser(description="Tokens a second of answering, one thread.")
    parser.add_argument("--out", type=Path, help="write the figures as JSON here")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each way")
    parser.add_argument("--compile", action="store_true", help="also with a static cache and torch.compile")
    add_reference_option(parser)
    add_capability_option(parser)
    arguments = parser.parse_args()
    hold_to(arguments.capability)
    torch.set_num_threads(1)
    where = surroundings("torch", "transformers") | {"threads": 1}
    print(", ".join(f"{key} {value}" for key, value in where.items()))
    processor = Processor(
        TextTokenizer.from_pretrained(BUNDLED_TOKENIZER),
        CropConfig(crop_size=112, margins=(2, 2), max_crops=6),
        FormatConfig(),
    )
    model, prompts = make_model(processor.tokenizer.special.im_patch), make_prompts(processor)
    reference = None if arguments.reference is None else reference_model(arguments.reference, model)
    models = Models(model, torch.compile(model, fullgraph=True) if arguments.compile else None, reference)
    rows = []
    for batch in BATCHES:
        rows.append(measure(models, prompts[:batch], arguments.rounds))
        show(rows[-1])
    if arguments.out is not None:
        parameters = sum(parameter.numel() for parameter in model.parameters())
        about = {**where, "precision": "float32", "parameters": parameters, "aim": AIM}
        write_figures(arguments.out, "decode", {**about, "rows": rows})


if __name__ == "__main__":
    main()
