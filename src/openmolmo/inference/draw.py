"""Numbered points on a picture, legible on any background and at any size.

Every mark is a coloured disc with its number, in a white ring with a dark edge, so that it stands
out from light, dark and busy pictures alike; the mark of a point that the model was unsure of is
hollow. Sizes follow the picture; small pictures are enlarged by a whole factor first, because no
number can be read on thirty pixels. Under the picture stands one line a label: its colour, its text
(in any script that this machine has a font for), how many, and how many of them unsure.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from openmolmo.inference.fonts import draw_text, text_length
from openmolmo.words.answer import FoundPoint

__all__ = ["COLOURS", "draw_points", "enlarge", "paste_mark"]

COLOURS = ("#e6195b", "#0072b2", "#d55e00", "#008f6b", "#7b3fbf", "#8c6d00", "#b0006d", "#3d5a80")
"""One a label, in turn; all dark enough for a white number, told apart by most colour-blind eyes."""

_SURE = 0.5  # confidence below which a mark is hollow
_SUPERSAMPLE = 4  # marks are drawn four times larger and reduced: Pillow draws without antialiasing
_SMALLEST = 512  # pixels of the longer side below which a picture is enlarged
_LONGEST = 200  # letters of a label that may be measured: no line is so long
_LARGEST = 4096  # pixels of the longer side above which it is reduced for showing


def draw_points(image: np.ndarray | Image.Image, points: Sequence[FoundPoint], *, legend: bool = True) -> Image.Image:
    """The picture (H, W, 3 uint8 RGB, or PIL) with its points numbered from 1, in the order given.

    The result keeps the aspect of the picture; it is a whole multiple of its size when the longer
    side is under 512 pixels, at most 4096 otherwise, and taller by the legend's lines if there are any.
    """
    picture = enlarge(image)
    labels = list(dict.fromkeys(point.label for point in points))
    radius = mark_radius(picture.size, len(points))
    for number, point in enumerate(points, start=1):
        colour = COLOURS[labels.index(point.label) % len(COLOURS)]
        paste_mark(picture, point.x, point.y, colour, str(number), radius, hollow=_is_unsure(point))
    return _with_legend(picture, points, labels) if legend and points else picture


def enlarge(image: np.ndarray | Image.Image, *, smallest: int = _SMALLEST) -> Image.Image:
    """An RGB copy: a whole multiple of a small picture's size, a reduced one of a huge picture's."""
    picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    picture = picture.convert("RGB")
    longer = max(picture.size)
    if longer > _LARGEST:
        size = (max(1, picture.width * _LARGEST // longer), max(1, picture.height * _LARGEST // longer))
        return picture.resize(size, Image.Resampling.LANCZOS)
    factor = -(-smallest // longer)
    if factor == 1:
        return picture.copy()
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.BICUBIC)


def mark_radius(size: tuple[int, int], count: int) -> int:
    """Pixels: about 2.4 % of the picture's mean side, less where there are many marks, at least 8."""
    mean_side = math.sqrt(size[0] * size[1])
    return max(8, round(mean_side * (0.024 if count <= 12 else 0.018)))


def paste_mark(
    picture: Image.Image, x: float, y: float, colour: str, text: str, radius: int, *, hollow: bool = False
) -> None:
    """Draw one mark at (x, y) percent of width and height, in place; marks at the edge are cut by it."""
    mark = _mark(colour, text, radius, hollow)
    left = round(x / 100 * picture.width - mark.width / 2)
    top = round(y / 100 * picture.height - mark.height / 2)
    picture.paste(mark, (left, top), mark)


@functools.lru_cache(maxsize=512)
def _mark(colour: str, text: str, radius: int, hollow: bool) -> Image.Image:
    """An RGBA tile: shadow, dark edge, white ring, coloured disc, white number; or hollow, the number black."""
    outer = radius + max(2, radius // 4)
    side = 2 * (outer + 2) * _SUPERSAMPLE
    tile = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    pen, centre = ImageDraw.Draw(tile), side / 2
    for size, fill in ((outer + 1, "#000000a0"), (outer, "#ffffff"), (radius, colour)):
        reach = size * _SUPERSAMPLE
        pen.ellipse((centre - reach, centre - reach, centre + reach, centre + reach), fill=fill)
    if hollow:
        reach = (radius - max(2, radius // 5)) * _SUPERSAMPLE
        pen.ellipse((centre - reach, centre - reach, centre + reach, centre + reach), fill="white")
    font = _font(round(radius * _SUPERSAMPLE * (1.35 if len(text) < 2 else 1.1 if len(text) < 3 else 0.8)))
    pen.text(
        (centre, centre),
        text,
        font=font,
        fill="black" if hollow else "white",
        anchor="mm",
        stroke_width=_SUPERSAMPLE // 2,
    )
    return tile.resize((side // _SUPERSAMPLE, side // _SUPERSAMPLE), Image.Resampling.LANCZOS)


@functools.lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _is_unsure(point: FoundPoint) -> bool:
    return point.confidence is not None and point.confidence < _SURE


def _with_legend(picture: Image.Image, points: Sequence[FoundPoint], labels: Sequence[str]) -> Image.Image:
    """The picture on a white strip that names each label; long labels end in an ellipsis."""
    size = max(12, min(round(picture.width * 0.03), 48))
    line, margin = round(size * 1.6), size
    made = Image.new("RGB", (picture.width, picture.height + line * len(labels) + margin), "white")
    made.paste(picture, (0, 0))
    pen = ImageDraw.Draw(made)
    for row, label in enumerate(labels):
        middle = picture.height + margin // 2 + round(line * (row + 0.5))
        dot = size * 0.45
        pen.ellipse((margin - dot, middle - dot, margin + dot, middle + dot), fill=COLOURS[row % len(COLOURS)])
        named = [point for point in points if point.label == label]
        unsure = sum(map(_is_unsure, named))
        text = f"{label or 'points'} ({len(named)}{f', {unsure} unsure' if unsure else ''})"
        text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
        while len(text) > 1 and text_length(pen, text, size) > picture.width - 3 * margin:
            text = text[:-2].rstrip("…") + "…"
        draw_text(pen, (2 * margin, middle), text, size, "#222222")
    return made
