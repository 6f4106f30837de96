"""Crops left out of a picture: exactly theirs goes, and a policy chooses the others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmolmo.core.errors import ConfigError, NotRegisteredError
from openmolmo.imaging import CROP_POLICIES, CropConfig, View, cut_crops, keep_crops, make_plan, regions_of
from openmolmo.imaging.policies import best_crops

OVERLAP = CropConfig(crop_size=112, margins=(2, 2), max_crops=9)
APART = CropConfig(crop_size=96, patch_size=12, margins=(0, 0), max_crops=4, mode="no_overlap")
SIGLIP = CropConfig(crop_size=126, margins=(2, 2), max_crops=6, resize="siglip", normalize="siglip")


def tokens_of(grid) -> int:  # type: ignore[no-untyped-def]
    bands = (grid,) if isinstance(grid[0], int) else grid
    return sum(rows * cols for rows, cols in bands)


def view(grid: tuple[int, int], keep: int, seed: int = 0, **more: object) -> View:
    count = grid[0] * grid[1]
    given = {"pixels": np.zeros((3, 8, 8), np.float32), "regions": np.ones((count, 4), bool), "question": ""} | more
    return View(grid=grid, keep=keep, rng=np.random.default_rng(seed), **given)  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from([OVERLAP, APART, SIGLIP, OVERLAP.replace(shift_patch_mask=False)]))
def test_what_is_left_is_what_the_kept_crops_own(data: st.DataObject, config: CropConfig) -> None:
    width, height = data.draw(st.integers(100, 400)), data.draw(st.integers(100, 400))
    plan = make_plan(width, height, config)
    picture = np.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=np.uint8)
    whole = cut_crops(picture, plan, config, mode="fast")
    kept = sorted(data.draw(st.sets(st.integers(0, plan.n_crops - 2), max_size=plan.n_crops - 1)))
    grids, left = keep_crops(whole, plan, kept, config)
    rows = [0, *(one + 1 for one in kept)]
    assert np.array_equal(left.pixels, whole.pixels[rows])
    assert np.array_equal(left.patch_mask, whole.patch_mask[rows])
    owners = whole.pooled_patches.max(axis=1) // config.patches_per_crop
    expected = whole.pooled_patches[np.isin(owners, rows)]
    size = config.patches_per_crop
    back = np.where(left.pooled_patches < 0, -1, np.array(rows)[left.pooled_patches // size] * size)
    assert np.array_equal(np.where(back < 0, -1, back + left.pooled_patches % size), expected)
    assert sum(map(tokens_of, grids)) == len(left.pooled_patches)
    assert len(grids) == (2 if kept else 1)
    if len(kept) == plan.n_crops - 1:  # nothing is copied, nothing is other than it was
        assert left is whole and grids == plan.token_grids


def test_rows_end_where_their_crops_do_and_empty_ones_go() -> None:
    plan = make_plan(192, 192, APART)
    whole = cut_crops(np.zeros((192, 192, 3), np.uint8), plan, APART)
    assert plan.grid == (2, 2) and plan.token_grids == ((4, 4), (8, 8))
    assert keep_crops(whole, plan, [3], APART)[0] == ((4, 4), ((4, 4),))
    assert keep_crops(whole, plan, [0, 2, 3], APART)[0] == ((4, 4), ((4, 4), (4, 8)))
    with pytest.raises(ConfigError, match="4 \\(from 0\\)"):
        keep_crops(whole, plan, [1, 4], APART)


def test_a_crop_is_shown_by_its_part_of_the_global_crop() -> None:
    regions = regions_of(make_plan(192, 192, APART), APART).reshape(4, 8, 8)
    for number, (row, col) in enumerate(((0, 0), (0, 4), (4, 0), (4, 4))):
        expected = np.zeros((8, 8), bool)
        expected[row : row + 4, col : col + 4] = True
        assert np.array_equal(regions[number], expected)
    padded = regions_of(make_plan(300, 40, APART), APART)  # padding above and below, still something of each crop
    assert padded.any(axis=1).all()


def test_policies_keep_as_many_as_they_are_to() -> None:
    for name in ("random", "uniform"):
        for keep in range(1, 6):
            kept = [int(one) for one in CROP_POLICIES.get(name)(view((2, 3), keep))]
            assert len(set(kept)) == keep and all(0 <= one < 6 for one in kept)
    uniform = CROP_POLICIES.get("uniform")
    assert uniform(view((3, 3), 5)).tolist() == [0, 2, 4, 6, 8]  # the middle, then the corners
    drawn = {tuple(CROP_POLICIES.get("random")(view((2, 2), 1, seed))) for seed in range(40)}
    assert drawn == {(0,), (1,), (2,), (3,)}
    assert best_crops(np.array([1.0, 5.0, 5.0, 2.0]), 2).tolist() == [1, 2]
    with pytest.raises(ConfigError, match="trained model"):
        CROP_POLICIES.get("learned")(view((2, 2), 1))


def test_settings_that_keep_nothing_sensible_are_refused() -> None:
    CropConfig(policy="random", keep=12, keep_from=0)
    for changes, said in (
        ({"policy": "random", "keep": 13}, "max_crops=12"),
        ({"policy": "random", "keep": -1}, "0 or more"),
        ({"policy": "random", "keep_from": 1}, "of how many"),
        ({"policy": "random", "keep": 1, "mode": "single"}, "mode=single there are none"),
        ({"policy": "uniform", "keep": 3, "keep_from": 4}, "keep_from=4"),
        ({"keep": 3}, "which crops"),
    ):
        with pytest.raises(ConfigError, match=said):
            CropConfig(**changes)
    with pytest.raises(NotRegisteredError, match="no crop_policy called 'rnadom'") as error:
        CropConfig(policy="rnadom", keep=3)
    assert "random" in (error.value.fix or "")
