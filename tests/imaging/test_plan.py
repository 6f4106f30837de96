"""Crop plans: always a valid grid, and every part of the picture becomes a token exactly once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmolmo.core.errors import ConfigError, ImageError
from openmolmo.imaging import CropConfig, make_plan

CLIP = CropConfig()
SMALL = CropConfig(crop_size=112, margins=(2, 2), max_crops=6)
SIGLIP = CropConfig(crop_size=378, resize="siglip", normalize="siglip")
sides = st.integers(1, 40_000)
even_configs = st.sampled_from(
    [
        CLIP,
        SMALL,
        CLIP.replace(max_crops=36),
        CLIP.replace(margins=(2, 6), max_crops=5),
        CLIP.replace(mode="no_overlap"),
        CLIP.replace(margins=(0, 0), max_crops=1),
        CropConfig(crop_size=84, margins=(0, 0), pool=3, max_crops=7),
    ]
)
any_config = st.one_of(even_configs, st.sampled_from([SIGLIP, SIGLIP.replace(mode="no_overlap", max_crops=9)]))


def places(plan, config: CropConfig) -> np.ndarray:  # type: ignore[no-untyped-def]
    """(row, column) on the high-resolution canvas, in patches, of each patch that the grid's tokens pool."""
    patches = plan.pooled_patches[config.pooled_per_side**2 :]
    crop, inside = np.divmod(patches - config.patches_per_crop, config.patches_per_crop)
    step = config.stride // config.patch_size
    rows = crop // plan.grid[1] * step + inside // config.patches_per_side
    cols = crop % plan.grid[1] * step + inside % config.patches_per_side
    return np.where((patches < 0)[..., None], -1, np.stack([rows, cols], axis=-1))


@given(sides, sides, even_configs)
@settings(max_examples=120, deadline=None)
def test_kept_patches_tile_the_picture_once_in_reading_order(width: int, height: int, config: CropConfig) -> None:
    plan = make_plan(width, height, config)
    assert plan.high is not None
    rows, cols = plan.token_grids[1]
    assert (rows * config.pool * config.patch_size, cols * config.pool * config.patch_size) == plan.high[:2]
    assert (plan.pooled_patches >= 0).all()
    grid = places(plan, config).reshape(rows, cols, config.pool, config.pool, 2).transpose(0, 2, 1, 3, 4)
    canvas = np.moveaxis(np.indices((rows * config.pool, cols * config.pool)), 0, -1)
    np.testing.assert_array_equal(grid.reshape(canvas.shape), canvas)


@given(sides, sides, any_config)
@settings(max_examples=200, deadline=None)
def test_plans_are_consistent(width: int, height: int, config: CropConfig) -> None:
    plan = make_plan(width, height, config)
    rows, cols = plan.grid
    assert rows >= 1 and cols >= 1 and rows * cols <= config.max_crops
    assert plan.n_crops == rows * cols + 1
    assert plan.pooled_patches.shape == (plan.n_tokens, config.pool**2)
    assert plan.n_tokens == sum(r * c for r, c in plan.token_grids)
    assert plan.pooled_patches.max() < plan.n_crops * config.patches_per_crop
    first_of_each = plan.pooled_patches[:, 0]
    assert len(np.unique(first_of_each)) == plan.n_tokens and first_of_each.min() == 0
    assert plan.high is not None
    for resize in (plan.low, plan.high):
        assert 1 <= resize.scaled_h <= resize.out_h and 1 <= resize.scaled_w <= resize.out_w
        assert resize.top == (resize.out_h - resize.scaled_h) // 2
        assert resize.left == (resize.out_w - resize.scaled_w) // 2


