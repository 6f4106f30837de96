"""Grey pictures of more than 8 bits a pixel, as 8 bits: right, or refused by name.

Pillow's own conversion cuts values above 255 to white. What scale the numbers have is taken from the file
where it says so; where neither the file nor the numbers say it, the picture is refused, for a guess would be
a picture of another brightness, or half of one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from openmolmo.core.errors import ImageError

__all__ = ["is_wide", "wide_to_rgb"]

_BITS, _WHITE_OR_BLACK, _SAMPLE_FORMAT = 258, 262, 339  # TIFF tags
_SIGNED = 2
_DARKEST = 32.0
"""Floats with a peak above 1 and under this are neither shares (0-1) nor grey values (0-255)."""


def is_wide(mode: str) -> bool:
    """Whether pictures of this mode of Pillow hold 16 or 32 bits a pixel."""
    return mode.startswith(("I", "F"))


def wide_to_rgb(image: Image.Image, name: str) -> Image.Image:
    """The picture scaled to 8 bits, three times the same channel; ``name`` is for errors.

    Whole numbers: 16 bits (or as many as a TIFF says), or 0-255 in a wide container. Floats: 0-1, 0-255 or
    0-65535; what is no number is black. TIFFs whose white is zero are turned round.
    """
    tags: Any = image.tag_v2 if isinstance(image, TiffImageFile) else {}
    if _first(tags.get(_SAMPLE_FORMAT)) == _SIGNED:
        raise _refused(f"{name} holds signed numbers, and does not say which of them is black")
    values = np.asarray(image).astype(np.float32)
    if image.mode.startswith("F"):
        values = np.nan_to_num(values, nan=0.0, posinf=np.inf, neginf=-np.inf)
    low, peak = float(values.min()), float(values.max())
    if low < 0 or not np.isfinite(peak):
        raise _refused(f"{name} holds numbers from {low:g} to {peak:g}, and does not say which is black and white")
    top = _top(image, tags, peak, name)
    if tags.get(_WHITE_OR_BLACK) == 0:
        values = np.float32(top) - values
    return Image.fromarray(_eight_bits(values, top)).convert("RGB")


def _top(image: Image.Image, tags: Any, peak: float, name: str) -> float:
    """The value of white."""
    if image.mode.startswith("I;"):
        bits = int(_first(tags.get(_BITS)) or 16)
        return float(2**bits - 1)
    if image.format == "PPM" and image.mode == "I":
        return 65535.0  # Pillow scales them, whatever their own largest value is
    if image.mode == "F":
        if peak <= 1:
            return 1.0
        if peak < _DARKEST:
            raise _refused(f"{name} holds floats up to {peak:g}: neither shares (0-1) nor grey values (0-255)")
    for top in (255.0, 65535.0):
        if peak <= top:
            return top
    raise _refused(f"{name} holds numbers up to {peak:g}, more than 16 bits, and does not say which is white")


def _eight_bits(values: npt.NDArray[np.float32], top: float) -> npt.NDArray[np.uint8]:
    scaled: npt.NDArray[np.float32] = np.clip(np.rint(values * np.float32(255 / top)), 0, 255)
    return scaled.astype(np.uint8)


def _first(value: Any) -> Any:
    """Tags of one value stand alone or in a tuple."""
    return value[0] if isinstance(value, tuple) and value else value


def _refused(what: str) -> ImageError:
    return ImageError(what, kind="unsupported", fix="save it as an 8-bit picture, with the brightness you want")
