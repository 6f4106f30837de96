"""Paint things and signs into a picture."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from openmolmo.core.optional import require
from openmolmo.engine.synth.icons.layout import Placed
from openmolmo.engine.synth.icons.stages import Stage
from openmolmo.engine.synth.scenes.dice import Dice

cv2 = require("cv2", extra="synth")

__all__ = ["SIGN_LEAST", "Sign", "choose_sign", "paint_items", "paint_sign"]

Picture = npt.NDArray[np.uint8]

SIGN_LEAST = 160
"""Smaller pictures have no signs: their letters could not be read."""
_WORDS = (
    "OPEN", "CLOSED", "SALE", "EXIT", "PULL", "PUSH", "MARKET", "BAKERY", "MUSEUM", "LIBRARY", "TICKETS", "WELCOME",
    "PLEASE WAIT", "TAKE ONE", "THANK YOU", "HOT SOUP", "NO ENTRY", "LOST AND FOUND", "FREE", "TODAY", "GARDEN",
    "REPAIRS", "LUNCH", "SCHOOL FAIR", "FRESH EGGS", "TOYS", "WET PAINT", "PARKING", "QUIET", "MUSIC",
)  # fmt: skip
_NUMBERED = ("ROOM {}", "GATE {}", "BUS {}", "No. {}", "{} km", "$ {}", "LINE {}", "FLOOR {}")
_BOARDS = (
    ((250, 250, 248), (32, 34, 40)),
    ((34, 92, 60), (250, 250, 246)),
    ((30, 66, 140), (250, 250, 250)),
    ((250, 214, 74), (30, 28, 26)),
    ((178, 36, 40), (252, 250, 248)),
)


class Sign:
    """A board with words: ``box`` is left, top, right, bottom in pixels."""

    def __init__(self, text: str, board: int, box: tuple[int, int, int, int], letters: npt.NDArray[np.uint8]) -> None:
        self.text, self.board, self.box, self.letters = text, board, box, letters


def choose_sign(dice: Dice, stage: Stage) -> Sign | None:
    """A sign where the stage has room for one; one that would not fit into the picture is left out."""
    height, width = stage.picture.shape[:2]
    if stage.sign is None or min(width, height) < SIGN_LEAST:
        return None
    text = dice.pick(_WORDS)
    if dice.chance(0.35):
        text = dice.pick(_NUMBERED).format(1 + dice.below(99))
    letters = _letters(text, round(min(width, height) * dice.between(0.07, 0.1)))
    tall, wide = letters.shape
    pad = max(3, tall // 2)
    across = min(max(stage.sign[0] * width, wide / 2 + pad + 2), width - wide / 2 - pad - 2)
    left, top = round(across - wide / 2) - pad, round(stage.sign[1] * height - tall / 2) - pad
    box = (left, max(2, top), left + wide + 2 * pad, max(2, top) + tall + 2 * pad)
    if left < 2 or box[2] > width - 2 or box[3] > height - 2:
        return None
    return Sign(text, dice.below(len(_BOARDS)), box, letters)


@cache
def _letters(text: str, size: int) -> npt.NDArray[np.uint8]:
    """(H, W) cover, 0-255, of the words in the letters that Pillow brings."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(text)
    picture = Image.new("L", (int(right - left) + 2, int(bottom - top) + 2))
    ImageDraw.Draw(picture).text((1 - left, 1 - top), text, fill=255, font=font)
    return np.asarray(picture)


def paint_sign(picture: Picture, sign: Sign) -> None:
    """The board, its rim and its words, in place."""
    (left, top, right, bottom), (board, ink) = sign.box, _BOARDS[sign.board]
    cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), board, -1)
    cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), ink, max(1, (bottom - top) // 24))
    tall, wide = sign.letters.shape
    y, x = top + (bottom - top - tall) // 2, left + (right - left - wide) // 2
    region = picture[y : y + tall, x : x + wide]
    share = sign.letters.astype(np.float32)[..., None] / 255
    region[...] = (region + share * (np.array(ink, np.float32) - region)).astype(np.uint8)


def paint_items(dice: Dice, picture: Picture, placed: list[Placed], *, standing: bool) -> None:
    """Paint the things from back to front, in place; ``standing`` ones have a shadow at their feet."""
    shadows = standing or dice.chance(0.5)
    for item in placed:
        if shadows:
            (_foot_shadow if standing else _cast_shadow)(picture, item)
        region = picture[item.box]
        alpha = item.pixels[..., 3:].astype(np.uint16)
        light = dice.between(0.94, 1.0)
        colours = item.pixels[..., :3].astype(np.float32) * np.float32(light)
        region[...] = ((region * (255 - alpha) + 127) // 255 + colours.astype(np.uint16)).clip(0, 255).astype(np.uint8)


def _cast_shadow(picture: Picture, item: Placed) -> None:
    """Darken the picture a little to the lower right."""
    shift = max(2, round(item.radius * 0.1))
    _darken(picture, item.left + shift, item.top + shift, item.pixels[..., 3], shift, 0.3)


def _foot_shadow(picture: Picture, item: Placed) -> None:
    """A flat shadow on the ground."""
    tall, wide = item.pixels.shape[:2]
    flat = max(3, round(item.radius * 0.22))
    cover = np.zeros((2 * flat + 1, wide + 2 * flat), np.uint8)
    cv2.ellipse(cover, (cover.shape[1] // 2, flat), (max(2, round(wide * 0.44)), max(1, flat // 2)), 0, 0, 360, 255, -1)
    _darken(picture, item.left - flat, item.top + tall - flat - 1, cover, max(2, flat // 2), 0.38)


def _darken(picture: Picture, left: int, top: int, cover: npt.NDArray[np.uint8], blur: int, share: float) -> None:
    height, width = picture.shape[:2]
    padded = cv2.blur(cv2.copyMakeBorder(cover, blur, blur, blur, blur, cv2.BORDER_CONSTANT), (blur, blur))
    left, top = left - blur, top - blur
    rows = slice(max(0, top), min(height, top + padded.shape[0]))
    columns = slice(max(0, left), min(width, left + padded.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    part = padded[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    shade = (255 - part.astype(np.float32) * np.float32(share)) / 255
    picture[rows, columns] = (picture[rows, columns] * shade[..., None]).astype(np.uint8)
