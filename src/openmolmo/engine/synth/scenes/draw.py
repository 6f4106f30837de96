"""Paint the objects, and find for each a place to point at inside what is visible of it."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from openmolmo.core.optional import require
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.layout import Placed
from openmolmo.engine.synth.scenes.shapes import outline
from openmolmo.engine.synth.scenes.vocabulary import COLOURS
from openmolmo.records.example import Point

cv2 = require("cv2", extra="synth")

__all__ = ["inner_point", "paint_objects"]

Picture = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]

_DARK_INK = np.array((30, 28, 32), np.float32)
_PALE = {"white", "yellow", "pink", "orange", "gray"}


def paint_objects(dice: Dice, picture: Picture, placed: list[Placed], style: str) -> None:
    """Paint the objects into ``picture`` (height, width, 3; RGB) from back to front, in place."""
    line = max(1, round(min(picture.shape[:2]) / 160))
    for item in placed:
        if style == "shadowed":
            _cast_shadow(picture, item)
        colours = _fill(dice, item)
        alpha = item.alpha.astype(np.float32)[..., None] / 255
        if style == "outlined":
            kernel = np.ones((2 * line + 1, 2 * line + 1), np.uint8)
            inside = cv2.erode(item.alpha, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
            share = inside.astype(np.float32)[..., None] / 255
            colours = colours * share + _DARK_INK * (1 - share)
        region = picture[item.box]
        region += ((colours - region) * alpha + 0.5 * (alpha > 0)).astype(np.int16).astype(np.uint8)


def _fill(dice: Dice, item: Placed) -> Plane:
    """The object's colours over its box, pattern and details included."""
    base = np.array(COLOURS[item.wanted.colour], np.float32)
    base = np.clip(base + dice.between(-12, 12) + [dice.between(-4, 4) for _ in range(3)], 0, 255).astype(np.float32)
    height, width = item.alpha.shape
    second = _second_tone(item.wanted.colour, base)
    weight = np.zeros((height, width), np.float32)
    if item.wanted.pattern != "plain":
        rim = cv2.erode(item.alpha, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
        weight = _pattern(dice, item.wanted.pattern, item) * (rim.astype(np.float32) / 255)
    details = outline(item.wanted.shape).details
    if not details:
        return base + weight[..., None] * (second - base)
    marks = np.zeros((height, width), np.uint8)
    for polygon in details:
        points = np.round((polygon @ item.matrix[:2] + item.matrix[2]) * 16).astype(np.int32)
        cv2.fillPoly(marks, [points], 255, cv2.LINE_AA, 4)
    mark = marks.astype(np.float32)[..., None] / 255
    colours = base + weight[..., None] * (second - base)
    return np.asarray(colours + mark * (_detail_tone(item.wanted.colour, base) - colours), np.float32)


def _second_tone(colour: str, base: Plane) -> Plane:
    """The other colour of a pattern: much lighter, or darker for pale colours."""
    if colour in _PALE:
        return base * 0.42
    return base + (np.float32(255) - base) * np.float32(0.7)


def _detail_tone(colour: str, base: Plane) -> Plane:
    if colour == "black":
        return np.full(3, 110, np.float32)
    return base * np.float32(0.5)


def _pattern(dice: Dice, pattern: str, item: Placed) -> Plane:
    """Where the second colour goes, 0-1, with edges about a pixel soft."""
    ys, xs = _grid(item.alpha.shape[0], item.alpha.shape[1])
    period = max(4.0, item.radius * dice.between(0.46, 0.58))
    turn = dice.pick((0.0, 0.785, 1.571, 2.356)) if pattern == "striped" else dice.between(-0.2, 0.2)
    along, across = np.float32(np.cos(turn) / period), np.float32(np.sin(turn) / period)
    u = xs * along + ys * across
    v = ys * along - xs * across
    half = np.float32(0.5)
    if pattern == "striped":
        signed = (np.abs(u % 1 - half) - half / 2) * np.float32(period)
    elif pattern == "checked":
        signed = np.sin(u * np.float32(np.pi)) * np.sin(v * np.float32(np.pi)) * np.float32(period)
    else:
        signed = (np.float32(0.29) - np.hypot(u % 1 - half, v % 1 - half)) * np.float32(period)
    return np.asarray(np.clip(signed + half, 0, 1), np.float32)


def _grid(height: int, width: int) -> tuple[Plane, Plane]:
    side = 1 << max(height, width).bit_length()
    ys, xs = _square_grid(side)
    return ys[:height, :width], xs[:height, :width]


@cache
def _square_grid(side: int) -> tuple[Plane, Plane]:
    ys, xs = np.mgrid[0:side, 0:side].astype(np.float32)
    return ys, xs


def _cast_shadow(picture: Picture, item: Placed) -> None:
    """Darken the picture a little to the lower right of the object."""
    shift = max(2, round(item.radius * 0.16))
    height, width = item.alpha.shape
    bottom = min(picture.shape[0], item.top + height + 2 * shift)
    right = min(picture.shape[1], item.left + width + 2 * shift)
    region = picture[item.top : bottom, item.left : right]
    cover = np.zeros((bottom - item.top, right - item.left), np.uint8)
    rows, columns = min(height, bottom - item.top - shift), min(width, right - item.left - shift)
    cover[shift : shift + rows, shift : shift + columns] = item.alpha[:rows, :columns]
    cover = cv2.blur(cover, (shift, shift))
    shade = (np.float32(1) - cover.astype(np.float32) * np.float32(0.4 / 255))[..., None]
    region[...] = (region * shade).astype(np.uint8)


def inner_point(visible: npt.NDArray[np.bool_], left: int, top: int, width: int, height: int) -> Point:
    """A place well inside the visible pixels and near their middle, in percent of width and height.

    ``visible`` is the object's box, whose corner is at (left, top) pixels.
    """
    padded = np.zeros((visible.shape[0] + 2, visible.shape[1] + 2), np.uint8)
    padded[1:-1, 1:-1] = visible
    depth = np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 3))[1:-1, 1:-1]
    moments = cv2.moments(padded, binaryImage=True)
    x, y = moments["m10"] / moments["m00"] - 1, moments["m01"] / moments["m00"] - 1
    column, row = round(x), round(y)
    deepest = float(depth.max())
    if depth[row, column] < 0.5 * deepest:
        ys, xs = _grid(*depth.shape[:2])
        # Deep enough, then near the middle; of equals the upper one (a ring has no other choice).
        cost = np.hypot(xs - np.float32(x), ys - np.float32(y)) + np.float32(0.3) * ys
        cost[depth < 0.7 * deepest] = np.inf
        row, column = divmod(int(cost.argmin()), cost.shape[1])
    return Point(round((left + column + 0.5) / width * 100, 2), round((top + row + 0.5) / height * 100, 2))
