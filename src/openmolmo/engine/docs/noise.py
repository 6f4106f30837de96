"""Print and photograph: paper, ink, shadow, fold, skew, blur, JPEG; every box goes along with the pixels."""

from __future__ import annotations

import dataclasses
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from openmolmo.engine.docs.base import Box, Mark, Rendered

__all__ = ["Noisy", "add_noise"]

Pixels = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noisy:
    """The picture as it goes into the record (PNG, or JPEG where there is noise), and its marks."""

    data: bytes
    width: int
    height: int
    marks: tuple[Mark, ...]
    how: tuple[str, ...]
    """What was done, in order."""


def add_noise(rng: np.random.Generator, rendered: Rendered, kind: str) -> Noisy:
    """``kind``: none; print (a scan: paper, ink, slight turn); photo (perspective, shadow, fold, blur); mixed."""
    if kind == "mixed":
        kind = ("none", "print", "photo")[int(rng.choice(3, p=(0.4, 0.3, 0.3)))]
    if kind == "none":
        return Noisy(data=rendered.png, width=rendered.width, height=rendered.height, marks=rendered.marks, how=())
    with Image.open(io.BytesIO(rendered.png)) as opened:
        picture = opened.convert("RGB")
    how: list[str] = []
    marks = rendered.marks
    if kind == "print":
        picture, marks = _turned(rng, picture, marks, how)
        pixels = _paper(rng, np.asarray(picture, np.float32), how, strength=5.0)
        if rng.random() < 0.3:
            pixels = _faded(rng, pixels, how)
    else:
        pixels = (
            _folded(rng, np.asarray(picture, np.float32), how)
            if rng.random() < 0.5
            else np.asarray(picture, np.float32)
        )
        picture, marks = _tilted(rng, _image(pixels), marks, how)
        pixels = _shadowed(rng, np.asarray(picture, np.float32), how)
        pixels = _paper(rng, pixels, how, strength=3.5)
    picture = _image(pixels)
    if rng.random() < 0.5:
        radius = float(rng.uniform(0.3, 0.75))
        picture = picture.filter(ImageFilter.GaussianBlur(radius))
        how.append("blur")
    quality = int(rng.integers(55, 92))
    how.append("jpeg")
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return Noisy(data=stream.getvalue(), width=picture.width, height=picture.height, marks=marks, how=tuple(how))


def _image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _paper(rng: np.random.Generator, pixels: Pixels, how: list[str], *, strength: float) -> Pixels:
    """A tint, coarse mottling and fine grain."""
    how.append("paper")
    height, width = pixels.shape[:2]
    tint = np.array([1.0, rng.uniform(0.965, 1.0), rng.uniform(0.9, 0.99)], np.float32)
    coarse = rng.normal(0, strength, (height // 24 + 2, width // 24 + 2)).astype(np.float32)
    mottled = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    grain = rng.standard_normal((height, width), np.float32) * (strength * 0.6)
    result: Pixels = pixels * tint + (mottled + grain)[..., None]
    return result


def _faded(rng: np.random.Generator, pixels: Pixels, how: list[str]) -> Pixels:
    """Tired ink: black becomes grey."""
    how.append("faded")
    lift = float(rng.uniform(20, 70))
    result: Pixels = lift + pixels * ((255 - lift) / 255)
    return result


def _folded(rng: np.random.Generator, pixels: Pixels, how: list[str]) -> Pixels:
    """One or two folds: a light ridge with shade on one side."""
    how.append("fold")
    height, width = pixels.shape[:2]
    shade = np.ones((height, width), np.float32)
    for upright in (True, False)[: int(rng.integers(1, 3))]:
        size = width if upright else height
        place = size * float(rng.uniform(0.35, 0.65))
        away = np.arange(size, dtype=np.float32) - place
        profile = 1 - 0.16 * np.exp(-np.abs(away) / (size * 0.05)) * (away > 0) + 0.05 * np.exp(-(away**2) / 4)
        shade *= profile[None, :] if upright else profile[:, None]
    result: Pixels = pixels * shade[..., None].astype(np.float32)
    return result


def _shadowed(rng: np.random.Generator, pixels: Pixels, how: list[str]) -> Pixels:
    """Light from one side, and now and then the soft shadow of somebody."""
    how.append("shadow")
    height, width = pixels.shape[:2]
    corners = rng.uniform(0.72, 1.02, (2, 2)).astype(np.float32)
    light = np.asarray(Image.fromarray(corners).resize((width, height), Image.Resampling.BICUBIC))
    result: Pixels = pixels * light[..., None]
    return result


def _turned(
    rng: np.random.Generator, picture: Image.Image, marks: tuple[Mark, ...], how: list[str]
) -> tuple[Image.Image, tuple[Mark, ...]]:
    """A sheet that lies a little askew in the scanner."""
    how.append("turn")
    angle = float(rng.uniform(-0.03, 0.03))
    c, s = np.cos(angle), np.sin(angle)
    width, height = picture.size
    middle = np.array([[1, 0, width / 2], [0, 1, height / 2], [0, 0, 1.0]])
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    return _mapped(picture, marks, middle @ turn @ np.linalg.inv(middle), _around(rng, 235, 250))


def _tilted(
    rng: np.random.Generator, picture: Image.Image, marks: tuple[Mark, ...], how: list[str]
) -> tuple[Image.Image, tuple[Mark, ...]]:
    """A sheet on a table, seen from the side."""
    how.append("perspective")
    width, height = picture.size
    reach = 0.045
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    moved = corners + rng.uniform(-reach, reach, (4, 2)) * (width, height)
    return _mapped(picture, marks, _homography(corners, moved), _around(rng, 70, 160))


def _around(rng: np.random.Generator, low: int, high: int) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(low, high, 3))
    return red, green, blue


def _homography(source: Matrix, target: Matrix) -> Matrix:
    """The (3, 3) map that takes four points to four others."""
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    solved = np.linalg.solve(np.array(rows), target.reshape(-1))
    result: Matrix = np.append(solved, 1.0).reshape(3, 3)
    return result


def _mapped(
    picture: Image.Image, marks: tuple[Mark, ...], matrix: Matrix, ground: tuple[int, int, int]
) -> tuple[Image.Image, tuple[Mark, ...]]:
    """Picture and boxes through a map, moved so that all of the sheet stays in the picture."""
    width, height = picture.size
    corners = _through(matrix, np.array([[0, 0], [width, 0], [width, height], [0, height]], float))
    low, high = corners.min(axis=0), corners.max(axis=0)
    matrix = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1.0]]) @ matrix
    size = (round(float(high[0] - low[0])), round(float(high[1] - low[1])))
    inverse = np.linalg.inv(matrix)
    coefficients: Any = (inverse / inverse[2, 2]).reshape(-1)[:8].tolist()
    placed = picture.transform(
        size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC, fillcolor=ground
    )
    return placed, tuple(dataclasses.replace(mark, box=_boxed(matrix, mark.box)) for mark in marks)


def _boxed(matrix: Matrix, box: Box) -> Box:
    left, top, right, bottom = box
    corners = _through(matrix, np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float))
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def _through(matrix: Matrix, points: Matrix) -> Matrix:
    lifted = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    result: Matrix = lifted[:, :2] / lifted[:, 2:]
    return result
