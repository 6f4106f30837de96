"""What passes between the steps of the document engine: specification, content, program, rendered picture, marks.

Boxes are pixels of the rendered picture, origin at the top left, (left, top, right, bottom), fractions allowed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from openmolmo.core.registry import Registry

__all__ = [
    "FAMILIES",
    "TOOLS",
    "Box",
    "Chart",
    "Content",
    "Diagram",
    "Family",
    "Fields",
    "Grid",
    "Kind",
    "Mark",
    "Program",
    "Rendered",
    "Spec",
    "Tool",
    "ToolSession",
]

Kind = Literal["chart", "table", "document", "diagram"]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What shall be made: the same specification gives the same bytes with the same version of the tool."""

    tool: str
    kind: Kind
    family: str
    seed: int
    index: int
    language: str = "en"
    persona: str = ""
    topic: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Numbers by category and series. ``values[i][j]``: series i at category j; none is missing."""

    title: str
    x_label: str
    y_label: str
    unit: str
    categories: tuple[str, ...]
    series: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    form: str
    """bar, grouped_bar, stacked_bar, line, area, scatter, pie, box, heat_map, dual_axis, small_multiples ..."""
    shown: tuple[tuple[str, ...], ...] = ()
    """How each number stands in the picture, where it does ("1,240", "12 %"), in the shape of ``values``."""
    colours: tuple[str, ...] = ()
    """Name of each series' colour, where a reader can tell it ("blue")."""
    order: tuple[str, ...] = ()
    """Free use of a form (x values of a scatter chart as text, quartile names of a box chart ...)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table: header and rows as they are printed; ``numbers`` where a cell is a number."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[tuple[float | None, ...], ...]
    units: tuple[str, ...] = ()
    spans: tuple[tuple[int, int, int, int], ...] = ()
    """(row, column, rows, columns) of cells that span several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """A document of named fields and running text, in reading order."""

    title: str
    fields: tuple[tuple[str, str], ...]
    """(name, value as printed): ("Total", "€ 41.20")."""
    items: Grid | None = None
    """Lines of a receipt, invoice, menu or timetable."""
    paragraphs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagram:
    """Nodes and edges. ``edges``: (from, to, label); ``groups``: name of the group of each node, if any."""

    title: str
    form: str
    """flow, org, sequence, class, tree, network, state ..."""
    nodes: tuple[str, ...]
    edges: tuple[tuple[int, int, str], ...]
    directed: bool = True
    groups: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()


Content = Chart | Grid | Fields | Diagram


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Source for one tool, and the content that it draws. ``assets``: files beside it by name."""

    spec: Spec
    content: Content
    source: str
    assets: Mapping[str, bytes] = field(default_factory=dict)
    style: Mapping[str, Any] = field(default_factory=dict)
    made_by: str = "template"
    """``template`` or the language model that wrote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that can be seen, found exactly by the tool: a bar, a cell, a node, a word."""

    role: str
    """bar, point, slice, line, area, cell, header, node, edge, title, label, legend, axis, field, value, word ..."""
    box: Box
    text: str = ""
    """The letters in it, as the tool placed them."""
    datum: Mapping[str, Any] = field(default_factory=dict)
    """Which datum it shows: {"series": 0, "category": 3} or {"row": 2, "column": 1}, {"node": 4}, {"field": 0} ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A finished picture with everything that can be seen in it."""

    png: bytes
    width: int
    height: int
    marks: tuple[Mark, ...]
    tool: str
    version: str


class ToolSession(Protocol):
    """A tool that is running: one for many pictures."""

    def render(self, program: Program) -> Rendered:
        """Draw; a failure is a ``RenderError`` with the tool's own words."""
        ...


class Tool(Protocol):
    """One way to draw: typst, vega, matplotlib, graphviz, html, mermaid, plotly, latex."""

    name: str
    kinds: Sequence[Kind]
    tier: int

    def missing(self) -> str | None:
        """One sentence with the line that installs it, or none where it is there."""
        ...

    def version(self) -> str:
        """Of the tool and its fonts: part of the address of what it makes."""
        ...

    def open(self) -> AbstractContextManager[ToolSession]:
        """Start it."""
        ...


class Family(Protocol):
    """One kind of page of one tool: a receipt in typst, a grouped bar chart in Vega-Lite."""

    name: str
    tool: str
    kind: Kind

    def write(self, rng: np.random.Generator, spec: Spec) -> Program:
        """Content of a plausible world, and the source that draws it."""
        ...


TOOLS: Registry[Tool] = Registry("doc_tool")
FAMILIES: Registry[Family] = Registry("doc_family")
