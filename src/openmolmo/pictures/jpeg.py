"""JPEG photographs straight into an array, where ``simplejpeg`` is installed.

Pillow holds a picture with four bytes a pixel and copies it on the way to an array; for twelve megapixels that takes
as long as decoding. Both stand on libjpeg-turbo and give the same bytes.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["decode_jpeg"]


def decode_jpeg(data: bytes, width: int, height: int) -> npt.NDArray[np.uint8] | None:
    """(H, W, 3) uint8 RGB; None where the library is not there, or finds anything unusual in the file.

    What is unusual (another size than ``width`` and ``height``, warnings, damage) is left to Pillow, which then says
    what is wrong or reads it all the same.
    """
    library = _library()
    if library is None:
        return None
    try:
        if tuple(library.decode_jpeg_header(data)[:2]) != (height, width):
            return None
        pixels: npt.NDArray[np.uint8] = library.decode_jpeg(data, "RGB")
    except ValueError:
        return None
    return pixels


@cache
def _library() -> Any:
    try:
        return import_module("simplejpeg")
    except ImportError:
        return None
