"""Diagrams in dot: flow charts, organisations, trees, networks, states, classes, in many looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from openmolmo.engine.docs.base import Diagram, Program, Spec
from openmolmo.engine.docs.families.by_function import Families, FunctionFamily
from openmolmo.engine.docs.worlds.diagram import diagram as plausible
from openmolmo.engine.docs.worlds.language import one, some, word, word_list

__all__ = ["FAMILIES", "quoted"]

PALETTES = (
    ("#dbe9f6", "#1f4e79", "#fde9d9"),
    ("#e2f0d9", "#375623", "#fff2cc"),
    ("#fce4ec", "#880e4f", "#e1f5fe"),
    ("#ffffff", "#222222", "#f2f2f2"),
    ("#fff3e0", "#bf360c", "#e0f2f1"),
    ("#ede7f6", "#4527a0", "#fffde7"),
    ("#e0f7fa", "#006064", "#fbe9e7"),
)
FONTS = ("DejaVu Sans", "DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono", "Liberation Sans", "Liberation Serif")
GROUNDS = ("white", "white", "white", "#fafafa", "#fdf8ee")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    fill: str
    ink: str
    second: str
    font: str
    size: int
    rank: str
    splines: str
    arrow: str
    ground: str
    shape: str
    style: str


def _look(rng: np.random.Generator) -> _Look:
    fill, ink, second = one(rng, PALETTES)
    return _Look(
        fill=fill,
        ink=ink,
        second=second,
        font=one(rng, FONTS),
        size=int(rng.integers(11, 15)),
        rank=one(rng, ("TB", "TB", "LR")),
        splines=one(rng, ("spline", "spline", "ortho", "polyline")),
        arrow=one(rng, ("normal", "vee", "empty", "open")),
        ground=one(rng, GROUNDS),
        shape=one(rng, ("box", "box", "ellipse", "note", "component", "folder")),
        style=one(rng, ("filled", "filled,rounded", "solid")),
    )


def quoted(text: str) -> str:
    """A dot string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _wrapped(text: str, width: int = 16) -> str:
    """A label in lines of about ``width`` letters."""
    lines: list[str] = []
    for part in text.split():
        if lines and len(lines[-1]) + len(part) < width:
            lines[-1] += f" {part}"
        else:
            lines.append(part)
    return "\\n".join(quoted(line)[1:-1] for line in lines)


def _head(content: Diagram, look: _Look, *, layout: str = "dot", dpi: int, rank: str | None = None) -> list[str]:
    # Splines at right angles drop the labels of edges: they are for diagrams without.
    labelled = any(label for _, _, label in content.edges)
    splines = "spline" if labelled and look.splines == "ortho" else look.splines
    kind = "digraph" if content.directed else "graph"
    return [
        f"{kind} drawing {{",
        f"  graph [layout={layout} dpi={dpi} pad=0.25 nodesep=0.45 ranksep=0.55 rankdir={rank or look.rank}"
        f" splines={splines} bgcolor={quoted(look.ground)} label={quoted(content.title)} labelloc=t"
        f" fontname={quoted(look.font)} fontsize={look.size + 5} fontcolor={quoted(look.ink)}];",
        f"  node [fontname={quoted(look.font)} fontsize={look.size} shape={look.shape} style={quoted(look.style)}"
        f' fillcolor={quoted(look.fill)} color={quoted(look.ink)} fontcolor="#111111"];',
        f"  edge [fontname={quoted(look.font)} fontsize={look.size - 2} color={quoted(look.ink)} arrowhead={look.arrow}"
        f' fontcolor="#333333"];',
    ]


def _edges(content: Diagram, extra: Callable[[int], str] = lambda number: "") -> list[str]:
    arrow = "->" if content.directed else "--"
    lines = []
    for number, (start, end, label) in enumerate(content.edges):
        words = f" label={quoted(f' {label} ')}" if label else ""
        lines.append(f"  n{start} {arrow} n{end} [id=e{number}{words}{extra(number)}];")
    return lines


def _dpi(rng: np.random.Generator) -> int:
    return one(rng, (72, 84, 96, 96, 120, 144))


def _flow(rng: np.random.Generator, content: Diagram, look: _Look, language: str) -> list[str]:
    shapes = {"start": "oval", "end": "oval", "step": "box", "decision": "diamond"}
    lines = _head(content, look, dpi=_dpi(rng))
    for number, name in enumerate(content.nodes):
        shape = shapes[content.shapes[number]]
        fill = look.second if shape != "box" else look.fill
        lines.append(f'  n{number} [label="{_wrapped(name)}" shape={shape} fillcolor={quoted(fill)}];')
    return lines + _edges(content)


def _org(rng: np.random.Generator, content: Diagram, look: _Look, language: str) -> list[str]:
    lines = _head(content, look, dpi=_dpi(rng), rank="TB")
    records = rng.random() < 0.5
    for number, name in enumerate(content.nodes):
        fill = look.second if content.groups[number] == "0" else look.fill
        shape = "box" if records or ":" in name else look.shape
        lines.append(f'  n{number} [label="{_wrapped(name, 18)}" shape={shape} fillcolor={quoted(fill)}];')
    return lines + _edges(content)


