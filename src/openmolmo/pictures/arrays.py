"""Arrays as pictures: (height, width, 3) uint8 RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from openmolmo.core.errors import ImageError
from openmolmo.pictures.decoding import check_size

__all__ = ["from_array"]


def from_array(array: npt.NDArray[Any], max_pixels: int, name: str) -> npt.NDArray[np.uint8]:
    """A copy of an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of uint8, uint16, bool or floats in [0, 1]."""
    pixels = array[..., None] if array.ndim == 2 else array
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4):
        raise ImageError(
            f"{name} has shape {array.shape}, must be (height, width) or (height, width, 1, 3 or 4)",
            kind="unsupported",
        )
    check_size(pixels.shape[1], pixels.shape[0], max_pixels, name)
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * 255
    elif pixels.dtype == np.uint16:
        pixels = np.rint(pixels * np.float32(1 / 257)).astype(np.uint8)
    elif np.issubdtype(pixels.dtype, np.floating):
        low, high = float(pixels.min()), float(pixels.max())
        if not (low >= 0 and high <= 1):
            raise ImageError(
                f"{name} holds {pixels.dtype} from {low} to {high}, floats must lie in [0, 1]",
                kind="unsupported",
                fix="divide by 255, or give uint8",
            )
        pixels = np.rint(pixels * 255).astype(np.uint8)
    elif pixels.dtype != np.uint8:
        raise ImageError(f"{name} holds {pixels.dtype}, must be uint8, uint16, bool or float", kind="unsupported")
    colours = pixels[..., :3] if pixels.shape[2] >= 3 else np.repeat(pixels, 3, axis=2)
    return np.array(colours, dtype=np.uint8, order="C")
