"""Pictures to learn from and to measure with: known ones, noise that stands for all others, photographs, oddities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from openmolmo.core.optional import require
from openmolmo.data.sources.base import SOURCES
from openmolmo.evaluation.tasks.base import image_source
from openmolmo.pictures import open_image

__all__ = ["PHOTOGRAPHS", "SIZES", "drawn", "gradients", "noise", "photographs", "plain", "strange", "variants"]

Picture = np.ndarray[Any, Any]

SIZES = (112, 192, 256, 400, 640)

PHOTOGRAPHS = [
    "astronaut.png",
    "brick.png",
    "camera.png",
    "cell.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "page.png",
    "retina.jpg",
    "rocket.jpg",
    "text.png",
]
"""Those in scikit-image's own package, through telescopes and microscopes too, and scans of pages."""


def drawn(name: str, count: int, *, split: str, seed: int, sizes: Sequence[int] = SIZES) -> Iterator[Picture]:
    """``count`` pictures of a generator in each size."""
    for size in sizes:
        source = SOURCES.get("synth")(generator=name, count=count, size=size, seed=seed, split=split)
        for place in range(count):
            yield open_image(image_source(source[place].images[0]))


def strange(count: int, seed: int) -> Iterator[Picture]:
    """What no generator draws: noise whose spectrum falls as that of photographs does, white noise, gradients."""
    rng = np.random.default_rng(seed)
    for place in range(count):
        height, width = (int(side) for side in rng.integers(100, 640, 2))
        if place % 4 < 2:
            yield _clouds(rng, height, width, rng.uniform(0.5, 1.8), bool(rng.random() < 0.4))
        elif place % 4 == 2:
            yield _squares(rng, height, width, int(rng.integers(1, 9)))
        else:
            ends = rng.integers(0, 256, (2, 3))
            grain = rng.normal(size=(height, width, 1)) * rng.uniform(0, 20)
            yield (_gradient(ends, height, width) + grain).clip(0, 255).astype(np.uint8)


def _clouds(rng: np.random.Generator, height: int, width: int, fall: float, grey: bool) -> Picture:
    distance = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    distance[0, 0] = 1
    planes = []
    for _ in range(3):
        plane = np.fft.ifft2(np.fft.fft2(rng.normal(size=(height, width))) / distance**fall).real
        low, high = np.percentile(plane, [1, 99])
        planes.append(np.clip((plane - low) / (high - low), 0, 1) * rng.uniform(60, 255))
    mixed = rng.dirichlet([1, 1, 1], 3)
    made = np.stack([planes[0]] * 3, -1) if grey else np.stack(planes, -1) @ mixed.T
    return made.clip(0, 255).astype(np.uint8)


def _squares(rng: np.random.Generator, height: int, width: int, side: int) -> Picture:
    small = rng.integers(0, 256, (height // side + 1, width // side + 1, 3), dtype=np.uint8)
    return np.repeat(np.repeat(small, side, 0), side, 1)[:height, :width]


def _gradient(ends: Picture, height: int, width: int) -> Picture:
    way = np.linspace(0, 1, width)[None, :, None] * np.ones((height, 1, 1))
    made: Picture = ends[0] * (1 - way) + ends[1] * way
    return made


def photographs() -> dict[str, Picture]:
    """The photographs of scikit-image by name. MissingDependencyError without that package."""
    place = require("skimage", extra="dev").__file__
    assert place is not None
    folder = Path(place).parent / "data"
    return {name.partition(".")[0]: open_image(folder / name) for name in PHOTOGRAPHS}


def variants(picture: Picture) -> Iterator[Picture]:
    """Four sizes of a picture, and six pieces of it."""
    height, width = picture.shape[:2]
    rng = np.random.default_rng(1)
    image = Image.fromarray(picture)
    for side in (192, 256, 400, 640):
        by = side / max(height, width)
        size = (max(1, round(width * by)), max(1, round(height * by)))
        yield np.asarray(image.resize(size, Image.Resampling.BILINEAR))
    for share in (0.7, 0.5, 0.35):
        for _ in range(2):
            high, wide = int(height * share), int(width * share)
            top, left = rng.integers(0, height - high + 1), rng.integers(0, width - wide + 1)
            yield picture[top : top + high, left : left + wide]


def plain(count: int = 40) -> Iterator[Picture]:
    """Pictures of one colour."""
    rng = np.random.default_rng(2)
    for _ in range(count):
        yield np.full((rng.integers(100, 600), rng.integers(100, 600), 3), rng.integers(0, 256, 3), np.uint8)


def noise(count: int = 30) -> Iterator[Picture]:
    """Squares of random colours."""
    rng = np.random.default_rng(3)
    for _ in range(count):
        height, width = (int(side) for side in rng.integers(100, 600, 2))
        yield _squares(rng, height, width, int(rng.integers(1, 9)))


def gradients(count: int = 30) -> Iterator[Picture]:
    """From one colour to another."""
    rng = np.random.default_rng(4)
    for _ in range(count):
        height, width = (int(side) for side in rng.integers(100, 600, 2))
        yield _gradient(rng.integers(0, 256, (2, 3)), height, width).astype(np.uint8)
