"""The model and the examples of ``train_gpu.py``.

The model: CLIP ViT-L/14 at 336 px (24 blocks, of which the third and the tenth from the last are used) and a language
model of the sizes of Qwen2-1.5B, with the connector of the released models between them; random weights, an output
head of its own, and the embedding of words frozen, as the recipes have it. Residual dropout is 0: it is drawn at
random, and losses could not be compared.

The examples stand for a mixture for fine-tuning. Only sizes and lengths are drawn, by a fixed seed; crops are noise.

======  ===============  ===========================  ========  ==================================================
share   kind             pictures                     branches  tokens of a reply (median, spread)
======  ===============  ===========================  ========  ==================================================
0.47    short answers    COCO, documents and charts   1 to 12   4, a factor of 2 (a word, a number, a letter)
0.30    pointing         web                          1 to 4    60, a factor of 2.5 (some 22 tokens a point)
0.15    long captions    web                          1 to 2    230, a factor of 1.5
0.08    text alone       none                         1         300, a factor of 2
======  ===============  ===========================  ========  ==================================================

COCO: 640x480 and the like, 5 to 7 crops. Web: 4:3 to 16:9 at 1024 px and more, 13 crops mostly. Documents: pages and
screens, 13 crops, and charts, 9 or 10. No example has more than 2304 tokens, the length of the published recipes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from transformers import CLIPVisionConfig, Qwen2Config

from openmolmo.core.rng import derive
from openmolmo.data import Packer, collate
from openmolmo.data.loader import Batch
from openmolmo.imaging import CropConfig, Crops, make_plan
from openmolmo.imaging.config import NORMALIZATIONS
from openmolmo.model import Molmo, MolmoConfig
from openmolmo.model.compose import compose_config, default_layers
from openmolmo.prompting.formatter import Turn
from openmolmo.prompting.sequence import Tokens, training_sequence
from openmolmo.prompting.tokenizer import SpecialIds
from openmolmo.training.freeze import freeze

__all__ = ["FULL", "TINY", "Size", "halves", "make_model", "make_rows", "packed_batches", "plain_batches"]

SEED, OPEN_ROWS = 0, 8
STEPS_A_PASS = 2
QUESTION = (14, 1.5)  # median and spread of a question's tokens
PATTERNS = 32  # different crops of noise

WEB = ((1024, 768), (768, 1024), (1200, 800), (1600, 1067), (1280, 720), (1080, 1350), (1000, 1000), (2048, 1536))
COCO = ((640, 480), (480, 640), (640, 427), (427, 640), (500, 375), (640, 640))
DOCUMENTS = ((850, 1100), (1700, 2200), (1275, 1650), (1280, 960), (800, 400), (600, 600))


@dataclass(frozen=True, slots=True)
class _Kind:
    share: float
    pictures: tuple[tuple[int, int], ...]
    branches: int
    median: float
    spread: float


KINDS = (
    _Kind(0.47, COCO + DOCUMENTS, 12, 4, 2.0),
    _Kind(0.30, WEB, 4, 60, 2.5),
    _Kind(0.15, WEB, 2, 230, 1.5),
    _Kind(0.08, (), 1, 300, 2.0),
)


@dataclass(frozen=True, slots=True)
class Size:
    """How large everything is: ``limit`` is the longest example, ``rows`` full rows make a pass over the data.

    Texts are ``shorter`` times as short as the table says.
    """

    name: str
    config: Callable[[], MolmoConfig]
    crop: CropConfig
    row_length: int
    limit: int
    rows: int
    shorter: float = 1.0


def _full() -> MolmoConfig:
    vision = CLIPVisionConfig(
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=24,
        num_attention_heads=16,
        image_size=336,
        patch_size=14,
        hidden_act="quick_gelu",
    )
    return _between(vision, _qwen2(151_936, 1536, 8960, layers=28, heads=(12, 2)))


def _tiny() -> MolmoConfig:
    vision = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=56,
        patch_size=14,
        hidden_act="quick_gelu",
    )
    return _between(vision, _qwen2(512, 48, 96, layers=2, heads=(6, 2)))


def _qwen2(vocabulary: int, width: int, mlp: int, *, layers: int, heads: tuple[int, int]) -> Qwen2Config:
    return Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=mlp,
        num_hidden_layers=layers,
        num_attention_heads=heads[0],
        num_key_value_heads=heads[1],
        max_position_embeddings=32_768,
        rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )


def _between(vision: CLIPVisionConfig, text: Qwen2Config) -> MolmoConfig:
    layers = default_layers("clip_vision_model", vision.num_hidden_layers)
    config = compose_config(vision, text, crop_size=vision.image_size, feature_layers=layers)
    config.residual_dropout, config.dropout_tokens = 0.0, "none"
    return config


FULL = Size("CLIP ViT-L/14-336 and Qwen2-1.5B", _full, CropConfig(), row_length=8192, limit=2304, rows=16)
TINY = Size(
    "tiny",
    _tiny,
    CropConfig(crop_size=56, margins=(0, 0), max_crops=4),
    row_length=256,
    limit=96,
    rows=4,
    shorter=12.0,
)


class _Lengths:
    """In the tokenizer's place: "17" becomes seventeen tokens drawn at random."""

    def __init__(self, words: int, rng: np.random.Generator) -> None:
        self._words, self._rng = words, rng
        start, end, patch, column, image = range(words, words + 5)
        self.special = SpecialIds(bos=0, eos=0, im_start=start, im_end=end, im_patch=patch, im_col=column, image=image)

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._rng.integers(1, self._words, int(text)).tolist()
        return ids


