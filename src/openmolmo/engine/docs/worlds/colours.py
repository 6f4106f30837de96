"""Colours that a reader can name, and how they look in several palettes."""

from __future__ import annotations

import numpy as np

from openmolmo.engine.docs.worlds.language import some

__all__ = ["COLOURS", "choose_colours", "hexes"]

COLOURS: dict[str, tuple[str, ...]] = {
    "blue": ("#1f77b4", "#2a5fb8", "#3b7dd8"),
    "orange": ("#ff7f0e", "#f28e2b", "#e8710a"),
    "green": ("#2ca02c", "#3f9142", "#1e8e3e"),
    "red": ("#d62728", "#c0272d", "#e0433c"),
    "purple": ("#8a4fbf", "#7e57c2", "#7b2d9b"),
    "brown": ("#8c564b", "#7b4b2a", "#95633a"),
    "pink": ("#e377c2", "#ee7fb5", "#f28cb8"),
    "grey": ("#7f7f7f", "#8a8f98", "#6d7278"),
    "yellow": ("#e6c700", "#f0c808", "#ddb800"),
    "teal": ("#159a9c", "#118ab2", "#0f8f8a"),
    "black": ("#222222", "#2b2b2b", "#111111"),
}
"""Name to how it looks in the palettes; every two of a palette are told apart by their names."""


def choose_colours(rng: np.random.Generator, count: int) -> tuple[str, ...]:
    """``count`` different names; teal is left out beside blue or green, which it resembles."""
    names = [name for name in COLOURS if name != "teal"]
    return tuple(some(rng, names, count))


def hexes(names: tuple[str, ...], palette: int = 0) -> tuple[str, ...]:
    """How the named colours look in a palette, "#rrggbb"."""
    return tuple(COLOURS[name][palette % 3] for name in names)
