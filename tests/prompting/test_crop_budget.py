"""A processor under a budget of crops: what is left out has no tokens, and all crops are as they were."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from prompting_toys import example

from openmolmo.core.errors import ConfigError
from openmolmo.imaging import CROP_POLICIES, CropConfig, View
from openmolmo.prompting import FormatConfig, Processor, TextTokenizer
from openmolmo.records.example import ImageRef, QuestionAnswer

APART = CropConfig(crop_size=96, patch_size=12, margins=(0, 0), max_crops=4, mode="no_overlap")
ONE = APART.replace(policy="learned", keep=1)


class Darkness:
    """Stands in for a model: what is dark in the global crop is worth looking at."""

    def features(self, pixels: np.ndarray) -> np.ndarray:
        patches = pixels.reshape(3, 8, 12, 8, 12).mean(axis=(0, 2, 4))
        return -patches.reshape(64, 1)

    def words(self, text: str) -> np.ndarray:
        return np.zeros(1, np.float32)

    def scores(self, pixels: np.ndarray, regions: np.ndarray, question: str) -> np.ndarray:
        assert question == " User: What? Assistant:"
        return np.array([self.features(pixels)[inside, 0].max() for inside in regions])


def white(row: int, col: int) -> np.ndarray:
    """A small dark thing in one of four quarters of a white picture."""
    picture = np.full((192, 192, 3), 255, np.uint8)
    picture[96 * row + 40 : 96 * row + 60, 96 * col + 30 : 96 * col + 50] = 0
    return picture


@pytest.mark.parametrize("quarter", range(4))
def test_a_policy_keeps_the_crop_with_the_thing(tokenizer: TextTokenizer, quarter: int) -> None:
    processor = Processor(tokenizer, ONE, FormatConfig(), choosing=Darkness())
    prompt = processor.prompt("What?", [white(*divmod(quarter, 2))])
    ids, special = prompt.input_ids, tokenizer.special
    assert (ids == special.im_patch).sum() == 16 + 16 and (ids == special.im_col).sum() == 4 + 4
    assert (ids == special.im_start).sum() == 2
    (crops,) = prompt.images
    assert len(crops.pixels) == 2 and crops.pooled_patches.shape == (32, 4) and crops.pooled_patches.max() < 2 * 64
    whole = Processor(tokenizer, APART, FormatConfig()).prompt("What?", [white(*divmod(quarter, 2))])
    assert np.array_equal(crops.pixels[1], whole.images[0].pixels[1 + quarter])
    assert len(whole) - len(prompt) == (64 + 8) - (16 + 4)


def test_all_crops_are_as_without_a_budget(tokenizer: TextTokenizer, tmp_path: Path) -> None:
    asked = example(
        QuestionAnswer(question="What?", answers=("noise",), style="vqa2"),
        QuestionAnswer(question="Where?", answers=("here",), style="vqa2"),
        image=ImageRef(path=_saved(tmp_path), width=192, height=192),
    )
    whole = Processor(tokenizer, APART, FormatConfig(shuffle_branches=True))
    many = Processor(tokenizer, APART.replace(policy="random", keep=4), FormatConfig(shuffle_branches=True))
    for seed in range(3):
        one, other = (made.train(asked, np.random.default_rng(seed)) for made in (whole, many))
        for name in ("input_ids", "position_ids", "branch_ids", "labels", "loss_weights"):
            assert np.array_equal(getattr(one, name), getattr(other, name))
        assert np.array_equal(one.images[0].pixels, other.images[0].pixels)
    whole.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "processor_config.json").read_text())["crop"]
    assert not {"keep", "policy", "keep_from"} & set(saved)  # a file as it was before there were budgets
    many.save_pretrained(tmp_path)
    assert Processor.from_pretrained(tmp_path).crop == many.crop


def test_training_keeps_others_each_time_and_answering_the_same(tokenizer: TextTokenizer, tmp_path: Path) -> None:
    crop = APART.replace(policy="random", keep=4, keep_from=0)
    processor = Processor(tokenizer, crop, FormatConfig())
    asked = example(
        QuestionAnswer(question="What?", answers=("noise",), style="vqa2"),
        image=ImageRef(path=_saved(tmp_path), width=192, height=192),
    )
    made = [processor.train(asked, np.random.default_rng(seed)) for seed in range(30)]
    assert {len(one.images[0].pixels) for one in made} == {1, 2, 3, 4, 5}
    for one in made:
        patches = int((one.input_ids == tokenizer.special.im_patch).sum())
        assert patches == 16 * len(one.images[0].pixels) == len(one.images[0].pooled_patches)
    unread = [processor.train(asked, np.random.default_rng(seed), pixels=False) for seed in range(30)]
    assert [len(one) for one in unread] == [len(one) for one in made]
    one = Processor(tokenizer, APART.replace(policy="random", keep=1), FormatConfig())
    kept = [one.pictures([white(0, 1)])[0].crops.pixels for _ in range(3)]
    assert all(np.array_equal(kept[0], other) for other in kept)
    assert len(one.prompt("What?", [white(0, 1)], max_crops=1).images[0].pixels) == 2  # a picture of one crop keeps it


def test_a_policy_of_ones_own_and_one_that_overspends(tokenizer: TextTokenizer) -> None:
    CROP_POLICIES.register("last", lambda view: range(view.n_crops - view.keep, view.n_crops))
    last = Processor(tokenizer, APART.replace(policy="last", keep=1), FormatConfig()).pictures([white(1, 1)])[0]
    whole = Processor(tokenizer, APART, FormatConfig()).pictures([white(1, 1)])[0]
    assert np.array_equal(last.crops.pixels[1], whole.crops.pixels[4])

    def greedy(view: View) -> list[int]:
        return list(range(view.n_crops))

    CROP_POLICIES.register("greedy", greedy)
    with pytest.raises(ConfigError, match="'greedy' kept 4 crops of 4, it was to keep 1"):
        Processor(tokenizer, APART.replace(policy="greedy", keep=1), FormatConfig()).prompt("What?", [white(0, 0)])
    with pytest.raises(ConfigError, match="how many is not said"):
        Processor(tokenizer, APART.replace(policy="last"), FormatConfig())
    with pytest.raises(ConfigError, match="through a trained model"):
        Processor(tokenizer, ONE, FormatConfig()).prompt("What?", [white(0, 0)])


def _saved(folder: Path) -> str:
    import PIL.Image

    noise = np.random.default_rng(2).integers(0, 255, (192, 192, 3), dtype=np.uint8)
    PIL.Image.fromarray(noise).save(folder / "noise.png")
    return str(folder / "noise.png")
