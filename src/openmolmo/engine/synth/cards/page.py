"""A sheet to write and draw on, which remembers where everything is."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from openmolmo.core.optional import require

cv2 = require("cv2", extra="synth")

__all__ = ["Box", "Colour", "Entry", "Page", "Written", "text_width"]

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""
Colour = tuple[int, int, int]
_LEAST_BOLD = 20
"""Smaller letters would run into each other."""


@dataclass(frozen=True, slots=True)
class Written:
    """A word or number (or, without text, a mark of a colour) and where it stands."""

    text: str
    box: Box
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that a card tells: ``name`` has ``value``; in a table under ``column``.

    ``named`` and ``valued`` are the boxes of both in the picture, ``mark`` that of the bar,
    the cell or the box to tick.
    """

    name: str
    value: str
    named: Box | None
    valued: Box | None = None
    mark: Box | None = None
    column: str = ""
    colour: str = ""
    ticked: bool | None = None


@dataclass
class Page:
    """``picture`` (height, width, 3; RGB) with what was written on it so far."""

    picture: npt.NDArray[np.uint8]
    ink: Colour
    stroke: int = 0
    written: list[Written] = field(default_factory=list)

    def write(self, text: str, x: float, y: float, size: int, *, align: str = "left", ink: Colour | None = None) -> Box:
        """Words with their middle at height ``y``, beginning, centred or ending at ``x``; each is remembered."""
        stroke = self.stroke if size >= _LEAST_BOLD else 0
        cover = _letters(text, size, stroke)
        tall, wide = cover.shape
        left = round({"left": x, "center": x - wide / 2, "right": x - wide}[align])
        top = round(y - tall / 2)
        height, width = self.picture.shape[:2]
        left, top = min(max(0, left), max(0, width - wide)), min(max(0, top), max(0, height - tall))
        region = self.picture[top : top + tall, left : left + wide]
        share = cover[: region.shape[0], : region.shape[1], None].astype(np.float32) / 255
        region[...] = (region + share * (np.array(ink or self.ink, np.float32) - region)).astype(np.uint8)
        at = left
        for word in text.split(" "):
            across = _letters(word, size, stroke).shape[1]
            self.written.append(Written(word, (at, top, min(at + across, width), top + tall)))
            at += across + size // 4
        return left, top, min(left + wide, width), top + tall

    def fill(self, box: Box, colour: Colour, *, called: str = "", line: Colour | None = None, thick: int = 1) -> Box:
        """A rectangle, with a border if ``line`` is given; remembered as a mark if it is ``called`` a colour."""
        left, top, right, bottom = box
        cv2.rectangle(self.picture, (left, top), (right - 1, bottom - 1), colour, -1)
        if line is not None:
            cv2.rectangle(self.picture, (left, top), (right - 1, bottom - 1), line, thick)
        if called:
            self.written.append(Written("", box, called))
        return box

    def line(self, start: tuple[int, int], end: tuple[int, int], colour: Colour, thick: int = 1) -> None:
        """A straight line."""
        cv2.line(self.picture, start, end, colour, thick, cv2.LINE_AA)


def text_width(text: str, size: int, stroke: int = 0) -> int:
    """Pixels that words take."""
    return int(_letters(text, size, stroke).shape[1])


@lru_cache(4096)
def _letters(text: str, size: int, stroke: int) -> npt.NDArray[np.uint8]:
    """(H, W) cover, 0-255; all texts of a size are equally high."""
    font = ImageFont.load_default(size)
    left, _, right, _ = font.getbbox(text, stroke_width=stroke)
    top, bottom = font.getbbox("Ag", stroke_width=stroke)[1::2]
    picture = Image.new("L", (max(1, int(right - left)), int(bottom - top) + 1))
    ImageDraw.Draw(picture).text((-left, -top), text, fill=255, font=font, stroke_width=stroke)
    return np.asarray(picture)
