"""Scaling a picture to the sizes of its plan, in the arithmetic that released weights expect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

__all__ = ["resize_exact", "resize_fast"]

ResizeStyle = Literal["clip", "siglip", "dinov2", "metaclip"]
Size = tuple[int, int]

# Filter and antialias by style; "clip" alone works on values in [0, 1] and is not rounded.
_FILTERS: dict[str, tuple[str, bool]] = {
    "clip": ("bilinear", True),
    "siglip": ("bilinear", False),
    "dinov2": ("bicubic", True),
    "metaclip": ("bicubic", True),
}

_TOGETHER_LIMIT = 3_000_000  # values (a megapixel in RGB); larger pictures go channel by channel


def resize_exact(image: npt.NDArray[np.uint8], sizes: Sequence[Size], style: ResizeStyle) -> list[torch.Tensor]:
    """``image`` (H, W, 3) uint8 at each of ``sizes`` (height, width): float32 (3, h, w) in [0, 1].

    Bilinear with antialias in float32 for ``clip``; the other styles resize the values 0-255 and
    round back to whole ones, as their encoders' own preprocessing does on 8-bit pictures.
    """
    results = [torch.empty(3, *size) for size in sizes]
    for channels in _groups(image, style):
        values = torch.from_numpy(image[..., channels]).permute(2, 0, 1)[None].to(torch.float32)
        if style == "clip":
            values.div_(255)
        elif style == "siglip":
            values = F.pad(values, (0, 0, 0, 0, 0, 1)).contiguous(memory_format=torch.channels_last)
        for size, result in zip(sizes, results, strict=True):
            scaled = _scale(values, size, style)[0, :3]
            if style == "clip":
                torch.clamp(scaled, 0, 1, out=result[channels])
            else:
                torch.clamp(scaled, 0, 255, out=result[channels]).round_().div_(255)
    return results


def _groups(image: npt.NDArray[np.uint8], style: ResizeStyle) -> list[slice]:
    """Channels resized together.

    The antialiased kernels give the same bits channel by channel, at a third of the memory, which
    counts on large photographs. The plain one adds in another order when channels lie interleaved,
    as they do in a picture, and a few values then round to the next whole number. With three channels
    it does so on one thread only; with a fourth, empty one, on any number of threads.
    """
    if style == "siglip" or image.size <= _TOGETHER_LIMIT:
        return [slice(0, 3)]
    return [slice(channel, channel + 1) for channel in range(3)]


def resize_fast(image: npt.NDArray[np.uint8], sizes: Sequence[Size], style: ResizeStyle) -> list[torch.Tensor]:
    """As resize_exact but in whole numbers throughout: at most 1/255 (and rounding) away, several times quicker.

    Bicubic styles stay exact: in whole numbers the overshoot at edges is cut off between the two
    passes, which costs up to 8/255.
    """
    if _FILTERS[style][0] == "bicubic":
        return resize_exact(image, sizes, style)
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None]
    return [_scale(pixels, size, style)[0].to(torch.float32).div_(255) for size in sizes]


def _scale(pixels: torch.Tensor, size: Size, style: ResizeStyle) -> torch.Tensor:
    filter_name, antialias = _FILTERS[style]
    if tuple(pixels.shape[-2:]) == size:
        return pixels
    return F.interpolate(pixels, size, mode=filter_name, antialias=antialias, align_corners=False)