def _tree(rng: np.random.Generator, content: Diagram, look: _Look, language: str) -> list[str]:
    lines = _head(content, look, dpi=_dpi(rng))
    shape = one(rng, ("box", "ellipse", "plaintext", "egg"))
    for number, name in enumerate(content.nodes):
        fill = look.second if content.groups[number] == "1" else look.fill
        lines.append(f"  n{number} [label={quoted(name)} shape={shape} fillcolor={quoted(fill)}];")
    return lines + _edges(content)


def _network(rng: np.random.Generator, content: Diagram, look: _Look, language: str) -> list[str]:
    layout = one(rng, ("neato", "neato", "circo", "dot"))
    lines = _head(content, look, layout=layout, dpi=_dpi(rng))
    lines.append('  graph [overlap=scale sep="+30" start=7 mindist=2.2 splines=line];')
    lines.append("  edge [len=2.6];")
    shape = one(rng, ("ellipse", "circle", "box", "hexagon"))
    for number, name in enumerate(content.nodes):
        size = "width=0.9" if shape == "circle" else ""
        lines.append(f'  n{number} [label="{_wrapped(name, 10)}" shape={shape} {size}];')
    return lines + _edges(content)


def _state(rng: np.random.Generator, content: Diagram, look: _Look, language: str) -> list[str]:
    lines = _head(content, look, dpi=_dpi(rng), rank=one(rng, ("LR", "TB")))
    lines.append('  begin [shape=point width=0.16 label=""];')
    last = {end for _, end, _ in content.edges} - {start for start, _, _ in content.edges}
    for number, name in enumerate(content.nodes):
        ring = " peripheries=2" if number in last else ""
        shape = "ellipse" if look.shape != "box" else "box"
        style = "filled,rounded" if shape == "box" else "filled"
        lines.append(f"  n{number} [label={quoted(name)} shape={shape} style={quoted(style)}{ring}];")
    return [*lines, "  begin -> n0;", *_edges(content)]


def _class(rng: np.random.Generator, content: Diagram, look: _Look, language: str) -> list[str]:
    lines = _head(content, look, dpi=_dpi(rng), rank="TB")
    lines.append("  node [shape=record style=filled];")
    columns = [word(entry, language) for entry in word_list("papers")["names"].values()]
    for number, name in enumerate(content.nodes):
        parts = [f"+ {field.lower()}" for field in some(rng, columns, int(rng.integers(1, 4)))]
        inside = "".join(f"{_field(part)}\\l" for part in parts)
        lines.append(f'  n{number} [label="{{{_field(name)}|{inside}}}"];')
    heads = one(rng, ("empty", "vee", "odiamond", "diamond"))
    return lines + _edges(content, lambda number: f" arrowhead={heads}")


def _field(text: str) -> str:
    """Text of a record label, whose braces and bars mean something."""
    return "".join(f"\\{letter}" if letter in '\\"{}|<> ' else letter for letter in text)


def _grouped(rng: np.random.Generator, content: Diagram, look: _Look, language: str) -> list[str]:
    """A tree whose branches are framed."""
    lines = _head(content, look, dpi=_dpi(rng))
    parent = {end: start for start, end, _ in content.edges}
    branch: dict[int, list[int]] = {}
    for number in range(1, len(content.nodes)):
        top = number
        while parent[top] != 0:
            top = parent[top]
        branch.setdefault(top, []).append(number)
    lines.append(f"  n0 [label={quoted(content.nodes[0])} fillcolor={quoted(look.second)}];")
    for members in branch.values():
        lines.append(f'  subgraph cluster_{members[0]} {{ label="" style="rounded,dashed" color={quoted(look.ink)};')
        lines += [f"    n{number} [label={quoted(content.nodes[number])}];" for number in members]
        lines.append("  }")
    return lines + _edges(content)


_Lines = Callable[[np.random.Generator, Diagram, _Look, str], list[str]]

WRITERS: dict[str, tuple[str, _Lines]] = {
    "flow": ("flow", _flow),
    "org": ("org", _org),
    "tree": ("tree", _tree),
    "network": ("network", _network),
    "state": ("state", _state),
    "class": ("class", _class),
    "framed_tree": ("tree", _grouped),
}
"""Name to the form of the content and what writes it."""


def _writer(name: str) -> Callable[[np.random.Generator, Spec], Program]:
    form, lines_of = WRITERS[name]

    def write(rng: np.random.Generator, spec: Spec) -> Program:
        content = plausible(rng, spec, form)
        source = "\n".join([*lines_of(rng, content, _look(rng), spec.language), "}", ""])
        return Program(spec=spec, content=content, source=source)

    return write


FAMILIES = Families(
    FunctionFamily(name=f"graphviz_{name}", tool="graphviz", kind="diagram", writer=_writer(name)) for name in WRITERS
)
"""By name."""
