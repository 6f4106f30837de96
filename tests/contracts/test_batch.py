"""The promises between data and model: a batch's keys, and as many image features as image tokens."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

from openmolmo.core.rng import derive
from openmolmo.data import collate
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.imaging import make_plan
from openmolmo.model import Molmo, nano
from openmolmo.prompting import Processor, TextTokenizer
from openmolmo.recipes.nano import NANO_CROPS, nano_sft
from openmolmo.training.build import BUNDLED_TOKENIZER

SIZES = [(112, 112), (192, 144), (60, 333), (500, 40), (1, 1), (640, 480)]  # width, height


@pytest.fixture(scope="module")
def processor() -> Processor:
    return Processor(TextTokenizer.from_pretrained(BUNDLED_TOKENIZER), NANO_CROPS, nano_sft().format)


@pytest.fixture(scope="module")
def model(processor: Processor) -> Molmo:
    """The nano model's shapes without its weights."""
    special = processor.tokenizer.special
    with torch.device("meta"):
        return Molmo(nano(special.im_start, special.im_patch))


def test_a_batch_has_exactly_the_parameters_of_forward(processor: Processor) -> None:
    examples = [make_example(GENERATORS.get(name), 0, 0, size=64) for name in ("scenes", "clocks")]
    batch = collate([[processor.train(example, derive(0, example.id)) for example in examples]])
    parameters = inspect.signature(Molmo.forward).parameters.values()
    named = {p.name for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD} - {"self"}
    assert set(batch) == named


@pytest.mark.parametrize("mode", ["overlap", "no_overlap", "single"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_plan_promises_what_the_connector_gives(
    processor: Processor, model: Molmo, width: int, height: int, mode: str
) -> None:
    """Tokens of the plan (from the size alone) = <im_patch> ids of the prompt = rows of the connector."""
    crop = NANO_CROPS.replace(mode=mode)
    plan = make_plan(width, height, crop)
    picture = np.zeros((height, width, 3), np.uint8)
    prompt = Processor(processor.tokenizer, crop, processor.format).prompt("What is it?", [picture])
    batch = collate([[prompt]])
    assert (batch["input_ids"] == processor.tokenizer.special.im_patch).sum() == plan.n_tokens
    assert int(batch["pooled_patches"].max()) < batch["patch_mask"].numel() == plan.n_crops * crop.patches_per_crop
    images = [batch[key].to("meta") for key in ("crops", "patch_mask", "pooled_patches")]
    assert model.image_features(*images).shape == (plan.n_tokens, model.config.text_config.hidden_size)


def test_packed_pictures_keep_their_own_patches(processor: Processor, model: Molmo) -> None:
    """Of several pictures in a batch, each token pools patches of its own picture only."""
    pictures = [np.zeros((height, width, 3), np.uint8) for width, height in SIZES[:3]]
    prompts = [processor.prompt("What is it?", [picture]) for picture in pictures]
    batch = collate([prompts[:2], prompts[2:]])
    plans = [make_plan(width, height, NANO_CROPS) for width, height in SIZES[:3]]
    pieces = batch["pooled_patches"].split([plan.n_tokens for plan in plans])
    first = 0
    for plan, piece in zip(plans, pieces, strict=True):
        end = first + plan.n_crops * NANO_CROPS.patches_per_crop
        assert first <= int(piece.min()) and int(piece.max()) < end
        first = end
    assert first == batch["patch_mask"].numel()
    images = [batch[key].to("meta") for key in ("crops", "patch_mask", "pooled_patches")]
    assert len(model.image_features(*images)) == sum(plan.n_tokens for plan in plans)
