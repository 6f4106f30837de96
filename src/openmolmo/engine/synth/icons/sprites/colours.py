"""Which of the eleven basic colours of English a drawing has, by share of its area."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["BASIC", "shares"]

BASIC = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray")

_HUES = (
    (14, "red"),
    (33, "orange"),
    (41, ""),
    (66, "yellow"),
    (172, "green"),
    (190, ""),
    (235, "blue"),
    (250, ""),
    (292, "purple"),
    (338, "pink"),
    (352, ""),
)
"""Greatest hue in degrees of each colour word, none where people would differ; red again above the last."""


def shares(pixels: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Colour -> share of the opaque area, largest first. ``pixels`` (H, W, 4), RGBA.

    Skin tones and beige have no basic word, so the shares need not add up to one.
    """
    thin = pixels[::3, ::3]  # enough to tell shares by
    colours = thin[thin[..., 3] >= 128][:, :3].astype(np.float64) / 255
    high, low = colours.max(axis=1), colours.min(axis=1)
    words = [_word(hue, chroma, value) for hue, chroma, value in zip(_hues(colours), high - low, high, strict=True)]
    found = {colour: round(words.count(colour) / len(words), 3) for colour in BASIC}
    return dict(sorted(((c, s) for c, s in found.items() if s), key=lambda pair: (-pair[1], pair[0])))


def _hues(colours: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Hue in degrees, 0-360."""
    red, green, blue = colours.T
    high = colours.max(axis=1)
    chroma = np.maximum(high - colours.min(axis=1), 1e-9)
    sixths = np.where(
        high == red,
        ((green - blue) / chroma) % 6,
        np.where(high == green, (blue - red) / chroma + 2, (red - green) / chroma + 4),
    )
    return np.asarray(sixths * 60)


def _word(hue: float, chroma: float, value: float) -> str:
    saturation = chroma / value if value else 0.0
    if value < 0.3:
        return "black"
    if saturation < 0.16:
        return "white" if value > 0.9 else "gray"
    word = next((name for most, name in _HUES if hue < most), "red")
    if word == "red" and saturation < 0.6:
        return "pink" if value > 0.7 and not 8 <= hue < 180 else ""
    if word in ("red", "orange") and value < 0.6:
        return "brown"
    if word == "orange" and saturation < 0.72:
        return "brown" if value < 0.8 else ""  # skin, tan, beige
    if word == "yellow" and (value < 0.7 or saturation < 0.42):
        return ""
    if word == "purple" and saturation < 0.3:
        return "gray"
    return word
