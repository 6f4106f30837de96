"""Grey textures (128 changes nothing) that lie over drawn colours; made once and cached."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from openmolmo.core.optional import require
from openmolmo.engine.synth.clocks.canvas import Pixels

cv2 = require("cv2", extra="synth")

__all__ = ["GRAINS", "dial_texture", "grain", "metal_texture"]

_Levels = npt.NDArray[np.floating]
_SIZE = 192
GRAINS = 6


@lru_cache(maxsize=128)
def dial_texture(kind: str, variant: int, power: float) -> Pixels:
    """A dial's shading (192, 192, 4): sunray, vignette, linear, guilloche or grain; neutral outside the dial."""
    y, x = np.mgrid[0:_SIZE, 0:_SIZE].astype(np.float32) / (_SIZE - 1) * 2 - 1
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    if kind == "sunray":
        level = 40 * np.cos(2 * (angle - variant)) + 8 * np.sin(72 * angle) * (radius > 0.08)
    elif kind == "vignette":
        level = 45 * (0.55 - radius**2)
    elif kind == "linear":
        level = 45 * (x * np.cos(variant) + y * np.sin(variant))
    elif kind == "guilloche":
        level = 22 * np.sin(34 * radius + 12 * np.sin(6 * angle)) * (radius < 0.62)
    else:
        level = _noise(variant).astype(np.float32) * 0.6
    return _four(np.where(_inside(x, y, power), level, 0))


@lru_cache(maxsize=64)
def metal_texture(variant: int, power: float) -> Pixels:
    """The sheen of a turned metal ring (192, 192, 4): bright and dark sectors."""
    y, x = np.mgrid[0:_SIZE, 0:_SIZE].astype(np.float32) / (_SIZE - 1) * 2 - 1
    angle = np.arctan2(y, x) + 0.7 * variant
    level = 55 * np.cos(2 * angle) + 25 * np.cos(3 * angle + variant) - 12 * np.cos(5 * angle)
    return _four(np.where(_inside(x, y, power), level, 0))


def _inside(x: _Levels, y: _Levels, power: float) -> npt.NDArray[np.bool_]:
    """Where the superellipse is; a pixel is left at its edge, which antialiasing shares."""
    inside: npt.NDArray[np.bool_] = np.abs(x) ** power + np.abs(y) ** power < 0.985**power
    return inside


def _noise(seed: int) -> npt.NDArray[np.float64]:
    rng = np.random.Generator(np.random.PCG64(seed))
    result: npt.NDArray[np.float64] = cv2.GaussianBlur(rng.normal(0, 40, (_SIZE, _SIZE)), (3, 3), 0)
    return result


@lru_cache(maxsize=GRAINS)
def grain(variant: int) -> Pixels:
    """Sensor noise around 128, (640, 640, 3); cut a piece anywhere."""
    rng = np.random.Generator(np.random.PCG64(1000 + variant))
    shared = rng.normal(0, 1, (640, 640, 1))
    noise = 0.75 * shared + 0.5 * rng.normal(0, 1, (640, 640, 3))
    return np.clip(128 + 32 * noise, 0, 255).astype(np.uint8)


def _four(level: _Levels) -> Pixels:
    grey = np.clip(128 + level, 0, 255).astype(np.uint8)
    return np.dstack([grey, grey, grey, np.full_like(grey, 128)])
