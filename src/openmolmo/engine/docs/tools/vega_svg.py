"""From Vega's scene graph, written as SVG, to marks with boxes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

from openmolmo.engine.docs.base import Box, Mark
from openmolmo.engine.docs.tools.vega_letters import FontFiles, is_bold

__all__ = ["marks_of"]

SVG = "{http://www.w3.org/2000/svg}"
TEXT_ROLES = {
    "title-text": "title",
    "title-subtitle": "label",
    "axis-label": "axis",
    "axis-title": "label",
    "legend-label": "legend",
    "legend-title": "label",
}
"""Part of the scene graph to role; other texts are values."""

Matrix = tuple[float, float, float, float, float, float]
IDENTITY: Matrix = (1, 0, 0, 1, 0, 0)


def marks_of(svg: str, scale: float, fonts: FontFiles) -> tuple[Mark, ...]:
    """Everything that can be seen: what has a description, and every text. Pixels are units times ``scale``."""
    root = ElementTree.fromstring(svg)
    return tuple(_walk(root, (scale, 0, 0, scale, 0, 0), "", fonts))


def _walk(element: ElementTree.Element, outer: Matrix, role: str, fonts: FontFiles) -> Iterator[Mark]:
    matrix = _times(outer, _transform(element.get("transform", "")))
    found = re.search(r"\brole-([\w-]+)", element.get("class", ""))
    role = found[1] if found else role
    if element.tag == f"{SVG}text":
        yield from _text(element, matrix, role, fonts)
    elif element.tag in {f"{SVG}path", f"{SVG}line", f"{SVG}rect"}:
        yield from _shape(element, matrix, role)
    else:
        for child in element:
            yield from _walk(child, matrix, role, fonts)


def _shape(element: ElementTree.Element, matrix: Matrix, role: str) -> Iterator[Mark]:
    described = _described(element)
    if role == "legend-symbol" and element.tag == f"{SVG}path":
        described = {"role": "swatch"}
    if described is None:
        return
    box = _line(element) if element.tag == f"{SVG}line" else _path_box(element.get("d", ""))
    if box is not None:
        yield Mark(role=str(described.pop("role")), box=_moved(box, matrix), datum=described)


def _described(element: ElementTree.Element) -> dict[str, Any] | None:
    """The datum that a mark's description holds, none where it is none of ours."""
    label = element.get("aria-label", "")
    if not label.startswith("{"):
        return None
    try:
        found = json.loads(label)
    except json.JSONDecodeError:
        return None
    return found if isinstance(found, dict) and "role" in found else None


def _line(element: ElementTree.Element) -> Box:
    x, y = float(element.get("x2", 0)), float(element.get("y2", 0))
    return min(0.0, x), min(0.0, y), max(0.0, x), max(0.0, y)


def _path_box(path: str) -> Box | None:
    from fontTools.pens.boundsPen import BoundsPen
    from fontTools.svgLib.path import parse_path

    pen = BoundsPen(None)
    parse_path(path, pen)
    return tuple(pen.bounds) if pen.bounds else None


def _text(element: ElementTree.Element, matrix: Matrix, role: str, fonts: FontFiles) -> Iterator[Mark]:
    spans = element.findall(f"{SVG}tspan")
    lines = [(span.text or "", float(span.get("dy", 0))) for span in spans] or [(element.text or "", 0.0)]
    size = float(element.get("font-size", "10px").removesuffix("px"))
    bold = is_bold(element.get("font-weight", "normal"))
    slanted = element.get("font-style", "normal") != "normal"
    described = _described(element)
    name, datum = TEXT_ROLES.get(role, "value"), {}
    if described is not None:
        name, datum = str(described.pop("role")), described
    down = 0.0
    for text, step in lines:
        down += step
        if not text.strip():
            continue
        ink, wide = fonts.ink(text, element.get("font-family", ""), bold=bold, slanted=slanted, size=size)
        start = -wide * {"start": 0.0, "middle": 0.5, "end": 1.0}[element.get("text-anchor", "start")]
        box = (ink[0] + start, ink[1] + down, ink[2] + start, ink[3] + down)
        yield Mark(role=name, box=_moved(box, matrix), text=text, datum=dict(datum))


def _transform(text: str) -> Matrix:
    matrix = IDENTITY
    for name, inside in re.findall(r"(\w+)\(([^)]*)\)", text):
        numbers = [float(part) for part in re.split(r"[ ,]+", inside.strip())]
        matrix = _times(matrix, _step(name, numbers))
    return matrix


def _step(name: str, numbers: Sequence[float]) -> Matrix:
    if name == "translate":
        return 1, 0, 0, 1, numbers[0], numbers[1] if len(numbers) > 1 else 0
    if name == "scale":
        return numbers[0], 0, 0, numbers[-1], 0, 0
    assert name == "rotate", name
    turn = math.radians(numbers[0])
    return math.cos(turn), math.sin(turn), -math.sin(turn), math.cos(turn), 0, 0


def _times(one: Matrix, two: Matrix) -> Matrix:
    a, b, c, d, e, f = one
    g, h, i, j, k, m = two
    return a * g + c * h, b * g + d * h, a * i + c * j, b * i + d * j, a * k + c * m + e, b * k + d * m + f


def _moved(box: Box, matrix: Matrix) -> Box:
    a, b, c, d, e, f = matrix
    corners = [(box[x], box[y]) for x in (0, 2) for y in (1, 3)]
    xs = [a * x + c * y + e for x, y in corners]
    ys = [b * x + d * y + f for x, y in corners]
    return min(xs), min(ys), max(xs), max(ys)
