"""Pictures for the report: masks and points of the truth, and what the model said, right or wrong."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from openmolmo.evaluation.metrics.pointing import score_points
from openmolmo.evaluation.results import Row
from openmolmo.evaluation.tasks.base import image_source
from openmolmo.inference.draw import enlarge, mark_radius, paste_mark
from openmolmo.pictures import open_image
from openmolmo.pictures.addresses import to_address
from openmolmo.records.example import Counting, Mask, Point, Pointing
from openmolmo.records.masks import decode

__all__ = ["RIGHT", "TRUTH", "WRONG", "case_picture", "data_url"]

RIGHT, WRONG, TRUTH = "#0a7d4f", "#d2222d", "#ffd400"
"""Colours: a right prediction, a wrong one, the truth."""

_GAP = 8  # pixels between pictures of one question
_SIDE = 384  # pixels of the longer side of a small picture in the report


def case_picture(row: Row) -> Image.Image:
    """The picture of one row with its true masks outlined, true points ringed and predictions numbered.

    Several pictures stand side by side.
    """
    truth = row.question.truth
    points = truth.points if isinstance(truth, (Pointing, Counting)) else ()
    masks = truth.masks if isinstance(truth, (Pointing, Counting)) else ()
    verdicts = _verdicts(row, points, masks)
    drawn = [_drawn(row, place, points, masks, verdicts) for place in range(len(row.question.images))]
    if len(drawn) == 1:
        return drawn[0]
    strip = Image.new("RGB", (sum(p.width for p in drawn) + _GAP * (len(drawn) - 1), max(p.height for p in drawn)))
    left = 0
    for picture in drawn:
        strip.paste(picture, (left, 0))
        left += picture.width + _GAP
    return strip


def _drawn(
    row: Row, place: int, points: tuple[Point, ...], masks: tuple[Mask, ...], verdicts: tuple[bool, ...]
) -> Image.Image:
    """One of the pictures, with what belongs to it."""
    picture = enlarge(open_image(image_source(row.question.images[place])), smallest=_SIDE)
    picture.thumbnail((2 * _SIDE, 2 * _SIDE))
    picture = _outline(picture, [m for m, point in zip(masks, points, strict=False) if point.image == place])
    radius = mark_radius(picture.size, len(row.answer.points) or len(points))
    for point in points:
        if point.image == place:
            _ring(picture, point, radius)
    for number, (found, right) in enumerate(zip(row.answer.points, verdicts, strict=True), start=1):
        if found.image == place:
            paste_mark(picture, found.x, found.y, RIGHT if right else WRONG, str(number), radius)
    return picture


def data_url(picture: Image.Image) -> str:
    """The picture as a JPEG inside a URL, for a page that needs no other file."""
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=82)
    return to_address(buffer.getvalue(), "image/jpeg")


def _verdicts(row: Row, points: tuple[Point, ...], masks: tuple[Mask, ...]) -> tuple[bool, ...]:
    found = [point.point for point in row.answer.points]
    if points and not masks:  # for the picture only: a twentieth of the width counts as near
        return score_points(found, points, radius=5.0).right
    return score_points(found, points, masks).right


def _outline(picture: Image.Image, masks: Sequence[Mask]) -> Image.Image:
    """Draw the edge of every mask in the colour of the truth, with a dark line outside of it."""
    for mask in masks:
        inside = Image.fromarray(decode(mask).astype(np.uint8) * 255).resize(picture.size, Image.Resampling.NEAREST)
        for width, colour in ((9, "black"), (5, TRUTH)):
            edge = ImageChops.subtract(inside.filter(ImageFilter.MaxFilter(width)), inside)
            picture.paste(colour, (0, 0), edge)
    return picture


def _ring(picture: Image.Image, point: Point, radius: int) -> None:
    x, y = point.x / 100 * picture.width, point.y / 100 * picture.height
    pen, reach = ImageDraw.Draw(picture), radius + 6
    pen.ellipse((x - reach, y - reach, x + reach, y + reach), outline="black", width=4)
    pen.ellipse((x - reach, y - reach, x + reach, y + reach), outline=TRUTH, width=2)
