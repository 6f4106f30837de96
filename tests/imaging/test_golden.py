"""Plans and crops equal those of the released models' own preprocessing, number for number."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from openmolmo.imaging import CropConfig, CropPlan, Crops, cut_crops, make_plan, open_image

FIXTURES = Path(__file__).parents[1] / "fixtures" / "imaging"
PICTURES: dict[str, dict[str, Any]] = json.loads((FIXTURES / "images.json").read_text())
CONFIGS = {
    "clip336_mc12": CropConfig(),
    "small112_mc6": CropConfig(crop_size=112, margins=(2, 2), max_crops=6),
    "siglip378_mc12": CropConfig(crop_size=378, resize="siglip", normalize="siglip"),
}
# float32 resizing; on x86 with torch 2.13 all crops are equal to the last bit, and a shift of one
# 8-bit level (8e-3) or padding after normalisation would stand far outside.
CROP_TOLERANCE = 2e-5
IM_START, IM_END, IM_PATCH, IM_COL = 1024, 1025, 1026, 1027

cases = pytest.mark.parametrize(
    ("config_name", "picture"),
    [(config, picture) for config in CONFIGS for picture in PICTURES],
)


@cache
def golden(config_name: str) -> dict[str, np.ndarray]:
    with np.load(FIXTURES / f"{config_name}.npz") as arrays:
        return dict(arrays)


def expected(config_name: str, picture: str, field: str) -> np.ndarray:
    return golden(config_name)[f"{Path(picture).stem}.{field}"]


@cache
def pixels(picture: str) -> np.ndarray:
    """The picture as the reference decoded it: JPEGs from lossless copies, so that no decoder matters."""
    decoded = PICTURES[picture].get("decoded")
    return open_image(FIXTURES / "decoded" / decoded if decoded else FIXTURES / "images" / picture)


@cache
def cut(config_name: str, picture: str) -> tuple[CropPlan, Crops]:
    image, config = pixels(picture), CONFIGS[config_name]
    plan = make_plan(image.shape[1], image.shape[0], config)
    return plan, cut_crops(image, plan, config)


def as_patches(crops: Crops, config: CropConfig) -> np.ndarray:
    """(n_crops, 3, S, S) to (n_crops, n_patches, patch row * patch column * channel)."""
    n, side, patch = len(crops.pixels), config.patches_per_side, config.patch_size
    split = crops.pixels.reshape(n, 3, side, patch, side, patch).transpose(0, 2, 4, 3, 5, 1)
    return np.ascontiguousarray(split).reshape(n, side * side, patch * patch * 3)


@pytest.mark.parametrize("picture", PICTURES)
def test_pictures_are_read_as_the_reference_reads_them(picture: str) -> None:
    image, facts = pixels(picture), PICTURES[picture]
    assert list(image.shape) == facts["shape"]
    assert hashlib.sha256(image.tobytes()).hexdigest() == facts["sha256"]
    from_file = open_image(FIXTURES / "images" / picture)
    assert from_file.shape == image.shape
    # JPEG decoders may differ by a few levels in single pixels.
    assert np.abs(from_file.astype(int) - image).mean() < 0.5


@cases
def test_plan(config_name: str, picture: str) -> None:
    plan, _ = cut(config_name, picture)
    assert plan.grid == tuple(expected(config_name, picture, "tiling"))
    assert [plan.high, plan.low] == [tuple(row) for row in expected(config_name, picture, "resizes").tolist()]


@cases
def test_token_layout(config_name: str, picture: str) -> None:
    plan, _ = cut(config_name, picture)
    layout: list[int] = []
    for rows, cols in plan.token_grids:
        layout += [IM_START, *([IM_PATCH] * cols + [IM_COL]) * rows, IM_END]
    assert layout == expected(config_name, picture, "tokens").tolist()
    assert len(layout) == plan.n_sequence_tokens
    assert layout.count(IM_PATCH) == plan.n_tokens == len(plan.pooled_patches)


@cases
def test_each_token_pools_the_patches_the_reference_gives_it(config_name: str, picture: str) -> None:
    plan, _ = cut(config_name, picture)
    config = CONFIGS[config_name]
    positions = expected(config_name, picture, "image_input_idx").reshape(-1)
    kept = np.flatnonzero(positions >= 0)
    in_token_order = kept[np.argsort(positions[kept])]
    crop, inside = np.divmod(in_token_order, config.pooled_per_side**2)
    row, col = np.divmod(inside, config.pooled_per_side)
    side = config.patches_per_side
    windows = np.full((len(crop), 2, 2), -1)
    for i in range(2):
        for j in range(2):
            r, c = row * 2 + i, col * 2 + j
            windows[:, i, j] = np.where((r < side) & (c < side), crop * side**2 + r * side + c, -1)
    np.testing.assert_array_equal(plan.pooled_patches, windows.reshape(-1, 4))


@cases
def test_patch_mask(config_name: str, picture: str) -> None:
    _, crops = cut(config_name, picture)
    np.testing.assert_array_equal(crops.patch_mask, expected(config_name, picture, "image_masks"))


@cases
def test_crop_values(config_name: str, picture: str) -> None:
    _, crops = cut(config_name, picture)
    flat = as_patches(crops, CONFIGS[config_name]).reshape(len(crops.pixels), -1)
    sampled = np.take_along_axis(flat, expected(config_name, picture, "sample_idx").astype(np.int64), axis=1)
    np.testing.assert_allclose(sampled, expected(config_name, picture, "sample_val"), rtol=0, atol=CROP_TOLERANCE)
    for statistic, name in ((np.mean, "crop_mean"), (np.std, "crop_std")):
        ours = statistic(flat.astype(np.float64), axis=1)
        np.testing.assert_allclose(ours, expected(config_name, picture, name), rtol=0, atol=CROP_TOLERANCE)


def test_whole_crops_of_a_small_picture() -> None:
    _, crops = cut("small112_mc6", "tiny_30x20.png")
    whole = expected("small112_mc6", "tiny_30x20.png", "crops")
    ours = as_patches(crops, CONFIGS["small112_mc6"])
    np.testing.assert_allclose(ours, whole, rtol=0, atol=CROP_TOLERANCE)


@pytest.fixture(params=[1, 2, 3, 4])
def threads(request: pytest.FixtureRequest) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64") or not torch.__version__.startswith("2.13"),
    reason="the last bit depends on the resize kernels of this processor and torch",
)
@cases
@pytest.mark.usefixtures("threads")
def test_crops_are_equal_to_the_last_bit(config_name: str, picture: str) -> None:
    """On any number of threads."""
    _, crops = cut.__wrapped__(config_name, picture)
    digest = hashlib.sha256(as_patches(crops, CONFIGS[config_name]).tobytes()).hexdigest()
    assert digest == str(expected(config_name, picture, "crops_sha256"))
