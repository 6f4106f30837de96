"""A recipe so small that a step takes milliseconds: coloured squares, a model of 30 thousand parameters.

Also a recipe file: ``openmolmo train tests/training/tiny.py:tiny tokenizer=FOLDER``.
"""

from __future__ import annotations

import io
import itertools
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from transformers import CLIPVisionConfig, Qwen2Config

from openmolmo.core.errors import DataError
from openmolmo.data import SOURCES, GroupConfig, LoaderConfig, MixtureConfig, SourceConfig
from openmolmo.imaging import CropConfig
from openmolmo.model import PRESETS, MolmoConfig
from openmolmo.prompting.tokenizer import train_bpe
from openmolmo.records.example import (
    Annotation,
    Caption,
    Dialogue,
    Example,
    ImageRef,
    Made,
    Point,
    Pointing,
    Provenance,
    QuestionAnswer,
)
from openmolmo.training.config import DropoutConfig, OptimizerConfig, PartConfig, RunConfig

COLOURS = {"red": (200, 30, 30), "green": (30, 180, 40), "blue": (40, 60, 210), "white": (240, 240, 240)}
READS = itertools.count()
"""What this process reads, counted: with OPENMOLMO_TEST_READS it reads so many examples and no more."""
PROVENANCE = Provenance(dataset="squares", licence="CC0-1.0", made={"caption": (Made.PROGRAM,)}, image="program")


class Squares:
    """``count`` pictures of one coloured square each; ``broken`` indices cannot be read, ``blind`` ones are text."""

    def __init__(self, name: str, count: int, broken: tuple[int, ...], blind: tuple[int, ...] = ()) -> None:
        self.name, self._count, self._broken, self._blind = name, count, broken, blind
        self.fingerprint = f"squares-{count}"

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Example:
        if next(READS) == int(os.environ.get("OPENMOLMO_TEST_READS", "-1")):
            _wait_to_be_killed()
        if index in self._broken:
            raise DataError("a broken square", row=index)
        rng = np.random.default_rng(index)
        name = list(COLOURS)[int(rng.integers(len(COLOURS)))]
        x, y, side = (int(v) for v in rng.integers(4, 16, 3))
        pixels = np.zeros((32, 40, 3), np.uint8)
        pixels[y : y + side, x : x + side] = COLOURS[name]
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        point = Point((x + side / 2) / 40 * 100, (y + side / 2) / 32 * 100)
        annotations: tuple[Annotation, ...] = (
            Caption(text=f"a {name} square" + " on black" * (index % 5)),
            QuestionAnswer(question="Which colour?", answers=(name,), style="vqa2"),
            Pointing(label="square", points=(point,)),
        )
        if index in self._blind:
            talk = Dialogue(turns=("Which colour?", name, "And the other?", "black" + " square" * (index % 4)))
            return Example(id=f"{self.name}-{index}", image=None, annotations=(talk,), provenance=PROVENANCE)
        image = ImageRef(data=stream.getvalue(), width=40, height=32)
        return Example(
            id=f"{self.name}-{index}", image=image, annotations=annotations[: 1 + index % 3], provenance=PROVENANCE
        )


def _wait_to_be_killed() -> None:
    """Read no more, until the process that wants more is gone."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.02)
    os._exit(1)


def squares(*, name: str = "squares", count: int = 50, broken: Any = (), blind: Any = ()) -> Squares:
    return Squares(name, count, tuple(broken), tuple(blind))


def tiny_model(vocab_size: int = 300, image_patch_id: int = 302, tied: bool = False) -> MolmoConfig:
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=7
    )
    text = Qwen2Config(
        vocab_size=vocab_size,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=tied,
        bos_token_id=None,
        eos_token_id=None,
    )
    return MolmoConfig(
        vision_config=vision,
        text_config=text,
        image_patch_id=image_patch_id,
        extra_embeddings=8,
        feature_layers=[-1, -2],
        pooling_heads=2,
        pooling_head_dim=8,
        projector_hidden=48,
        connector_init=None,
    )


SOURCES.register("squares", squares)
PRESETS.register("tiny", tiny_model)
PRESETS.register("tiny_tied", lambda vocab_size, image_patch_id: tiny_model(vocab_size, image_patch_id, tied=True))


def tiny() -> RunConfig:
    part = PartConfig(lr=3e-3, warmup=4)
    source = SourceConfig(source="squares", options={"count": 50, "broken": [], "blind": []})
    return RunConfig(
        name="tiny",
        mixture=MixtureConfig(groups=(GroupConfig(rate=1.0, sources=(source,)),)),
        steps=20,
        model="tiny",
        crop=CropConfig(crop_size=28, patch_size=7, margins=(0, 0), max_crops=2, shift_patch_mask=False),
        loader=LoaderConfig(rows=4, row_length=128, packing=True, open_rows=2, streams=2, workers=0),
        optimizer=OptimizerConfig(encoder=part, connector=part, llm=part),
        dropout=DropoutConfig(residual=0.1, on="supervised"),
        checkpoint_every=6,
        threads=1,
        precision="float32",
    )


def not_a_recipe() -> int:
    return 3


def save_tokenizer(folder: Path) -> Path:
    """A tokenizer of 300 tokens, made from the words of this data set."""
    words = " ".join(COLOURS) + " square on black colour Which Point to pointing Assistant: User: "
    train_bpe([words] * 20, 300).save_pretrained(folder)
    return folder
