"""Bars as SVG inside a page: no plotting package, sharp at any size, read aloud by its label."""

from __future__ import annotations

import math
from collections.abc import Mapping

from markupsafe import Markup

__all__ = ["bars"]

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 520, 170, 46, 8, 10, 26
_MOST_NAMES = 8


def bars(values: Mapping[str, float], *, label: str, top: float | None = None) -> Markup:
    """One bar a name, in order, from 0 to ``top`` (none: the largest value); ``label`` says what they are."""
    highest = _round_up(max(values.values(), default=0.0)) if top is None else top
    inner, tall = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    each = inner / max(1, len(values))
    parts = [f'<svg class="bars" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{Markup.escape(label)}">']
    for mark in (0.0, highest / 2, highest):
        y = _TOP + tall * (1 - mark / highest)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="y" x="{_LEFT - 6}" y="{y + 4:.1f}">{mark:g}</text>')
    stride = math.ceil(len(values) / _MOST_NAMES)
    for index, (name, value) in enumerate(values.items()):
        height = tall * min(1.0, value / highest)
        x, y = _LEFT + (index + 0.1) * each, _TOP + tall - height
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{0.8 * each:.1f}" height="{height:.1f}">'
            f"<title>{Markup.escape(name)}: {value:.4g}</title></rect>"
        )
        if index % stride == 0:
            middle = _LEFT + (index + 0.5) * each
            parts.append(f'<text class="x" x="{middle:.1f}" y="{_HEIGHT - 8}">{Markup.escape(name[:12])}</text>')
    return Markup("".join([*parts, "</svg>"]))  # every text was escaped above


def _round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, ... times a power of ten."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= value * (1 - 1e-9))
