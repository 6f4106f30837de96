"""Letters of Vega's charts: how wide they are, where their ink is, and their outlines."""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import ImageFont

from openmolmo.engine.docs.base import Box
from openmolmo.engine.docs.failures import RenderError

__all__ = ["FontFiles", "is_bold", "outlined"]

MEASURE = 1000  # the size at which letters are measured, so that nothing is rounded to pixels

_TEXT = re.compile(r"<text([^>]*)>(.*?)</text>", re.DOTALL)
_SPAN = re.compile(r"<tspan([^>]*)>(.*?)</tspan>", re.DOTALL)
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
_OF_FONTS = {"font-family", "font-size", "font-weight", "font-style", "text-anchor"}
_ANCHORS = {"start": 0.0, "middle": 0.5, "end": 1.0}


class FontFiles:
    """The fonts of a folder: which letters they have, and how much room a text takes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @functools.cached_property
    def _by_name(self) -> Mapping[tuple[str, bool, bool], Path]:
        found: dict[tuple[str, bool, bool], Path] = {}
        for path in sorted(self._folder.glob("*.ttf")):
            family, style = ImageFont.truetype(str(path), 10).getname()
            style = style or ""
            slanted = "Oblique" in style or "Italic" in style
            found.setdefault((str(family), "Bold" in style, slanted), path)
        return found

    def ink(self, text: str, family: str, *, bold: bool, slanted: bool, size: float) -> tuple[Box, float]:
        """(box of the ink about the start of the baseline, width of the line), in units of ``size``."""
        path = self._path(family, bold=bold, slanted=slanted)
        lacks = [letter for letter in text if not letter.isspace() and ord(letter) not in _letters(path)]
        if lacks:
            raise RenderError(
                "vega", f"the font {family!r} has no letter {lacks[0]!r} (U+{ord(lacks[0]):04X}) of {text!r}"
            )
        font = _font(path)
        factor = size / MEASURE
        left, top, right, bottom = font.getbbox(text, anchor="ls")
        return (left * factor, top * factor, right * factor, bottom * factor), font.getlength(text) * factor

    def families(self) -> list[str]:
        """Their names."""
        return sorted({name for name, _, _ in self._by_name})

    def widths(self, family: str) -> dict[str, dict[str, float]]:
        """Of each letter at size 1, of the upright fonts of a family ("DejaVu Sans", "DejaVu Sans bold")."""
        return {
            f"{name} bold" if bold else name: _advances(path)
            for (name, bold, slanted), path in self._by_name.items()
            if name == family and not slanted
        }

    def outlines(self, text: str, family: str, *, bold: bool, slanted: bool, size: float) -> tuple[list[str], float]:
        """(a path for each letter that leaves ink, about the start of the baseline; the line's width)."""
        try:
            path = self._path(family, bold=bold, slanted=slanted)
        except RenderError:
            return [], 0.0  # who reads the chart's marks says so
        font, glyphs, factor = _font(path), _glyphs(path), size / MEASURE
        unit = size / glyphs.units
        paths = []
        for place, letter in enumerate(text):
            if ink := glyphs.outline(letter):
                x = font.getlength(text[: place + 1]) - font.getlength(letter)
                paths.append(
                    f'<path transform="translate({x * factor:.3f},0) scale({unit:.6f},{-unit:.6f})" d="{ink}"/>'
                )
        return paths, font.getlength(text) * factor

    def _path(self, family: str, *, bold: bool, slanted: bool) -> Path:
        for name in (part.strip().strip("'\"") for part in family.split(",")):
            for key in ((name, bold, slanted), (name, bold, False), (name, False, False)):
                if key in self._by_name:
                    return self._by_name[key]
        known = ", ".join(sorted({name for name, _, _ in self._by_name}))
        raise RenderError("vega", f"there is no font {family!r}; there are: {known}")


@functools.cache
def _font(path: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), MEASURE, layout_engine=ImageFont.Layout.BASIC)


@functools.cache
def _letters(path: Path) -> frozenset[int]:
    from fontTools.ttLib import TTFont

    with TTFont(path, lazy=True) as font:
        return frozenset(font.getBestCmap())


class _Glyphs:
    """The outlines of one font's letters, each read once."""

    def __init__(self, path: Path) -> None:
        from fontTools.ttLib import TTFont

        font: Any = TTFont(path, lazy=True)
        self.units = float(font["head"].unitsPerEm)
        self._named, self._set, self._known = font.getBestCmap(), font.getGlyphSet(), dict[str, str]()

    def outline(self, letter: str) -> str:
        """In units of the font; empty where there is no ink, or no such letter."""
        from fontTools.pens.svgPathPen import SVGPathPen

        if letter not in self._known:
            pen = SVGPathPen(self._set)
            name = self._named.get(ord(letter))
            if name is not None:
                self._set[name].draw(pen)
            self._known[letter] = pen.getCommands()
        return self._known[letter]


@functools.cache
def _glyphs(path: Path) -> _Glyphs:
    return _Glyphs(path)


@functools.cache
def _advances(path: Path) -> dict[str, float]:
    from fontTools.ttLib import TTFont

    with TTFont(path, lazy=True) as font:
        units, metrics = font["head"].unitsPerEm, font["hmtx"].metrics
        return {chr(code): round(metrics[name][0] / units, 4) for code, name in font.getBestCmap().items()}


def is_bold(weight: str) -> bool:
    """Of a ``font-weight``."""
    return weight in {"bold", "bolder"} or (weight.isdigit() and int(weight) >= 600)


def outlined(svg: str, fonts: FontFiles) -> str:
    """The drawing with every text as the outlines of its letters."""
    return _TEXT.sub(lambda found: _as_paths(found, fonts), svg)


def _as_paths(found: re.Match[str], fonts: FontFiles) -> str:
    values = dict(_ATTRIBUTE.findall(found[1]))
    spans = _SPAN.findall(found[2])
    lines = [(text, float(dict(_ATTRIBUTE.findall(own)).get("dy", 0))) for own, text in spans] or [(found[2], 0.0)]
    kept = " ".join(f'{name}="{value}"' for name, value in values.items() if name not in _OF_FONTS)
    parts, down = [], 0.0
    for text, step in lines:
        down += step
        paths, wide = fonts.outlines(
            html.unescape(text),
            html.unescape(values.get("font-family", "")),
            bold=is_bold(values.get("font-weight", "normal")),
            slanted=values.get("font-style", "normal") != "normal",
            size=float(values.get("font-size", "10px").removesuffix("px")),
        )
        start = -wide * _ANCHORS[values.get("text-anchor", "start")]
        parts.append(f'<g transform="translate({start:.3f},{down:g})">{"".join(paths)}</g>')
    return f"<g {kept}>{''.join(parts)}</g>"
