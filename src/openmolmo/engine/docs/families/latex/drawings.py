r"""Diagrams in TikZ. Nodes are placed here: levels for what has a direction, a ring for what has none."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from openmolmo.engine.docs.base import Diagram, Program, Spec
from openmolmo.engine.docs.families.by_function import Families, FunctionFamily
from openmolmo.engine.docs.families.latex.source import Look, Marks, choose_look, document, escaped
from openmolmo.engine.docs.worlds.diagram import diagram as plausible
from openmolmo.engine.docs.worlds.language import one

__all__ = ["FAMILIES"]

Places = list[tuple[float, float]]
"""Of the nodes' middles, in centimetres, y upwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawing:
    content: Diagram
    look: Look
    marks: Marks
    shape: str
    arrow: str


def _levels(content: Diagram) -> list[int]:
    """The longest way from the first node to each; edges lead to later nodes here."""
    levels = [0] * len(content.nodes)
    for start, end, _ in sorted(content.edges):
        levels[end] = max(levels[end], levels[start] + 1)
    return levels


def _wide(content: Diagram) -> float:
    """Centimetres from node to node, so that no two touch."""
    return max(2.6, 0.235 * max(map(len, content.nodes)) + 0.9)


def _layered(content: Diagram) -> Places:
    levels, wide = _levels(content), _wide(content)
    rows = {level: [n for n, at in enumerate(levels) if at == level] for level in set(levels)}
    places = [(0.0, 0.0)] * len(levels)
    for level, members in rows.items():
        for place, number in enumerate(members):
            places[number] = ((place - (len(members) - 1) / 2) * wide * 1.15, -1.75 * level)
    return places


def _as_tree(content: Diagram, *, sideways: bool) -> Places:
    children: dict[int, list[int]] = {}
    for start, end, _ in content.edges:
        children.setdefault(start, []).append(end)
    slots: dict[int, float] = {}

    def slot(number: int) -> float:
        below = [slot(child) for child in children.get(number, ())]
        leaves = sum(1 for other in slots if other not in children)
        slots[number] = sum(below) / len(below) if below else float(leaves)
        return slots[number]

    slot(0)
    levels, wide = _levels(content), _wide(content)
    if sideways:
        return [(levels[n] * (wide + 0.8), -1.0 * slots[n]) for n in range(len(levels))]
    return [(slots[n] * wide, -1.7 * levels[n]) for n in range(len(levels))]


def _ring(content: Diagram) -> Places:
    count = len(content.nodes)
    radius = max(2.6, _wide(content) * count / 5.2)
    return [
        (radius * math.sin(2 * math.pi * n / count), radius * math.cos(2 * math.pi * n / count)) for n in range(count)
    ]


def _nodes(drawing: _Drawing, places: Places) -> list[str]:
    content = drawing.content
    shapes = {
        "start": "rounded corners=9pt",
        "end": "rounded corners=9pt",
        "decision": "diamond,aspect=2.4,inner sep=1pt",
    }
    lines = []
    for number, (name, (x, y)) in enumerate(zip(content.nodes, places, strict=True)):
        shape = shapes.get(content.shapes[number], drawing.shape) if content.shapes else drawing.shape
        mark = drawing.marks.number("node", {"node": number}, name)
        lines.append(
            rf"\node[draw=accent,fill=tint,thick,{shape}] (n{number}) at ({x:.2f},{y:.2f}) {{{escaped(name)}}};"
        )
        lines.append(rf"\mknode{{{mark}}}{{n{number}}}")
    return lines


_PLACES = tuple(hundredth / 100 for hundredth in range(24, 77, 3))
"""Of labels on their lines, clear of the nodes at both ends."""


def _label_places(content: Diagram, places: Places, *, bend: int, at: float) -> list[float]:
    """Where on its line each label stands, 0-1, so that those of lines that cross do not lie on each other.

    Sizes are guessed, generously; where there is no room anywhere, the first place is taken.
    """
    found: list[float] = []
    taken: list[tuple[float, float, float, float]] = []
    for number, (start, end, label) in enumerate(content.edges):
        first = at + 0.05 * (number % 4)
        tries = [first, *sorted(_PLACES, key=lambda place: abs(place - first))]
        boxes = [_label_box(places[start], places[end], label, bend, place) for place in tries]
        free = [n for n, box in enumerate(boxes) if not any(_meet(box, other) for other in taken)]
        chosen = free[0] if free else 0
        found.append(tries[chosen])
        if label:
            taken.append(boxes[chosen])
    return found


def _label_box(
    start: tuple[float, float], end: tuple[float, float], label: str, bend: int, place: float
) -> tuple[float, float, float, float]:
    """Left, bottom, right, top in centimetres, about a place on a line that is bent to its left."""
    across, up = end[0] - start[0], end[1] - start[1]
    out = 4 * place * (1 - place) * 0.29 * math.sin(math.radians(bend))  # the rise of TikZ's curve, of its length
    x, y = start[0] + place * across - out * up, start[1] + place * up + out * across
    wide, high = 0.09 * len(label) + 0.1, 0.22
    return x - wide, y - high, x + wide, y + high