@given(sides, sides, any_config)
@settings(max_examples=80, deadline=None)
def test_the_grid_shrinks_the_picture_least(width: int, height: int, config: CropConfig) -> None:
    """Against a plain reading of the rule for pictures larger than the margin."""
    inner_h, inner_w = height - config.margin_pixels, width - config.margin_pixels
    if min(inner_h, inner_w) < 1:
        return
    scales = {
        (r, c): min(
            np.float32(r * config.stride) / np.float32(inner_h), np.float32(c * config.stride) / np.float32(inner_w)
        )
        for r in range(1, config.max_crops + 1)
        for c in range(1, config.max_crops // r + 1)
    }
    enlarging = [scale for scale in scales.values() if scale >= 1]
    best = min(enlarging) if enlarging else max(scales.values())
    equals = [grid for grid, scale in scales.items() if scale == best]
    assert make_plan(width, height, config).grid == min(equals, key=lambda grid: (grid[0] * grid[1], grid[0]))


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        ((1600, 100), (1, 1)),  # a side under the margin: every scale is negative
        ((112, 112), (1, 1)),  # both sides equal to the margin: all scales infinite
        ((1000, 112), (1, 4)),  # one side equal to it: the other decides
        ((1, 1), (1, 1)),
        ((30_000, 10), (1, 1)),
        ((1, 40_000), (1, 1)),
        ((40_000, 40_000), (3, 3)),
        ((1024, 768), (3, 4)),
    ],
)
def test_grids_of_awkward_sizes(size: tuple[int, int], grid: tuple[int, int]) -> None:
    assert make_plan(*size, CLIP).grid == grid


@pytest.mark.parametrize(("side", "scaled"), [(131, 335), (262, 335), (524, 335), (336, 336), (200, 336)])
def test_sizes_are_float32_products_cut_to_whole_pixels(side: int, scaled: int) -> None:
    assert make_plan(side, side, CLIP).low.scaled_h == scaled


def test_a_thin_picture_keeps_at_least_one_pixel() -> None:
    plan = make_plan(30_000, 10, CLIP)
    assert plan.low[2:4] == (1, 336)


def test_single_mode_has_the_global_crop_only() -> None:
    plan = make_plan(1024, 768, CLIP.replace(mode="single"))
    assert (plan.grid, plan.high, plan.n_crops, plan.n_tokens) == ((0, 0), None, 1, 144)
    assert plan.token_grids == ((12, 12),)


def test_without_overlap_every_crop_keeps_all_its_patches() -> None:
    plan = make_plan(1024, 768, CLIP.replace(mode="no_overlap"))
    assert plan.high is not None and plan.high[:2] == (plan.grid[0] * 336, plan.grid[1] * 336)
    assert plan.n_tokens == plan.n_crops * 144


def test_odd_patch_grids_are_filled_with_a_zero_row_and_column() -> None:
    plan = make_plan(378, 378, SIGLIP)
    pooled = plan.pooled_patches[:196].reshape(14, 14, 4)
    assert plan.token_grids[0] == (14, 14)
    assert pooled[0, 0].tolist() == [0, 1, 27, 28]
    assert pooled[0, 13].tolist() == [26, -1, 53, -1]
    assert pooled[13, 0].tolist() == [26 * 27, 26 * 27 + 1, -1, -1]
    assert pooled[13, 13].tolist() == [27 * 27 - 1, -1, -1, -1]


def test_plans_are_cached_and_their_arrays_protected() -> None:
    plan = make_plan(640, 480, CLIP)
    assert make_plan(640, 480, CropConfig()) is plan
    with pytest.raises(ValueError, match="read-only"):
        plan.pooled_patches[0, 0] = 5


def test_a_size_of_nothing_is_refused() -> None:
    with pytest.raises(ImageError, match="0x7") as caught:
        make_plan(0, 7, CLIP)
    assert caught.value.kind == "empty"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"crop_size": 340}, "340 .* 14"),
        ({"margins": (12, 12)}, "24 of 24"),
        ({"margins": (3, 4)}, "3 patches .* pool 2"),
        ({"margins": [4, 4]}, "tuple of two"),
        ({"max_crops": 0}, "max_crops is 0"),
        ({"mode": "double"}, "double.*overlap"),
        ({"normalize": "none"}, "none.*clip"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        CropConfig(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["single", "no_overlap"])
def test_margins_that_are_not_in_force_need_not_fit(mode: str) -> None:
    config = CropConfig(crop_size=112, mode=mode, max_crops=2)  # the default margins would leave nothing of 8 patches
    assert config.used_margins == (0, 0)
    assert make_plan(200, 100, config).token_grids[0] == (4, 4)
    with pytest.raises(ConfigError, match="8 of 8 patches"):
        config.replace(mode="overlap")
