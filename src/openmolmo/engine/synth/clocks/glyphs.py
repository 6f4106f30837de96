"""Numerals and letters as outlines, so that they can be set at any size, turned and slanted.

Each character is drawn once, large, with Pillow's bundled font or OpenCV's stroke fonts, and its
contours are kept; no font of the system is used. Outlines are in units of the capital height,
centred on the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from openmolmo.core.optional import require
from openmolmo.engine.synth.clocks.canvas import Pixels, Points

cv2 = require("cv2", extra="synth")

__all__ = ["FONTS", "Outline", "outline"]

_HEIGHT = 120  # pixels of a capital letter while tracing
_MARGIN = 40


@dataclass(frozen=True)
class _Font:
    """``stroke``: pixels added all round (Pillow) or line width (OpenCV) at the tracing size."""

    hershey: int | None
    stroke: int
    wide: float = 1.0
    slant: float = 0.0


FONTS: dict[str, _Font] = {
    "sans": _Font(None, 2),
    "light": _Font(None, 0),
    "bold": _Font(None, 7),
    "narrow": _Font(None, 4, wide=0.78),
    "wide": _Font(None, 5, wide=1.25),
    "slanted": _Font(None, 3, slant=0.2),
    "serif": _Font(cv2.FONT_HERSHEY_TRIPLEX, 9),
    "serif_light": _Font(cv2.FONT_HERSHEY_COMPLEX, 7),
    "serif_narrow": _Font(cv2.FONT_HERSHEY_TRIPLEX, 9, wide=0.75),
    "serif_slanted": _Font(cv2.FONT_HERSHEY_TRIPLEX, 8, slant=0.22),
    "round": _Font(cv2.FONT_HERSHEY_DUPLEX, 14),
    "stroke": _Font(cv2.FONT_HERSHEY_SIMPLEX, 8),
}


@dataclass(frozen=True)
class Outline:
    """Contours of one text: all points (n, 2), where each contour ends, and the text's half-width."""

    points: Points
    ends: tuple[int, ...]
    half_width: float


@lru_cache(maxsize=4096)
def outline(font: str, text: str) -> Outline:
    """The outline of ``text``, capital height 1, centred at the origin."""
    style = FONTS[font]
    pixels = _pillow(text, style.stroke) if style.hershey is None else _hershey(text, style.hershey, style.stroke)
    contours, _ = cv2.findContours(pixels, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    traced = [cv2.approxPolyDP(contour, 0.9, True)[:, 0].astype(np.float64) for contour in contours]
    traced = [contour for contour in traced if len(contour) > 2]
    if not traced:
        return Outline(np.zeros((0, 2)), (), 0.25)
    points = np.concatenate(traced)
    low, high = points.min(0), points.max(0)
    # Digits and capitals have the full height; lower-case words are set by the same height.
    points = (points - (low + high) / 2) / _HEIGHT
    points[:, 0] = points[:, 0] * style.wide - style.slant * points[:, 1]
    points.flags.writeable = False
    ends = tuple(int(end) for end in np.cumsum([len(contour) for contour in traced]))
    return Outline(points, ends, float(np.abs(points[:, 0]).max()))


@lru_cache(maxsize=1)
def _face() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    probe = ImageFont.load_default(size=100)
    top, bottom = probe.getbbox("H")[1::2]
    return ImageFont.load_default(size=100 * _HEIGHT / (bottom - top))


def _pillow(text: str, stroke: int) -> Pixels:
    face = _face()
    left, top, right, bottom = face.getbbox(text, stroke_width=stroke) if stroke else face.getbbox(text)
    size = (int(right - left) + 2 * _MARGIN, int(bottom - top) + 2 * _MARGIN)
    sheet = Image.new("L", size)
    ImageDraw.Draw(sheet).text((_MARGIN - left, _MARGIN - top), text, fill=255, font=face, stroke_width=stroke)
    return np.asarray(sheet.point(lambda value: 255 if value > 127 else 0), np.uint8)


def _hershey(text: str, face: int, stroke: int) -> Pixels:
    (_, height), _ = cv2.getTextSize("0", face, 1.0, 1)
    scale = _HEIGHT / height
    (width, height), base = cv2.getTextSize(text, face, scale, stroke)
    sheet = np.zeros((height + base + 2 * _MARGIN, width + 2 * _MARGIN), np.uint8)
    cv2.putText(sheet, text, (_MARGIN, _MARGIN + height), face, scale, 255, stroke, cv2.LINE_8)
    return sheet
