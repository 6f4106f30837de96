"""Crops: what lands where, the mask of real pixels, the fast mode's distance, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmolmo.core.errors import ConfigError, ImageError
from openmolmo.imaging import CropConfig, Crops, cut_crops, make_plan
from openmolmo.imaging.config import NORMALIZATIONS

SMALL = CropConfig(crop_size=112, margins=(2, 2), max_crops=6)
STYLES = ("clip", "siglip", "dinov2", "metaclip")
PADDING = (-1.7922626, -1.7520971, -1.4802198)  # black after CLIP's normalisation


def picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Random blocks with noise: smooth parts, edges and extremes."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (height // 9 + 1, width // 9 + 1, 3)).repeat(9, axis=0).repeat(9, axis=1)
    noise = rng.integers(-20, 21, (height, width, 3))
    return np.clip(blocks[:height, :width] + noise, 0, 255).astype(np.uint8)


def cut(image: np.ndarray, config: CropConfig, mode: str = "exact") -> Crops:
    return cut_crops(image, make_plan(image.shape[1], image.shape[0], config), config, mode=mode)  # type: ignore[arg-type]


def values(crops: Crops, config: CropConfig) -> np.ndarray:
    """Normalised pixels back to 0-255."""
    mean, std = (np.array(v, np.float32)[:, None, None] for v in NORMALIZATIONS[config.normalize])
    return (crops.pixels * std + mean) * 255


def test_neighbouring_crops_share_their_margins() -> None:
    crops = cut(picture(400, 300), SMALL)
    rows, cols = make_plan(400, 300, SMALL).grid
    grid = crops.pixels[1:].reshape(rows, cols, 3, 112, 112)
    shared = 112 - SMALL.stride
    np.testing.assert_array_equal(grid[:, :-1, ..., -shared:], grid[:, 1:, ..., :shared])
    np.testing.assert_array_equal(grid[:-1, ..., -shared:, :], grid[1:, ..., :shared, :])


def test_padding_is_black_before_normalisation_and_never_minus_one() -> None:
    crops = cut(picture(200, 100), SMALL)
    np.testing.assert_allclose(crops.pixels[0, :, 0, 0], PADDING, atol=1e-5)
    assert (crops.pixels[0, :, 56, 56] != np.array(PADDING)).any()


def test_every_normalisation_of_white() -> None:
    white = np.full((112, 112, 3), 255, np.uint8)
    for name, (mean, std) in NORMALIZATIONS.items():
        crops = cut(white, SMALL.replace(mode="single", normalize=name))
        np.testing.assert_allclose(crops.pixels[0, :, 5, 5], (1 - np.array(mean)) / np.array(std), rtol=1e-5)


@given(st.integers(1, 700), st.integers(1, 700))
@settings(max_examples=40, deadline=None)
def test_the_mask_is_the_share_of_real_pixels(width: int, height: int) -> None:
    """Against a picture of ones cut by hand."""
    config = SMALL.replace(shift_patch_mask=False)
    plan = make_plan(width, height, config)
    assert plan.high is not None
    expected = []
    for resize, (rows, cols) in ((plan.low, (1, 1)), (plan.high, plan.grid)):
        real = np.zeros(resize[:2])
        real[resize.top : resize.top + resize.scaled_h, resize.left : resize.left + resize.scaled_w] = 1
        for y in range(rows):
            for x in range(cols):
                crop = real[y * config.stride :, x * config.stride :][:112, :112]
                expected.append(crop.reshape(8, 14, 8, 14).mean(axis=(1, 3)).reshape(-1))
    mask = cut(np.zeros((height, width, 3), np.uint8), config).patch_mask
    assert mask.dtype == np.float32
    np.testing.assert_allclose(mask, np.array(expected), atol=1e-6)


def test_released_models_read_the_mask_one_crop_late() -> None:
    image = picture(333, 200)
    shifted, aligned = (cut(image, SMALL.replace(shift_patch_mask=flag)).patch_mask for flag in (True, False))
    np.testing.assert_array_equal(shifted[:-1], aligned[1:])
    assert (shifted[-1] == -1).all()


@pytest.mark.parametrize("shift", [True, False])
def test_a_single_crop_has_its_own_mask(shift: bool) -> None:
    mask = cut(picture(200, 100), SMALL.replace(mode="single", shift_patch_mask=shift)).patch_mask.reshape(8, 8)
    assert mask.shape == (8, 8) and (mask[:2] == 0).all() and (mask[2:6] == 1).all() and (mask[6:] == 0).all()


@pytest.mark.parametrize("style", STYLES[1:])
def test_stretching_styles_fill_every_crop_with_whole_values(style: str) -> None:
    config = SMALL.replace(resize=style, normalize="imagenet", shift_patch_mask=False)
    crops = cut(picture(300, 150), config)
    assert (crops.patch_mask == 1).all()
    levels = values(crops, config)
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-3)
    assert levels.min() > -0.01 and levels.max() < 255.01


def test_siglip_reads_single_pixels_where_antialias_averages() -> None:
    stripes = np.zeros((1120, 1120, 3), np.uint8)
    stripes[:, ::10] = 250
    spread = {
        style: float(values(cut(stripes, SMALL.replace(resize=style, mode="single")), SMALL).std()) for style in STYLES
    }
    assert spread["clip"] < 10 and spread["dinov2"] < 10
    assert spread["siglip"] != pytest.approx(spread["clip"], abs=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (30_000, 10), (3, 900), (112, 112), (1200, 1100)])
@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_awkward_sizes_give_finite_crops(size: tuple[int, int], mode: str) -> None:
    for style in STYLES:
        crops = cut(np.full((size[1], size[0], 3), 200, np.uint8), SMALL.replace(resize=style), mode)
        assert crops.pixels.shape[1:] == (3, 112, 112) and np.isfinite(crops.pixels).all()
        assert crops.pixels.dtype == np.float32 and len(crops.patch_mask) == len(crops.pixels)


def test_large_and_small_pictures_take_the_same_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large pictures are resized channel by channel to save memory; the bits are the same."""
    from openmolmo.imaging import resize

    image = picture(333, 222)
    for style in STYLES:
        together = cut(image, SMALL.replace(resize=style)).pixels
        with monkeypatch.context() as patch:
            patch.setattr(resize, "_TOGETHER_LIMIT", 0)
            np.testing.assert_array_equal(cut(image, SMALL.replace(resize=style)).pixels, together)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", [(256, 192), (640, 480), (70, 333), (1024, 768), (112, 112), (20, 30)])
def test_the_fast_mode_stays_within_one_level(style: str, size: tuple[int, int]) -> None:
    config = SMALL.replace(resize=style)
    image = picture(*size)
    exact, fast = cut(image, config), cut(image, config, "fast")
    distance = np.abs(values(exact, config) - values(fast, config))
    # One level of the whole-number arithmetic, and half a level of rounding where exact does not round.
    assert distance.max() <= 1.5 and distance.mean() <= 0.5
    np.testing.assert_array_equal(exact.patch_mask, fast.patch_mask)


def test_a_picture_that_is_not_the_plan_s_is_refused() -> None:
    plan = make_plan(40, 30, SMALL)
    with pytest.raises(ImageError, match=r"\(40, 30, 3\).*\(30, 40, 3\)"):
        cut_crops(np.zeros((40, 30, 3), np.uint8), plan, SMALL)
    with pytest.raises(ImageError, match="float32"):
        cut_crops(np.zeros((30, 40, 3), np.float32), plan, SMALL)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"'quick'.*exact, fast"):
        cut_crops(np.zeros((30, 40, 3), np.uint8), plan, SMALL, mode="quick")  # type: ignore[arg-type]
