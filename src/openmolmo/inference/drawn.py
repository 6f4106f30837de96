"""Is a picture of the kind that the bundled model was trained on: drawn? A statistic of its colours and its size.

A photograph has more colours than a drawing of its size, whatever the drawing's textures and shadows; one without
colour differs a little from each pixel to the next. Measured on 1500 scenes and clocks of 256 to 640 pixels and on the
17 photographs that come with scikit-image: no drawing is taken for a photograph, and 13 photographs are told apart
(not a blurred one, and three through a microscope or a telescope).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

__all__ = ["looks_drawn"]

_SIDE = 256  # pixels of the longer side that is looked at; smaller pictures tell too little
_LARGE = 384  # pixels from which a drawing has fewer colours for its size
_COLOURS, _COLOURS_OF_LARGE = 0.50, 0.43  # different colours by pixels; drawings have up to 0.448 and 0.409
_ROUGH = 0.11  # the same of a large picture, by the first 6 bits of each channel; drawings have up to 0.104
_GREY = 0.5  # mean difference of the channels; drawings have at least 1.2
_GRAIN = 0.15  # share of neighbours that differ by 4 to 39 of 255; grey photographs have 0.2 to 0.67


def looks_drawn(picture: np.ndarray) -> bool:
    """Whether a picture (H, W, 3 uint8 RGB) may be a drawing; False only where it hardly can be one."""
    longer = max(picture.shape[:2])
    if longer < _SIDE:
        return True
    seen = _reduced(picture).astype(np.int32)
    if float((seen.max(-1) - seen.min(-1)).mean()) < _GREY:
        return _grain(seen.mean(-1)) < _GRAIN
    if longer < _LARGE:
        return _colours(seen) < _COLOURS
    return _colours(seen) < _COLOURS_OF_LARGE and _colours(seen >> 2) < _ROUGH


def _reduced(picture: np.ndarray) -> Any:
    """Some of its pixels as they are: averages would be colours of their own."""
    image = Image.fromarray(picture)
    scale = _SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return np.asarray(image.resize(size, Image.Resampling.NEAREST))


def _colours(seen: np.ndarray) -> float:
    """Different colours by pixels."""
    codes = (seen[..., 0] << 16) | (seen[..., 1] << 8) | seen[..., 2]
    return float(len(np.unique(codes)) / codes.size)


def _grain(levels: np.ndarray) -> float:
    steps = np.concatenate([np.abs(np.diff(levels, axis=axis)).ravel() for axis in (0, 1)])
    return float(((steps > 3) & (steps < 40)).mean())
