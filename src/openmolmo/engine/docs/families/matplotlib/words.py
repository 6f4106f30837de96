"""Lines of text in a chart: measured and set by Pillow, in a tenth of the time that a Matplotlib text takes.

Places are pixels from the picture's top left corner.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

from openmolmo.engine.docs.base import Box
from openmolmo.engine.docs.fonts import font_file

__all__ = ["Typeface", "Words", "typeface"]

Typeface = ImageFont.FreeTypeFont

_BEFORE = {"left": 0.0, "center": 0.5, "right": 1.0, "top": 0.0, "bottom": 1.0}
"""The part of a text that lies before the place at which it stands."""


@functools.cache
def typeface(family: str, pixels: float, *, bold: bool = False) -> Typeface:
    """A font at a size; one object for all texts that are set in it."""
    return ImageFont.truetype(str(font_file(family, bold=bold)), pixels, layout_engine=ImageFont.Layout.BASIC)


@functools.lru_cache(maxsize=4096)
def _extent(font: Typeface, text: str) -> tuple[int, int, int, int]:
    """(left, right, rise, fall) of a line about the start of its baseline, whole pixels outwards."""
    left, top, right, bottom = font.getbbox(text, anchor="ls")
    _, highest, _, lowest = font.getbbox("lp", anchor="ls")  # one height for all lines, as they stand beside each other
    return (
        math.floor(min(left, 0)),
        math.ceil(max(right, font.getlength(text))),
        math.ceil(max(-top, -highest)),
        math.ceil(max(bottom, lowest)),
    )


@dataclass(slots=True, kw_only=True)
class Words:
    """One line. It stands at (x, y), which may be moved: ``across`` and ``down`` say with which of its edges."""

    text: str
    font: Typeface
    colour: str
    upright: bool = False
    """Whether it reads from the bottom up."""
    across: Literal["left", "center", "right"] = "center"
    down: Literal["top", "center", "bottom"] = "center"
    x: float = 0.0
    y: float = 0.0

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in the picture."""
        left, right, rise, fall = _extent(self.font, self.text)
        return (rise + fall, right - left) if self.upright else (right - left, rise + fall)

    @property
    def box(self) -> Box:
        """Exactly where it is painted: on whole pixels."""
        wide, tall = self.size
        left, top = round(self.x - _BEFORE[self.across] * wide), round(self.y - _BEFORE[self.down] * tall)
        return left, top, left + wide, top + tall

    def paint(self, picture: Image.Image) -> None:
        """Set the letters into an RGB picture."""
        left, top, *_ = (int(value) for value in self.box)
        before, right, rise, fall = _extent(self.font, self.text)
        if not self.upright:
            at = (left - before, top + rise)
            ImageDraw.Draw(picture).text(at, self.text, fill=self.colour, font=self.font, anchor="ls")
            return
        lying = Image.new("L", (right - before, rise + fall))
        ImageDraw.Draw(lying).text((-before, rise), self.text, fill=255, font=self.font, anchor="ls")
        picture.paste(self.colour, (left, top), lying.transpose(Image.Transpose.ROTATE_90))