def make_rows(size: Size) -> list[list[Tokens]]:
    """``size.rows`` full rows of examples, always the same: the first that are closed in packing an endless stream."""
    rng = derive(SEED, "train_gpu")
    tokenizer: Any = _Lengths(size.config().text_config.vocab_size, rng)
    packer: Packer[tuple[Tokens, tuple[int, int] | None]] = Packer(size.row_length, OPEN_ROWS)
    closed: list[list[tuple[Tokens, tuple[int, int] | None]]] = []
    while len(closed) < size.rows:
        tokens, picture = _example(size, tokenizer, rng)
        closed += [row.items for row in packer.add((tokens, picture), 0, len(tokens))]
    noise = _noise(size.crop, rng)
    return [[_with_picture(*item, size.crop, noise, rng) for item in row] for row in closed[: size.rows]]


def _example(size: Size, tokenizer: Any, rng: np.random.Generator) -> tuple[Tokens, tuple[int, int] | None]:
    kind = KINDS[int(rng.choice(len(KINDS), p=[kind.share for kind in KINDS]))]
    picture = None
    if kind.pictures:
        width, height = kind.pictures[int(rng.integers(len(kind.pictures)))]
        scale = rng.uniform(0.95, 1.05)
        picture = (int(width * scale), int(height * scale))
    branches = []
    for _ in range(int(rng.integers(1, kind.branches + 1))):
        question = _length(rng, QUESTION[0] / size.shorter, QUESTION[1])
        reply = _length(rng, kind.median / size.shorter, kind.spread)
        branches.append([Turn("user", str(question)), Turn("assistant", str(reply))])
    grids = [make_plan(*picture, size.crop).token_grids] if picture else []
    return training_sequence(branches, grids, None, tokenizer, max_length=size.limit), picture


def _length(rng: np.random.Generator, median: float, spread: float) -> int:
    length: float = median * spread ** float(rng.normal())
    return max(1, round(length))


def _noise(crop: CropConfig, rng: np.random.Generator) -> np.ndarray:
    """(PATTERNS, 3, S, S) float32, normalised."""
    mean, deviation = (np.array(values, np.float32)[:, None, None] for values in NORMALIZATIONS[crop.normalize])
    pixels = rng.integers(0, 256, (PATTERNS, 3, crop.crop_size, crop.crop_size), dtype=np.uint8)
    noise: np.ndarray = (pixels.astype(np.float32) / 255 - mean) / deviation
    return noise


def _with_picture(
    tokens: Tokens, picture: tuple[int, int] | None, crop: CropConfig, noise: np.ndarray, rng: np.random.Generator
) -> Tokens:
    if picture is None:
        return tokens
    plan = make_plan(*picture, crop)
    pixels = noise[rng.integers(PATTERNS, size=plan.n_crops)]
    whole = np.ones((plan.n_crops, crop.patches_per_crop), np.float32)
    return dataclasses.replace(tokens, images=[Crops(pixels, whole, plan.pooled_patches)])


def halves(rows: Sequence[list[Tokens]]) -> list[Sequence[list[Tokens]]]:
    """The rows of each step of a pass."""
    size = -(-len(rows) // STEPS_A_PASS)
    return [rows[i : i + size] for i in range(0, len(rows), size)]


def make_model(size: Size, device: torch.device) -> Molmo:
    """Random weights, always the same on a device; the embedding of words is frozen, as in the recipes."""
    torch.manual_seed(0)
    with torch.device(device):
        model = Molmo(size.config())
    freeze(model, ("embedding",))
    return cast(Molmo, model.train())


def packed_batches(rows: Sequence[Sequence[Tokens]], per_batch: int, row_length: int) -> list[Batch]:
    """Batches of ``per_batch`` rows, filled up to ``row_length`` so that all have one shape."""
    groups = [rows[i : i + per_batch] for i in range(0, len(rows), per_batch)]
    return [_batch(group, row_length) for group in groups]


def plain_batches(rows: Sequence[Sequence[Tokens]], per_batch: int) -> list[Batch]:
    """The same examples in rows of their own, padded to the longest of the batch."""
    examples = [[one] for row in rows for one in row]
    groups = [examples[i : i + per_batch] for i in range(0, len(examples), per_batch)]
    return [_batch(group, None) for group in groups]


def _batch(rows: Sequence[Sequence[Tokens]], row_length: int | None) -> Batch:
    return Batch(
        tensors=collate(rows, row_length),
        positions=[[0] * len(row) for row in rows],
        tokens=sum(len(one) for row in rows for one in row),
        skipped=[],
        wait=0.0,
        made=0.0,
    )