def _meet(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _edges(drawing: _Drawing, nodes: Places, *, bend: int = 0, at: float = 0.42) -> list[str]:
    """Lines between nodes, found by their ends and middles; labels are marks of their own."""
    lines = []
    style = f"->,>={drawing.arrow}" if drawing.content.directed else "-"
    spots = _label_places(drawing.content, nodes, bend=bend, at=at)
    for number, (start, end, label) in enumerate(drawing.content.edges):
        words = ""
        if label:
            place = spots[number]
            look = rf"pos={place:.2f},fill=white,inner sep=1.5pt,font=\footnotesize"
            words = f" node[{look}] (e{number}) {{{escaped(label)}}}"
        points = "".join(f" coordinate[pos={pos}] ({name}{number})" for name, pos in (("a", 0), ("h", 0.5), ("b", 1)))
        turn = f" to[bend left={bend}]" if bend else " to"
        lines.append(rf"\draw[{style},accent!80!black,thick] (n{start}){turn}{words}{points} (n{end});")
        lines.append(
            rf"\mkspan{{{drawing.marks.number('edge', {'edge': number})}}}{{a{number}}}{{h{number}}}{{b{number}}}"
        )
        if label:
            mark = drawing.marks.number("label", {"edge": number}, label)
            lines.append(rf"\mknode{{{mark}}}{{e{number}}}")
    return lines


def _sequence(drawing: _Drawing) -> list[str]:
    content = drawing.content
    longest = max(len(label) for _, _, label in content.edges)
    wide = max(_wide(content), 0.2 * longest + 1.0)
    lines = _nodes(drawing, [(n * wide, 0.0) for n in range(len(content.nodes))])
    down = 0.95 * (len(content.edges) + 1)
    lines += [rf"\draw[dashed,gray] (n{n}.south) -- ({n * wide:.2f},-{down:.2f});" for n in range(len(content.nodes))]
    for number, (start, end, label) in enumerate(content.edges):
        y = -0.95 * (number + 1)
        # The text stands beside the middle line of life of a long arrow, not on it.
        middle = (start + (0.5 if end > start else -0.5)) * wide
        mark = drawing.marks.number("label", {"edge": number}, label)
        line = (
            f"({start * wide:.2f},{y:.2f}) coordinate (a{number}) -- ({end * wide:.2f},{y:.2f}) coordinate (b{number})"
        )
        lines.append(rf"\draw[->,>={drawing.arrow},thick] {line};")
        lines.append(
            rf"\mkspan{{{drawing.marks.number('edge', {'edge': number})}}}{{a{number}}}{{b{number}}}{{b{number}}}"
        )
        lines.append(
            rf"\node[above,inner sep=2pt,font=\small] (m{number}) at ({middle:.2f},{y:.2f}) {{{escaped(label)}}};"
        )
        lines.append(rf"\mknode{{{mark}}}{{m{number}}}")
    return lines


_Body = Callable[[np.random.Generator, _Drawing], list[str]]


def _with(places: Callable[[np.random.Generator, Diagram], Places], *, bend: int = 0, at: float = 0.42) -> _Body:
    def body(rng: np.random.Generator, drawing: _Drawing) -> list[str]:
        nodes = places(rng, drawing.content)
        return _nodes(drawing, nodes) + _edges(drawing, nodes, bend=bend, at=at)

    return body


WRITERS: dict[str, tuple[str, _Body]] = {
    "flow": ("flow", _with(lambda rng, content: _layered(content))),
    "org": ("org", _with(lambda rng, content: _as_tree(content, sideways=False))),
    "tree": ("tree", _with(lambda rng, content: _as_tree(content, sideways=bool(rng.random() < 0.6)))),
    "sequence": ("sequence", lambda rng, drawing: _sequence(drawing)),
    "network": ("network", _with(lambda rng, content: _ring(content), at=0.34)),
    "state": ("state", _with(lambda rng, content: _ring(content), bend=12, at=0.36)),
}
"""Name to the form of the content and what draws it."""


def _writer(name: str) -> Callable[[np.random.Generator, Spec], Program]:
    form, body = WRITERS[name]

    def write(rng: np.random.Generator, spec: Spec) -> Program:
        content, look, marks = plausible(rng, spec, form), choose_look(rng), Marks()
        shape = one(rng, ("rectangle", "rounded corners=3pt", "ellipse" if form != "sequence" else "rectangle"))
        drawing = _Drawing(
            content=content, look=look, marks=marks, shape=shape, arrow=one(rng, ("stealth", "latex", "to"))
        )
        title = rf"{{\Large\bfseries\color{{accent}}{marks.text('title', {}, content.title)}\par}}\bigskip"
        lines = body(rng, drawing)
        picture = "\n".join([r"\mkorigin\begin{tikzpicture}", *lines, r"\mkframe\end{tikzpicture}"])
        xs = 0.30 * max(map(len, content.nodes)) + 4
        width = xs + (_wide(content) * 1.2) * len(content.nodes)
        libraries = r"\usetikzlibrary{shapes.geometric}"
        source = document(look, marks, f"{title}\n\n{picture}", width=max(width, 18), packages=("tikz",))
        source = source.replace("%MARKS", f"{libraries}\n%MARKS", 1)
        return Program(spec=spec, content=content, source=source, style={"dpi": int(rng.integers(80, 130))})

    return write


FAMILIES = Families(
    FunctionFamily(name=f"latex_{name}", tool="latex", kind="diagram", writer=_writer(name)) for name in WRITERS
)
"""By name."""
