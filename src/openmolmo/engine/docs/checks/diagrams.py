"""Answers about diagrams: names from the picture, edges from the source that drew it."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable

from openmolmo.engine.docs.base import Mark
from openmolmo.engine.docs.checks.reading import Reading, middle

__all__ = ["DIAGRAM_CHECKS", "source_edges"]

# One edge a line, between nodes that end in their numbers: dot, Mermaid and TikZ agree on that much.
_EDGE = re.compile(
    r"[(\s][nNas](?P<start>\d+)\)?\s*"
    r"(?P<arrow>[-.=<>ox|*+#}{)]{2,}(?:\|(?P<inside>[^|\n]*)\|)?|(?:edge|to)\b[^(\n]*|--|node\b[^;\n]*?\}\s*)\s*"
    r"\(?[nNas](?P<end>\d+)\b(?P<rest>[^\n]*)"
)
# TikZ writes a line's label, and points that it shall remember, between the ends of the line.
_TIKZ_LABEL = re.compile(r"\bnode\s*\[[^\]]*\]\s*\(\w+\)\s*\{(?P<text>[^{}]*)\}")
_REMEMBERED = re.compile(r"\bcoordinate\s*\[[^\]]*\]\s*\(\w+\)")
_LABEL = re.compile(r'label="\s*(?P<dot>[^"]*?)\s*"|^\)?\s*:\s*"?(?P<colon>[^"\n]*?)"?\s*$')


@functools.lru_cache(maxsize=4)
def source_edges(source: str) -> tuple[tuple[int, int, str], ...]:
    """(from, to, label) of every edge that a program draws; empty where it names none."""
    found = []
    for line in source.splitlines():
        between = _TIKZ_LABEL.search(line)
        match = _EDGE.search(_REMEMBERED.sub("", _TIKZ_LABEL.sub("", f" {line}")))
        if match is not None:
            said = _LABEL.search(match["rest"])
            label = (match["inside"] or (said and (said["dot"] or said["colon"])) or "").strip()
            label = label if between is None else between["text"].replace("\\", "").strip()
            found.append((int(match["start"]), int(match["end"]), label.strip('"')))
    return tuple(found)


class _Drawing:
    def __init__(self, reading: Reading) -> None:
        texts: dict[int, list[Mark]] = {}
        self.boxes: dict[int, Mark] = {}
        for mark in reading.marks:
            if "node" in mark.datum:
                number = int(mark.datum["node"])
                if mark.role == "node":
                    self.boxes.setdefault(number, mark)
                if mark.text:
                    texts.setdefault(number, []).append(mark)
        # The longest reading of a node: its box may carry the whole text, or its lines may be marked one by one.
        self.names = {number: _joined(reading, marks) for number, marks in texts.items()}
        self.edges = source_edges(reading.source)
        self.edge_marks = {int(mark.datum["edge"]) for mark in reading.marks if "edge" in mark.datum}

    def node(self, name: str) -> int:
        found = [number for number, text in self.names.items() if text == name]
        if len(found) != 1:
            raise LookupError(f"{len(found)} nodes are called {name!r}")
        return found[0]

    def after(self, name: str) -> list[str]:
        number = self.node(name)
        return [self.names[end] for start, end, _ in self.edges if start == number]

    def before(self, name: str) -> list[str]:
        number = self.node(name)
        return [self.names[start] for start, end, _ in self.edges if end == number]


def _joined(reading: Reading, marks: list[Mark]) -> str:
    whole = [mark for mark in marks if mark.role == "node"]
    chosen = whole[:1] if whole else [mark for mark in marks if mark.role != "word"] or marks
    return " ".join(" ".join(mark.text for mark in reading.in_order(chosen)).split())


def _only(names: list[str]) -> str:
    if len(names) != 1:
        raise LookupError(f"there are {len(names)}")
    return names[0]


def _count_nodes(reading: Reading) -> float:
    return float(len(reading.seen_as(_Drawing).names))


def _count_edges(reading: Reading) -> float:
    return float(len(reading.seen_as(_Drawing).edges))


def _next(reading: Reading, name: str) -> str:
    return _only(reading.seen_as(_Drawing).after(name))


def _previous(reading: Reading, name: str) -> str:
    return _only(reading.seen_as(_Drawing).before(name))


def _count_after(reading: Reading, name: str) -> float:
    return float(len(reading.seen_as(_Drawing).after(name)))


def _label(reading: Reading, one: str, other: str) -> str:
    drawing = reading.seen_as(_Drawing)
    pair = (drawing.node(one), drawing.node(other))
    return _only([label for start, end, label in drawing.edges if (start, end) == pair and label])


def _by_label(reading: Reading, name: str, label: str) -> str:
    drawing = reading.seen_as(_Drawing)
    number = drawing.node(name)
    return _only([drawing.names[end] for start, end, text in drawing.edges if start == number and text == label])


def _ends(reading: Reading) -> float:
    drawing = reading.seen_as(_Drawing)
    starts = {start for start, _, _ in drawing.edges}
    return float(sum(number not in starts for number in drawing.names))


def _root(reading: Reading) -> str:
    drawing = reading.seen_as(_Drawing)
    ends = {end for _, end, _ in drawing.edges}
    return _only([name for number, name in drawing.names.items() if number not in ends])


def _connected(reading: Reading, one: str, other: str) -> bool:
    drawing = reading.seen_as(_Drawing)
    pair = {drawing.node(one), drawing.node(other)}
    return any({start, end} == pair for start, end, _ in drawing.edges)


def _two_steps(reading: Reading, name: str) -> str:
    drawing = reading.seen_as(_Drawing)
    return _only(drawing.after(_only(drawing.after(name))))


def _most_edges(reading: Reading) -> str:
    drawing = reading.seen_as(_Drawing)
    counts = Counter(number for start, end, _ in drawing.edges for number in (start, end))
    best = max(counts.values())
    return _only([drawing.names[number] for number, count in counts.items() if count == best])


def _nth_message(reading: Reading, place: float) -> str:
    return reading.seen_as(_Drawing).edges[int(place) - 1][2]


def _messages_of(reading: Reading, name: str) -> float:
    drawing = reading.seen_as(_Drawing)
    number = drawing.node(name)
    return float(sum(start == number for start, _, _ in drawing.edges))


def _longest(reading: Reading) -> float:
    return max(reading.number(label) for _, _, label in reading.seen_as(_Drawing).edges)


def _title(reading: Reading) -> str:
    return reading.text("title")


def _absent(reading: Reading, name: str) -> bool:
    return name.casefold() not in reading.everything


def _point_node(reading: Reading, name: str) -> str:
    drawing = reading.seen_as(_Drawing)
    mark = drawing.boxes[drawing.node(name)]
    if not all(0 <= value <= size for value, size in zip(middle(mark), reading.size, strict=True)):
        raise LookupError(name)
    return name


DIAGRAM_CHECKS: dict[str, Callable[..., str | float | bool | None]] = {
    "diagram_count_nodes": _count_nodes,
    "diagram_count_edges": _count_edges,
    "diagram_next": _next,
    "diagram_previous": _previous,
    "diagram_count_after": _count_after,
    "diagram_label": _label,
    "diagram_by_label": _by_label,
    "diagram_ends": _ends,
    "diagram_root": _root,
    "diagram_connected": _connected,
    "diagram_two_steps": _two_steps,
    "diagram_most_edges": _most_edges,
    "diagram_nth_message": _nth_message,
    "diagram_messages_of": _messages_of,
    "diagram_longest": _longest,
    "diagram_title": _title,
    "diagram_absent": _absent,
    "diagram_point_node": _point_node,
}
