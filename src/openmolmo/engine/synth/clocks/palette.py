"""Colours and materials. A colour is (blue, green, red, alpha), the order OpenCV draws in."""

from __future__ import annotations

from openmolmo.engine.synth.clocks.dice import Dice

__all__ = ["Colour", "PALETTES", "any_colour", "choose", "grey", "luma", "mix", "readable_on", "rgb"]

Colour = tuple[int, int, int, int]


def rgb(code: int) -> Colour:
    """A colour from a hexadecimal RGB code, e.g. ``0xD4AF37``."""
    return (code & 255, code >> 8 & 255, code >> 16 & 255, 255)


def grey(level: float) -> Colour:
    """A grey, 0 black to 255 white."""
    value = max(0, min(255, int(level)))
    return (value, value, value, 255)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """``first`` with ``share`` (0-1) of ``second``; ``share`` below 0 moves away from it."""
    b, g, r = (max(0, min(255, int(x + (y - x) * share))) for x, y in zip(first[:3], second[:3], strict=True))
    return (b, g, r, 255)


def luma(colour: Colour) -> float:
    """Perceived brightness, 0-255 (ITU-R BT.601 weights)."""
    return 0.114 * colour[0] + 0.587 * colour[1] + 0.299 * colour[2]


def _table(*codes: int) -> tuple[Colour, ...]:
    return tuple(rgb(code) for code in codes)


PALETTES: dict[str, tuple[Colour, ...]] = {
    "white": _table(0xFFFFFF, 0xFAFAF7, 0xF5F2EA, 0xEFEFEF, 0xF7F3E3, 0xF2F4F6),
    "cream": _table(0xF3E9D0, 0xEFE3C2, 0xE8DCC0, 0xF6EBCB, 0xE9DDBE, 0xDFCFA8),
    "silver": _table(0xD9DBDD, 0xC9CCCF, 0xE1E2E4, 0xBFC3C7),
    "black": _table(0x101112, 0x17181A, 0x0B0C0E, 0x1D1E21, 0x14161C),
    "blue": _table(0x12284C, 0x1B3B6F, 0x0E1F3A, 0x234E8A, 0x2C5F8A, 0x0A2540),
    "green": _table(0x123524, 0x1E4D36, 0x2F5D46, 0x0F2B20, 0x4A6B4F),
    "red": _table(0x5C1016, 0x7A1B20, 0x8E2A2A, 0x4A0D14),
    "brown": _table(0x4A3426, 0x5B4030, 0x3B2A20, 0x6A4A34),
    "salmon": _table(0xE3A587, 0xD99A7C, 0xE8B59C),
    "pastel": _table(0xF7D6D0, 0xD6E8F0, 0xDDEBD3, 0xFBEFC8, 0xE6DDF0, 0xCFE8E3),
    "bright": _table(0xE53935, 0xFB8C00, 0xFDD835, 0x43A047, 0x1E88E5, 0x8E24AA, 0xD81B60, 0x00ACC1),
    "steel": _table(0xC4C8CC, 0xAEB3B8, 0xD4D7DA, 0x9AA0A6, 0xB9BCC0),
    "gold": _table(0xD4AF37, 0xC9A04A, 0xE0BE68, 0xB8923A, 0xD8B15E),
    "rose": _table(0xC98B73, 0xD69C84, 0xB87A63),
    "brass": _table(0xB08D47, 0xA07C3A, 0xC29F5A, 0x8C6D34),
    "gunmetal": _table(0x2B2D30, 0x3A3D41, 0x232528, 0x46494E),
    "leather": _table(0x5A3820, 0x3B2415, 0x7B4B2A, 0x1E1A18, 0x8A5A33, 0x2A2A2E, 0x27364A, 0x5A1E1E, 0x9A7B55),
    "rubber": _table(0x17181A, 0x222428, 0x1F2E46, 0x38413A, 0x7A1F1F, 0xC7521E, 0xE9E9E6, 0x2F6F4F),
    "wood": _table(0x6B4226, 0x8A5A33, 0x4E2E1A, 0xA9713F, 0xC08F5B, 0x3A2415, 0xD0A873),
    "plastic": _table(0xF2F2F0, 0x202124, 0x1565C0, 0xC62828, 0x2E7D32, 0xF9A825, 0x6D4C41, 0xB0BEC5, 0xEF9A9A),
    "stone": _table(0xB7AD9A, 0x9C9384, 0xC9C0AE, 0x8B8478, 0xA8876A, 0x7C6A5A),
    "ink": _table(0x111111, 0x1A1A1A, 0x202428, 0x2B1D14, 0x0E1B33),
    "accent": _table(0xD32F2F, 0xE53935, 0xF57C00, 0xFBC02D, 0x1976D2, 0x388E3C, 0xC2185B, 0x00897B),
    "wall": _table(0xE9E4DA, 0xD8D3C7, 0xC7D0D5, 0xB9C4B5, 0xE5D3C2, 0x8FA3AD, 0x6F7F86, 0xA65E4E, 0x44505A, 0xF2F0EC),
    "led": _table(0xFF2A1E, 0xFF3B30, 0x29FF5B, 0x35D0FF, 0x3A7BFF, 0xFFB020, 0xFFFFFF, 0xE9F6FF),
    "lcd": _table(0xAEB9A0, 0xB7C2A8, 0x9DAA92, 0xC3CBBB, 0xA7B5AA, 0x8FB08A, 0xB9C7D0, 0xE0A45A),
}  # fmt: skip


def choose(dice: Dice, *names: str) -> Colour:
    """A colour from one of the named palettes, varied a little."""
    colour = dice.pick(PALETTES[dice.pick(names)])
    return mix(colour, dice.pick((grey(0), grey(255))), dice.between(0, 0.08))


def any_colour(dice: Dice) -> Colour:
    """Any colour at all, mostly muted."""
    level, spread = dice.between(30, 230), dice.between(0, 70)
    b, g, r = (max(0, min(255, int(dice.around(level, spread)))) for _ in range(3))
    return (b, g, r, 255)


def readable_on(dice: Dice, ground: Colour) -> Colour:
    """A neutral ink that stands out from ``ground``."""
    if luma(ground) > 115:
        return mix(dice.pick(PALETTES["ink"]), ground, dice.between(0, 0.1))
    return mix(dice.pick(PALETTES["white"]), ground, dice.between(0, 0.12))
